//! The entries of a table, in memory that goes back to the operating system when they are dropped.
//!
//! A table that has grown is mapped for itself. From the allocator it would be one of a thousand pieces between
//! others, and glibc returns only what lies on top: of 363 MB that 10 million accounts took, 363 MB stayed
//! after their window had ended; mapped, 14 MB stay.

use memmap2::{MmapMut, MmapOptions};

use crate::model::{AccountHash, Salt};

/// An entry's bytes.
const SIZE: usize = 24;
/// A page's bytes, or a part of one.
const PAGE: usize = 4096;
/// From how many bytes on entries are mapped: below, the rounding up to whole pages would cost more than it returns.
const MAPPED_FROM: usize = 4 * PAGE;

/// An entry that holds no account.
pub(super) const VACANT: u32 = u32::MAX;
/// From here on, an account without running requests: `base` is its whole ledger, and what the number is above this one
/// tells which [book's](Entry::mark) it is.
pub(super) const IDLE: u32 = 1 << 31;

/// One account, or room for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) hash: AccountHash,
    /// [`VACANT`], [`IDLE`] and more, or the slot of the account's running requests.
    pub(super) slot: u32,
    pub(super) base: i64,
}

impl Entry {
    /// What the slot of a book's idle account is: 31 bits of the book's salt, by which accounts are listed.
    #[inline]
    pub(super) const fn mark(salt: Salt) -> u32 {
        let mark = IDLE | salt[2];
        if mark == VACANT { IDLE } else { mark }
    }

    /// Whether it holds this account.
    #[inline]
    pub(super) fn is_of(&self, account: AccountHash) -> bool {
        self.slot != VACANT && self.hash == account
    }
}

/// A fixed number of entries, at first vacant.
#[derive(Debug, Default)]
pub(super) struct Entries {
    bytes: Bytes,
    len: usize,
}

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

impl Entries {
    /// At least so many vacant entries.
    pub(super) fn vacant(at_least: usize) -> Self {
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

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Entry {
        let bytes = match &self.bytes {
            Bytes::Heap(bytes) => bytes.as_slice(),
            Bytes::Mapped(bytes) => bytes,
        };
        let [a, b, c, slot, low, high] = words(&bytes[at * SIZE..][..SIZE]);
        // Inverted, so that fresh memory, which is all zeros, is vacant.
        Entry { hash: [a, b, c], slot: !slot, base: (u64::from(high) << 32 | u64::from(low)) as i64 }
    }

    #[inline]
    pub(super) fn set(&mut self, at: usize, entry: Entry) {
        let bytes = match &mut self.bytes {
            Bytes::Heap(bytes) => bytes.as_mut_slice(),
            Bytes::Mapped(bytes) => bytes,
        };
        let Entry { hash: [a, b, c], slot, base } = entry;
        let words = [a, b, c, !slot, base as u32, (base as u64 >> 32) as u32];
        let (places, _) = bytes[at * SIZE..][..SIZE].as_chunks_mut();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
    }

    /// Writes all of an entry but whose it is.
    #[inline]
    pub(super) fn put(&mut self, at: usize, slot: u32, base: i64) {
        let bytes = match &mut self.bytes {
            Bytes::Heap(bytes) => bytes.as_mut_slice(),
            Bytes::Mapped(bytes) => bytes,
        };
        let words = [!slot, base as u32, (base as u64 >> 32) as u32];
        let (places, _) = bytes[at * SIZE..][..SIZE].as_chunks_mut();
        for (place, word) in places[3..].iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry> {
        (0..self.len).map(|at| self.get(at))
    }
}

#[inline]
fn words(bytes: &[u8]) -> [u32; 6] {
    let (chunks, _) = bytes.as_chunks();
    std::array::from_fn(|word| u32::from_le_bytes(chunks[word]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_entries_are_vacant() {
        for capacity in [0, 1, 10, 10_000] {
            assert!(Entries::vacant(capacity).iter().all(|entry| entry.slot == VACANT));
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written_and_its_neighbours_stay() {
        for capacity in [3, 10_000] {
            let mut entries = Entries::vacant(capacity);
            entries.set(1, Entry { hash: [1, 2, 3], slot: IDLE, base: -7 });
            let Entry { hash, slot, base } = entries.get(1);
            assert_eq!((hash, slot, base), ([1, 2, 3], IDLE, -7));
            assert_eq!((entries.get(0).slot, entries.get(2).slot), (VACANT, VACANT));
        }
    }

    #[test]
    fn entries_of_whole_pages_use_them_up() {
        let entries = Entries::vacant(1_000);
        assert!(matches!(entries.bytes, Bytes::Mapped(_)));
        assert_eq!(entries.len(), 6 * PAGE / SIZE);
    }
}
