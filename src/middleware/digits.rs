//! Numbers as values of header fields.
//!
//! A value of its own for each number would be two allocations a request. Small numbers lie in a table that is compiled
//! in; of large ones, which mostly begin like the one before, only the last digits are written anew, and the values are
//! cut from one buffer.

use actix_web::http::header::HeaderValue;
use bytes::{Buf as _, Bytes, BytesMut};

/// How many numbers are in the table: those of up to four digits.
const SMALL: u64 = 10_000;

/// How many digits a group has, which is one of the table's numbers.
const GROUP: usize = 4;

/// How much room for digits is made at once.
const ROOM: usize = 4096;

/// The digits of the largest number.
const MOST: usize = 20;

/// All small numbers one after another, each with zeros before it.
static GROUPS: [u8; GROUP * SMALL as usize] = groups();

const fn groups() -> [u8; GROUP * SMALL as usize] {
    let mut all = [0; GROUP * SMALL as usize];
    let mut at = 0;
    while at < all.len() {
        let number = at / GROUP;
        all[at] = b'0' + (number / 1000) as u8;
        all[at + 1] = b'0' + (number / 100 % 10) as u8;
        all[at + 2] = b'0' + (number / 10 % 10) as u8;
        all[at + 3] = b'0' + (number % 10) as u8;
        at += GROUP;
    }
    all
}

/// Where the digits of large numbers are written.
#[derive(Debug, Default)]
pub(crate) struct Digits {
    room: BytesMut,
    /// The last large number, and how many digits it has at the end of `text`.
    last: u64,
    length: usize,
    text: [u8; MOST],
}

impl Digits {
    /// A number as a value.
    #[inline]
    pub(crate) fn of(&mut self, number: u64) -> HeaderValue {
        if number < SMALL { small(number) } else { self.large(number) }
    }

    fn large(&mut self, number: u64) -> HeaderValue {
        self.write(number);
        if self.room.capacity() < MOST {
            self.room.reserve(ROOM);
        }
        // So many bytes are copied in a few steps, and no loop, however long the number is.
        self.room.extend_from_slice(&self.text);
        let mut digits = self.room.split().freeze();
        digits.advance(MOST - self.length);
        value(digits, number)
    }

    /// Writes the digits that differ from those of the number before.
    #[inline]
    fn write(&mut self, number: u64) {
        if number / SMALL != self.last / SMALL || self.length == 0 {
            let mut buffer = itoa::Buffer::new();
            let digits = buffer.format(number).as_bytes();
            self.length = digits.len();
            self.text[MOST - digits.len()..].copy_from_slice(digits);
        } else {
            let at = (number % SMALL) as usize * GROUP;
            self.text[MOST - GROUP..].copy_from_slice(&GROUPS[at..at + GROUP]);
        }
        self.last = number;
    }
}

/// The last value of a field that mostly repeats.
#[derive(Debug)]
pub(crate) struct Repeated {
    number: u64,
    value: HeaderValue,
}

impl Default for Repeated {
    fn default() -> Self {
        Self { number: 0, value: small(0) }
    }
}

impl Repeated {
    #[inline]
    pub(crate) fn of(&mut self, number: u64) -> HeaderValue {
        if self.number != number {
            *self = Self::new(number);
        }
        self.value.clone()
    }

    #[cold]
    fn new(number: u64) -> Self {
        let value = if number < SMALL { small(number) } else { HeaderValue::from(number) };
        Self { number, value }
    }
}

#[inline]
fn small(number: u64) -> HeaderValue {
    let zeros = usize::from(number < 1000) + usize::from(number < 100) + usize::from(number < 10);
    let at = number as usize * GROUP;
    value(Bytes::from_static(&GROUPS[at + zeros..at + GROUP]), number)
}

/// Digits are what a value may hold.
#[inline]
fn value(digits: Bytes, number: u64) -> HeaderValue {
    HeaderValue::from_maybe_shared(digits).unwrap_or_else(|_| HeaderValue::from(number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_have_no_zeros_before_them() {
        let mut digits = Digits::default();
        for number in (0..=SMALL + 1).chain([99_999, 100_000, u64::MAX]) {
            assert_eq!(digits.of(number), number.to_string());
        }
    }

    proptest! {
        #[test]
        fn numbers_that_begin_alike_are_written_as_they_are(
            numbers in prop::collection::vec((any::<u64>(), 0..64_u32, 0..20_000_u64), 1..20),
        ) {
            let mut digits = Digits::default();
            for (number, shift, less) in numbers {
                let number = number >> shift;
                for number in [number, number.saturating_sub(less), number.saturating_add(less)] {
                    prop_assert_eq!(digits.of(number), number.to_string());
                }
            }
        }
    }
}
