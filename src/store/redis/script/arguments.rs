//! The keys and the values that a script is called with.

/// The keys and the values that a script is called with, each kind in one piece of memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    keys: Texts,
    values: Texts,
}

/// Texts one behind the other, with where each ends.
#[derive(Clone, Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arguments {
    pub(crate) fn push_key(&mut self, key: &[u8]) {
        self.keys.push(key);
    }

    pub(crate) fn push_bytes(&mut self, value: &[u8]) {
        self.values.push(value);
    }

    pub(crate) fn push(&mut self, number: impl itoa::Integer) {
        self.push_bytes(itoa::Buffer::new().format(number).as_bytes());
    }

    /// The keys, as the script would read them.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.keys.iter()
    }

    /// The values, as the script would read them.
    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.values.iter()
    }
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
