//! What the servers are asked to run: the scripts' texts, what they are called with and what they answer.
//!
//! Only here is it known in which order a script takes its arguments and gives its answers. Above this layer both are
//! plain structs.
//!
//! The texts lie beside the code, `exchange.lua`, `beat.lua` and `probe.lua`, and each begins with what it takes and returns. They run
//! as they are on every server of the kind from the version that `docs/redis.md` names; the tests run them on a real one and hold a
//! model in Rust against it (`tests/fidelity`).

mod account;
pub(crate) mod beat;
pub(crate) mod exchange;

use rmp::encode::{write_array_len, write_sint, write_uint};

pub(crate) use self::account::{Account, Names, canonical, is_windowed};

/// The version of what is stored, part of every key.
///
/// Processes of two versions do not see each other's accounts, and that is all that a new version breaks: no server has to be emptied.
const FORMAT: u8 = 1;

/// The keys and the values that a script is called with, each kind in one piece of memory.
///
/// Numbers travel together, as one last value in MessagePack: a server takes fifty of them apart in the time in which it
/// reads three values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    keys: Texts,
    texts: Texts,
    /// The numbers in MessagePack, without the head that says how many.
    numbers: Vec<u8>,
    count: u32,
}

/// Texts one behind the other, with where each ends.
#[derive(Clone, Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arguments {
    /// Appends a key: in a cluster all keys of a call must lie in one slot.
    pub(crate) fn push_key(&mut self, key: &[u8]) {
        self.keys.push(key);
    }

    /// Appends a value that stays bytes.
    pub(crate) fn push_bytes(&mut self, text: &[u8]) {
        self.texts.push(text);
    }

    /// Appends a number to those that travel together, in the order in which the script takes them.
    pub(crate) fn push(&mut self, number: impl Into<i128>) {
        let number = number.into();
        // Writing to memory cannot fail.
        let _ = match u64::try_from(number) {
            Ok(number) => write_uint(&mut self.numbers, number),
            Err(_) => write_sint(&mut self.numbers, number as i64),
        };
        self.count += 1;
    }

    /// The keys, as the script would read them.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.keys.iter()
    }

    /// The values but for the numbers, as the script would read them.
    pub(crate) fn texts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.texts.iter()
    }

    /// The last value, if there are numbers.
    ///
    /// An array of MessagePack: the head that says how many, and the numbers as they were pushed.
    pub(crate) fn packed(&self) -> Option<Vec<u8>> {
        const HEAD: usize = 5;
        if self.count == 0 {
            return None;
        }
        let mut packed = Vec::with_capacity(HEAD + self.numbers.len());
        // Writing to memory cannot fail.
        let _ = write_array_len(&mut packed, self.count);
        packed.extend_from_slice(&self.numbers);
        Some(packed)
    }
}

/// The numbers that a script has packed into one array; `None` if it is none.
pub(crate) fn unpack(mut packed: &[u8]) -> Option<Vec<i64>> {
    let count = rmp::decode::read_array_len(&mut packed).ok()? as usize;
    // Each takes a byte at least, so nothing makes this ask for more memory than what has come.
    let is_whole = count <= packed.len();
    let numbers = (0..count).map_while(|_| rmp::decode::read_int(&mut packed).ok());
    let numbers: Vec<i64> = if is_whole { numbers.collect() } else { return None };
    (numbers.len() == count && packed.is_empty()).then_some(numbers)
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let start = |at: usize| at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends.iter().enumerate().map(move |(at, end)| &self.bytes[start(at)..*end])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_unpacked_as_they_were_packed(numbers in prop::collection::vec(any::<i64>(), 1..50)) {
            let mut arguments = Arguments::default();
            numbers.iter().for_each(|number| arguments.push(*number));
            prop_assert_eq!(unpack(&arguments.packed().unwrap()), Some(numbers));
        }

        #[test]
        fn what_is_no_array_of_numbers_is_none(mut packed in prop::collection::vec(any::<u8>(), 0..40)) {
            // Of four thousand million numbers, too.
            packed.splice(0..0, [0xdd, 0xff, 0xff, 0xff, 0xff]);
            prop_assert_eq!(unpack(&packed), None);
            let _ = unpack(&packed[5..]);
        }
    }
}
