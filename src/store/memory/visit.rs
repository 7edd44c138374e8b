//! A visit: what happens to some claims at once, while the shards that they concern are locked.

use super::Memory;
use super::decide::Beside;
use super::locked::Locked;
use super::table::Table;
use crate::model::{KeyHash, Now};
use crate::store::Book;

/// What happens to some claims at once, at one moment.
pub(crate) struct Visit<'a, L> {
    pub(crate) store: &'a Memory,
    pub(crate) shards: &'a mut L,
    pub(crate) now: Now,
    /// For each claim what its accounts are elsewhere; empty where nobody else draws on them.
    pub(crate) beside: &'a [Beside],
}

impl<L: Locked> Visit<'_, L> {
    /// The table of a book's accounts in the shard of a key.
    #[inline]
    pub(crate) fn table(&mut self, book: Book, key: KeyHash) -> &mut Table {
        self.shards.shard(key).table(self.store, book.calendar as usize, &self.now)
    }
}
