//! What another store that keeps its own lines here has to see of them.

use super::shard::shard_of;
use super::{Memory, Shard};
use crate::model::{KeyHash, Ledger, Line, Now};
use crate::store::Book;
use crate::store::calendar::InForce;

impl Memory {
    /// How many accounts there is room for.
    pub(crate) const fn max_accounts(&self) -> usize {
        self.max_accounts
    }

    /// An account's lines now, empty if there is no such account, and the window they belong to.
    pub(crate) fn line(&self, book: Book, key: KeyHash, now: Now) -> (Line, InForce) {
        let mut shard = self.shards[shard_of(key)].lock();
        let table = Shard::table(&mut shard, self, book.calendar as usize, &now);
        let at = table.find(key.salted(book.salt));
        let ledger = at.map_or_else(Ledger::default, |at| table.ledger(at));
        (Line::new(&ledger, table.at(&now)), table.in_force)
    }

    /// The window that is in force for a book.
    pub(crate) fn window(&self, book: Book, now: Now) -> InForce {
        self.calendars.read().all[book.calendar as usize].in_force(now)
    }

    /// Moves the windows in force to where the wall clock sees them, with all that was spent in them.
    ///
    /// For a store that learns what time it is only after it has begun.
    pub(crate) fn realign(&self, now: Now) {
        // Nobody waits for a shard who holds the calendars: who holds a shard may wait for them (`Shard::renew`), and a
        // writer between the two would keep both waiting. A table that is begun in between begins where its calendar is.
        let windows: Vec<_> =
            self.calendars.read().all.iter().map(|calendar| calendar.realigned(now)).collect();
        for shard in &*self.shards {
            shard.lock().realign(&windows);
        }
    }
}

impl Shard {
    fn realign(&mut self, windows: &[InForce]) {
        for (table, realigned) in self.tables.iter_mut().zip(windows) {
            let InForce { window, edge, .. } = *realigned;
            table.in_force = InForce { window, edge, ..table.in_force };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::model::{Tick, UnixMicros};

    /// The calendars were held while a shard was waited for, and a shard's holder may wait for the calendars.
    #[test]
    fn who_waits_for_a_shard_does_not_hold_the_calendars() {
        let memory = Arc::new(Memory::new(10));
        let shard = memory.shards[0].lock();
        let realigning = Arc::clone(&memory);
        let now = Now { tick: Tick(0), utc: UnixMicros(0), step: 0 };
        let thread = thread::spawn(move || realigning.realign(now));
        thread::sleep(Duration::from_millis(50)); // Too short, and it passes without having shown anything.
        assert!(memory.calendars.try_write_for(Duration::from_secs(10)).is_some());
        drop(shard);
        thread.join().unwrap();
    }
}
