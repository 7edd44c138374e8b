//! The rows of a table, in memory that goes back to the operating system when they are dropped.
//!
//! A table that has grown is mapped for itself. From the allocator it would be one of a thousand pieces between
//! others, and glibc returns only what lies on top: of 363 MB that 10 million accounts took, 363 MB stayed
//! after their window had ended; mapped, 14 MB stay.
//!
//! ```text
//! byte   0        4        8        12       16                24
//!        hash[0]  hash[1]  hash[2]  !slot    base (i64)
//! ```
//!
//! Little-endian. The slot is inverted, so that memory as the operating system gives it, which is all zeros, is vacant rows.

use memmap2::{MmapMut, MmapOptions};

use crate::model::{AccountHash, Salt};

/// A row's bytes.
const SIZE: usize = 24;
/// Those of four bytes that come first: the account's hash and its slot.
const WORDS: usize = 4;
/// A page's bytes, or a part of one.
const PAGE: usize = 4096;
/// From how many bytes on rows are mapped: below, the rounding up to whole pages would cost more than it returns.
const MAPPED_FROM: usize = 4 * PAGE;

/// A row that holds no account.
pub(crate) const VACANT: u32 = u32::MAX;
/// From here on, an account without running requests: `base` is its whole ledger, and what the number is above this one
/// tells which [book's](Row::mark) it is.
pub(crate) const IDLE: u32 = 1 << 31;

/// One account, or room for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) hash: AccountHash,
    /// [`VACANT`], [`IDLE`] and more, or the slot of the account's running requests.
    pub(crate) slot: u32,
    pub(crate) base: i64,
}

impl Row {
    /// What the slot of a book's idle account is: 31 bits of the book's salt, by which accounts are listed.
    #[inline]
    pub(crate) const fn mark(salt: Salt) -> u32 {
        let mark = IDLE | salt[2];
        if mark == VACANT { IDLE } else { mark }
    }

    /// Whether newcomers share the account of this hash, in the book of this mark.
    ///
    /// The last word of [such a key](crate::store::memory::overflow::shared) is 0, so that its hash ends as its book's salt
    /// does. By one chance in 2^31 that of another account does, too, which then is counted with them.
    #[inline]
    pub(crate) const fn is_shared(hash: AccountHash, mark: u32) -> bool {
        Self::mark(hash) == mark
    }

    #[inline]
    fn read(row: &[u8; SIZE]) -> Self {
        let (words, _) = row.as_chunks();
        let word = |at: usize| u32::from_le_bytes(words[at]);
        let base = u64::from(word(5)) << 32 | u64::from(word(4));
        // Inverted, so that fresh memory, which is all zeros, is vacant.
        Self { hash: [word(0), word(1), word(2)], slot: !word(3), base: base as i64 }
    }

    /// One that holds no account.
    pub(crate) const NONE: Self = Self { hash: [0; 3], slot: VACANT, base: 0 };

    /// Whether requests run of the account that it holds.
    #[inline]
    pub(crate) const fn runs(&self) -> bool {
        self.slot < IDLE
    }

    /// Whether it holds this account.
    #[inline]
    pub(crate) fn is_of(&self, account: AccountHash) -> bool {
        self.slot != VACANT && self.hash == account
    }
}

/// A fixed number of rows, at first vacant.
///
/// It never grows: a table that needs more makes a larger one and moves what lies here.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    bytes: Bytes,
    len: usize,
}

/// A mapping that cannot be had, because the process has as many as it may, is a piece of the heap: then only memory comes back later.
#[derive(Debug)]
enum Bytes {
    Heap(Vec<u8>),
    Mapped(MmapMut),
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Rows {
    /// At least so many vacant rows.
    pub(crate) fn vacant(at_least: usize) -> Self {
        let size = at_least * SIZE;
        if size < MAPPED_FROM {
            return Self { bytes: Bytes::Heap(vec![0; size]), len: at_least };
        }
        let pages = size.next_multiple_of(PAGE);
        // A process has a limited number of mappings; the allocator does as well, but for what it returns.
        // Populated at once, which takes a third off a growth, during which the shard is locked.
        let bytes = MmapOptions::new()
            .len(pages)
            .populate()
            .map_anon()
            .map_or_else(|_| Bytes::Heap(vec![0; pages]), Bytes::Mapped);
        Self { bytes, len: pages / SIZE }
    }

    /// How many rows there are, vacant ones included; at least as many as were asked for, since pages are used up.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The row at a place below [`Rows::len`].
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Row {
        let bytes = match &self.bytes {
            Bytes::Heap(bytes) => bytes.as_slice(),
            Bytes::Mapped(bytes) => bytes,
        };
        Row::read(bytes[at * SIZE..].first_chunk().expect("a row is whole"))
    }

    /// Writes the whole row.
    #[inline]
    pub(crate) fn set(&mut self, at: usize, row: Row) {
        let Row { hash: [a, b, c], slot, base } = row;
        let (words, last) = self.place(at);
        [words[0], words[1], words[2], words[3]] = [a, b, c, !slot].map(u32::to_le_bytes);
        *last = base.to_le_bytes();
    }

    /// Writes all of a row but whose it is.
    #[inline]
    pub(crate) fn put(&mut self, at: usize, slot: u32, base: i64) {
        let (words, last) = self.place(at);
        words[3] = (!slot).to_le_bytes();
        *last = base.to_le_bytes();
    }

    /// Where a row is written: its words, and what comes after them.
    #[inline]
    fn place(&mut self, at: usize) -> (&mut [[u8; 4]; WORDS], &mut [u8; 8]) {
        let bytes = match &mut self.bytes {
            Bytes::Heap(bytes) => bytes.as_mut_slice(),
            Bytes::Mapped(bytes) => bytes,
        };
        let row: &mut [u8; SIZE] = bytes[at * SIZE..].first_chunk_mut().expect("a row is whole");
        let (words, last) = row.split_at_mut(WORDS * 4);
        let (words, _) = words.as_chunks_mut();
        (words.first_chunk_mut().expect("four words"), last.first_chunk_mut().expect("and eight bytes"))
    }

    /// All rows, the vacant ones too, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Row> {
        (0..self.len).map(|at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_rows_are_vacant() {
        for capacity in [0, 1, 10, 10_000] {
            assert!(Rows::vacant(capacity).iter().all(|row| row.slot == VACANT));
        }
    }

    #[test]
    fn a_row_is_read_as_it_was_written_and_its_neighbours_stay() {
        for capacity in [3, 10_000] {
            let mut rows = Rows::vacant(capacity);
            rows.set(1, Row { hash: [1, 2, 3], slot: IDLE, base: -7 });
            let Row { hash, slot, base } = rows.get(1);
            assert_eq!((hash, slot, base), ([1, 2, 3], IDLE, -7));
            assert_eq!((rows.get(0).slot, rows.get(2).slot), (VACANT, VACANT));
        }
    }

    #[test]
    fn rows_of_whole_pages_use_them_up() {
        let rows = Rows::vacant(1_000);
        assert!(matches!(rows.bytes, Bytes::Mapped(_)));
        assert_eq!(rows.len(), 6 * PAGE / SIZE);
    }
}
