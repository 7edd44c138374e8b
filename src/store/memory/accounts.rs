//! Accounts outside of decisions: for those who look after them, and for another store that keeps its own lines here.
//!
//! Those who look after them list, read, grant and reset. The other store (Redis, with its servers' clocks) reads single lines, and
//! moves the windows once it has learned what time it is. Both take one shard's lock at a time, so nobody waits for them long.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use super::Memory;
use super::overflow::is_shared;
use super::rows::Row;
use super::settle::standing;
use super::shard::{Shard, shard_of};
use super::table::Table;
#[cfg(feature = "redis")]
use crate::model::Line;
use crate::model::{AccountHash, KeyHash, Ledger, Now, Window};
#[cfg(feature = "redis")]
use crate::store::calendar::InForce;
use crate::store::{Book, Charge, Listed, Relief};

impl Memory {
    /// Goes through the tables of the books' calendars once, with one shard locked at a time.
    ///
    /// Requests go on meanwhile in all other shards, so the list is of no single moment: each account is as it was when its shard was
    /// read.
    pub(crate) fn list_now(&self, books: &[Book], most: usize, now: Now) -> Vec<Listed> {
        let marks = marks_by_calendar(books);
        let mut largest: Vec<_> = books.iter().map(|_| Largest::new(most)).collect();
        for (position, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.lock();
            for (calendar, marks) in &marks {
                let Some(table) = Shard::table_in_force(&mut shard, self, *calendar, now) else { continue };
                for (at, hash, ledger) in table.accounts_of(marks) {
                    let key = key_of(position, hash, books[at]);
                    largest[at].offer(listed(books[at], key, table, &ledger, now));
                }
            }
        }
        largest.into_iter().flat_map(Largest::in_order).collect()
    }

    /// Where one account stands; one that does not exist has spent nothing, and is not made.
    pub(crate) fn read_now(&self, book: Book, key: KeyHash, now: Now) -> Listed {
        let mut shard = self.shards[shard_of(key)].lock();
        let table = shard.table(self, book.calendar as usize, &now);
        let at = table.find(key.salted(book.salt));
        let ledger = at.map_or_else(Ledger::default, |at| table.ledger(at));
        listed(book, known(key), table, &ledger, now)
    }

    /// An account that does not exist is made if it is granted something, be there room or not: people grant, not clients.
    pub(crate) fn relieve_now(&self, book: Book, key: KeyHash, relief: Relief, now: Now) -> Listed {
        let mut shard = self.shards[shard_of(key)].lock();
        let table = shard.table(self, book.calendar as usize, &now);
        let tick = table.at(&now);
        let found = table.seat(key.salted(book.salt));
        let is_cap = table.in_force.window == Window::ALL_TIME;
        match (relief, found) {
            _ if is_cap => {}
            (Relief::Reset, Err(_)) => {}
            (Relief::Reset, Ok(mut seat)) => {
                seat.ledger.reset(tick);
                table.keep(&seat);
            }
            (Relief::Grant(amount), found) => {
                let mut seat = found.unwrap_or_else(|vacant| self.insert(table, vacant, book, key));
                seat.ledger.grant(amount, tick);
                table.keep(&seat);
            }
        }
        drop(shard);
        self.read_now(book, key, now)
    }
}

impl Shard {
    /// The table of a calendar with the window in force, if the shard has one.
    fn table_in_force(&mut self, store: &Memory, calendar: usize, now: Now) -> Option<&mut Table> {
        (calendar < self.tables.len() || !self.unclaimed.is_empty())
            .then(|| self.table(store, calendar, &now))
    }
}

#[cfg(feature = "redis")]
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

#[cfg(feature = "redis")]
impl Shard {
    fn realign(&mut self, windows: &[InForce]) {
        for (table, realigned) in self.tables.iter_mut().zip(windows) {
            let InForce { window, edge, .. } = *realigned;
            table.in_force = InForce { window, edge, ..table.in_force };
        }
    }
}

/// For each calendar of some books their marks, sorted, each with the book's position.
fn marks_by_calendar(books: &[Book]) -> BTreeMap<usize, Vec<(u32, usize)>> {
    let mut marks = BTreeMap::<_, Vec<_>>::new();
    for (at, book) in books.iter().enumerate() {
        marks.entry(book.calendar as usize).or_default().push((Row::mark(book.salt), at));
    }
    marks.values_mut().for_each(|marks| marks.sort_unstable());
    marks
}

/// The key of an account, as far as it is known: its shard in place of the first word.
fn key_of(shard: usize, hash: AccountHash, book: Book) -> KeyHash {
    let [a, b, c] = KeyHash([0, hash[0], hash[1], hash[2]]).salted(book.salt);
    KeyHash([shard as u32, a, b, c])
}

/// What a listing would say of a key.
fn known(key: KeyHash) -> KeyHash {
    let KeyHash([_, a, b, c]) = key;
    KeyHash([shard_of(key) as u32, a, b, c])
}

/// What is said of an account, from its row; for a cap, `net` is the number of requests that run.
fn listed(book: Book, key: KeyHash, table: &Table, ledger: &Ledger, now: Now) -> Listed {
    let is_cap = table.in_force.window == Window::ALL_TIME;
    let charge = if is_cap { Charge::Place } else { Charge::Requests { cost: 0 } };
    let standing = standing(charge, table, ledger, &now);
    let net = if is_cap { i64::from(ledger.admitted) } else { ledger.net(table.at(&now)) };
    Listed { book, key, is_shared: is_shared(key), net, standing }
}

/// The accounts that have spent most.
///
/// A heap of `most` at most, whatever the number of accounts that are offered: the smallest is on top, and makes room.
struct Largest {
    most: usize,
    /// The smallest of them first.
    kept: BinaryHeap<Reverse<Ranked>>,
}

impl Largest {
    fn new(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new() }
    }

    fn offer(&mut self, listed: Listed) {
        if self.kept.len() < self.most {
            self.kept.push(Reverse(Ranked(listed)));
        } else if let Some(mut smallest) = self.kept.peek_mut()
            && smallest.0.0.net < listed.net
        {
            *smallest = Reverse(Ranked(listed));
        }
    }

    /// The largest first.
    fn in_order(self) -> impl Iterator<Item = Listed> {
        self.kept.into_sorted_vec().into_iter().map(|Reverse(Ranked(listed))| listed)
    }
}

/// An account by what it has spent; of equal ones that of the smaller key is the larger, so that an order is never by chance.
struct Ranked(Listed);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.net.cmp(&other.0.net).then_with(|| other.0.key.0.cmp(&self.0.key.0))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

#[cfg(all(test, feature = "redis"))]
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
