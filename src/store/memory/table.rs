//! A table: the accounts of one calendar in one shard, all of which die at one instant.
//!
//! A row is 24 bytes: 96 bits of keyed hash, the ledger's `base`, and a word that says where the rest of the ledger
//! is while requests run. Linear probing at a load of at most four fifths, growing by three tenths once it is large, keeps an account
//! below 40 bytes. Nothing is removed but from calendars without windows, so a window's end is one swap.
//!
//! Invariants, which the property test below holds with random insertions, starts and removals:
//!
//! - A row is where probing from its hash's home finds it: no vacant row lies between the two.
//! - `len` is the number of rows that are not vacant, and `shared` of those that newcomers share.
//! - A slot that is taken names the row that names it; one that is free has `admitted` 0 and lies in the list that begins at `free`.
//! - An account without running requests has no slot, and its row's word is its book's mark.

use std::ops::Sub;

use super::rows::{IDLE, Row, Rows, VACANT};
use super::snapshot::Account;
use crate::model::{AccountHash, Ledger, Now, Tick};
use crate::store::calendar::InForce;

/// Room for so many rows, or slots, is kept: giving it back would return next to nothing.
const FEW: usize = 64;

/// How many rows are few enough to be doubled.
const SMALL: usize = 64;

/// The end of the list of free slots.
const NONE: u32 = u32::MAX;

/// The part of a ledger that only accounts with running requests have.
///
/// 32 bytes, which a row has no room for and few accounts need: those with a request in flight.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The account's row; in a free slot the next free one.
    row: u32,
    running: u32,
    /// 0 in a free slot.
    admitted: u32,
    /// What the row says in place of the slot once no request runs.
    mark: u32,
    held: i64,
    waiting: u64,
}

impl Slot {
    #[inline]
    const fn of(row: usize, mark: u32, ledger: &Ledger) -> Self {
        let Ledger { running, admitted, held, waiting, .. } = *ledger;
        Self { row: row as u32, running, admitted, mark, held, waiting }
    }
}

/// An account as it was found: it is changed here, and then [kept](Table::keep).
///
/// It is a copy: what is not kept is as if it had not been done, which is how a refusal leaves no trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// Its row.
    pub(crate) at: usize,
    /// What the row says besides.
    slot: u32,
    pub(crate) ledger: Ledger,
}

impl Seat {
    /// Whether there is no such account, so that this is where it belongs.
    #[inline]
    pub(crate) const fn is_vacant(&self) -> bool {
        self.slot == VACANT
    }
}

/// Rows on their way to be freed: of a window that has ended, or of more accounts than there are now.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    /// The accounts that are gone.
    pub(crate) gone: Count,
    _rows: Rows,
}

/// A number of accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Those that are one key's.
    pub(crate) own: usize,
    /// Those that newcomers share.
    pub(crate) shared: usize,
}

impl Sub for Count {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self { own: self.own - less.own, shared: self.shared - less.shared }
    }
}

/// The accounts of one calendar in one shard, and the window that they stand in.
///
/// Whoever has it holds the shard's lock. Positions of rows that were given out (`at`) are hints: they hold until the next growth,
/// removal or roll, and [`Table::row_near`] checks them.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) in_force: InForce,
    rows: Rows,
    len: usize,
    /// Of these, the ones that newcomers share.
    shared: usize,
    slots: Vec<Slot>,
    free: u32,
}

impl Table {
    pub(crate) fn new(in_force: InForce) -> Self {
        Self { in_force, rows: Rows::default(), len: 0, shared: 0, slots: Vec::new(), free: NONE }
    }

    /// An account, if there is one; else the vacant row where it belongs.
    #[inline]
    pub(crate) fn seat(&self, account: AccountHash) -> Result<Seat, usize> {
        match self.row_of(account) {
            (at, Row { slot: VACANT, .. }) => Err(at),
            (at, row) => Ok(self.seated(at, row)),
        }
    }

    /// The row of an account, else the vacant one where it belongs.
    #[inline(always)]
    pub(crate) fn row_of(&self, account: AccountHash) -> (usize, Row) {
        if self.rows.len() == 0 { (0, Row::NONE) } else { self.probe(account) }
    }

    /// An account that was seen at a place before, if it still is there.
    #[inline(always)]
    pub(crate) fn seat_of(&self, place: u32, account: AccountHash) -> Option<Seat> {
        let at = place as usize;
        if at >= self.rows.len() {
            return None;
        }
        let row = self.rows.get(at);
        if row.is_of(account) { Some(self.seated(at, row)) } else { None }
    }

    /// The row of an account that was seen at a place before, where it mostly still is.
    #[inline(always)]
    pub(crate) fn row_near(&self, place: u32, account: AccountHash) -> (usize, Row) {
        let at = place as usize;
        if at < self.rows.len() {
            let row = self.rows.get(at);
            if row.is_of(account) {
                return (at, row);
            }
        }
        self.search(account)
    }

    #[inline(never)]
    fn search(&self, account: AccountHash) -> (usize, Row) {
        self.row_of(account)
    }

    /// The account that a slot belongs to.
    ///
    /// While a request of it runs, an account keeps its slot, be its row moved or its window over: so a request finds its account by
    /// this alone.
    #[inline(always)]
    pub(crate) fn seat_in(&self, slot: u32) -> Option<Seat> {
        match self.slots.get(slot as usize) {
            None => None,
            Some(&Slot { row, running, admitted, held, waiting, .. }) => {
                let (at, base) = (row as usize, self.rows.get(row as usize).base);
                Some(Seat { at, slot, ledger: Ledger { base, held, waiting, running, admitted } })
            }
        }
    }

    /// Whether a row holds this account.
    pub(crate) fn is_at(&self, at: usize, account: AccountHash) -> bool {
        self.rows.get(at).is_of(account)
    }

    /// Writes an account back, and returns its slot, which is none if it is idle now.
    ///
    /// The row's word follows the ledger: an account that is idle now gives its slot back, and one that runs now takes one.
    #[inline(always)]
    pub(crate) fn keep(&mut self, seat: &Seat) -> u32 {
        let Seat { at, slot: old, ledger } = *seat;
        let slot = match (ledger.is_idle(), old) {
            (true, IDLE..) => old,
            (true, slot) => self.release(slot),
            (false, IDLE..) => self.take_slot(at, old, &ledger),
            (false, slot) => {
                let mark = self.slots[slot as usize].mark;
                self.slots[slot as usize] = Slot::of(at, mark, &ledger);
                slot
            }
        };
        self.rows.put(at, slot, ledger.base);
        slot
    }

    /// The row of an account, if it has one.
    pub(crate) fn find(&self, account: AccountHash) -> Option<usize> {
        self.seat(account).ok().map(|seat| seat.at)
    }

    pub(crate) fn ledger(&self, at: usize) -> Ledger {
        self.seat_at(at).ledger
    }

    /// The account that a row holds.
    #[inline(always)]
    pub(crate) fn seat_at(&self, at: usize) -> Seat {
        self.seated(at, self.rows.get(at))
    }

    /// Changes an account.
    pub(crate) fn change(&mut self, at: usize, change: impl FnOnce(&mut Ledger)) {
        let mut seat = self.seat_at(at);
        change(&mut seat.ledger);
        self.keep(&seat);
    }

    /// The same of a row that was read.
    #[inline(always)]
    pub(crate) fn seated(&self, at: usize, row: Row) -> Seat {
        let Row { slot, base, .. } = row;
        let ledger = match self.slots.get(slot as usize) {
            None => Ledger { base, ..Ledger::default() },
            Some(&Slot { running, admitted, held, waiting, .. }) => {
                Ledger { base, held, waiting, running, admitted }
            }
        };
        Seat { at, slot, ledger }
    }

    /// The tick that counts in this window: one read before the window began is moved to its beginning.
    #[inline]
    pub(crate) fn at(&self, now: &Now) -> Tick {
        now.tick.max(self.in_force.start_tick)
    }

    /// Begins a new window: accounts with running requests are carried over, the others are handed back to be freed.
    ///
    /// It costs what the running requests cost, whatever the number of accounts: the old rows are not looked at, but for theirs.
    pub(crate) fn roll(&mut self, in_force: InForce) -> Retired {
        let edge = in_force.start_tick;
        self.in_force = in_force;
        let before = self.count();
        (self.len, self.shared) = (0, 0);
        let old = std::mem::take(&mut self.rows);
        for slot in 0..self.slots.len() {
            if self.slots[slot].admitted > 0 {
                self.carry_over(slot as u32, &old, edge);
            }
        }
        Retired { gone: before - self.count(), _rows: old }
    }

    /// How many accounts there are.
    fn count(&self) -> Count {
        Count { own: self.len - self.shared, shared: self.shared }
    }

    /// Removes an account, closing the gap that it leaves in its run of rows; says whether newcomers shared it.
    ///
    /// Rows behind the gap move up into it where that brings them no further than their home, so no tombstones are left, and probing
    /// stays as short as if the account had never been there.
    pub(crate) fn remove(&mut self, at: usize) -> bool {
        let removed = self.rows.get(at);
        let is_shared = Row::is_shared(removed.hash, self.mark(removed));
        let capacity = self.rows.len();
        let mut gap = at;
        let mut next = self.after(gap);
        while self.rows.get(next).slot != VACANT {
            let home = self.home(self.rows.get(next).hash);
            let displaced = (next + capacity - home) % capacity;
            if displaced >= (next + capacity - gap) % capacity {
                self.move_row(next, gap);
                gap = next;
            }
            next = self.after(next);
        }
        self.rows.set(gap, Row { slot: VACANT, ..self.rows.get(gap) });
        self.len -= 1;
        self.shared -= usize::from(is_shared);
        is_shared
    }

    /// What the row of an account says in place of the slot while no request of it runs.
    fn mark(&self, row: Row) -> u32 {
        self.slots.get(row.slot as usize).map_or(row.slot, |slot| slot.mark)
    }

    /// The accounts of books, each with its book's position among them and its ledger.
    ///
    /// `marks` are those of the books' rows, sorted.
    pub(crate) fn accounts_of(
        &self,
        marks: &[(u32, usize)],
    ) -> impl Iterator<Item = (usize, AccountHash, Ledger)> {
        let rows = self.rows.iter().enumerate().filter(|(_, row)| row.slot != VACANT);
        rows.filter_map(move |(at, row)| {
            let known = marks.binary_search_by_key(&self.mark(row), |(mark, _)| *mark).ok()?;
            Some((marks[known].1, row.hash, self.ledger(at)))
        })
    }

    /// What each account has spent, less what it was granted, running requests included; those of which that is nothing are
    /// left out.
    pub(crate) fn spenders(&self, now: &Now) -> Vec<Account> {
        let tick = self.at(now);
        let mut spenders = Vec::with_capacity(self.len);
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| row.slot != VACANT) {
            let spent = self.ledger(at).net(tick);
            let account = Account { hash: row.hash, mark: self.mark(row), spent };
            spenders.extend((spent != 0).then_some(account));
        }
        spenders
    }

    /// Charges what accounts had spent elsewhere, and not twice what two have seen; says how many of them are new here.
    ///
    /// Of an account that is here already, the larger of both counts: they are two readings of one account, not two accounts.
    pub(crate) fn take_over(&mut self, accounts: &[Account]) -> Count {
        let before = self.count();
        if self.rows.len() == 0 {
            // Accounts come in the order of their rows: in a table that grows, they would crowd at its front.
            self.rows = Rows::vacant(accounts.len() * 5 / 4 + 1);
        }
        for Account { hash, mark, spent } in accounts {
            let Some(at) = self.find(*hash) else {
                let at = self.insert(*hash, *mark);
                self.change(at, |ledger| ledger.base = *spent);
                continue;
            };
            self.change(at, |ledger| ledger.base = ledger.base.max(*spent));
        }
        self.count() - before
    }

    /// The slot stays where it is, since requests that run know nothing of rows; only the row it names is another one.
    fn carry_over(&mut self, slot: u32, old: &Rows, edge: Tick) {
        let Slot { row, running, admitted, mark, held, waiting } = self.slots[slot as usize];
        let Row { hash, base, .. } = old.get(row as usize);
        let ledger = Ledger { base, held, waiting, running, admitted }.carried_over(edge);
        let at = self.insert(hash, mark);
        self.rows.set(at, Row { hash, slot, base: ledger.base });
        self.slots[slot as usize].row = at as u32;
    }

    /// The account of a row that no request of it runs on.
    #[inline(always)]
    pub(crate) const fn seated_idle(at: usize, row: Row) -> Seat {
        let Row { slot, base, .. } = row;
        Seat { at, slot, ledger: Ledger { base, held: 0, waiting: 0, running: 0, admitted: 0 } }
    }

    /// A new row for an account that has none, of a book whose rows have this mark; whether it is one that newcomers
    /// share is counted.
    pub(crate) fn insert(&mut self, hash: AccountHash, mark: u32) -> usize {
        if self.is_full() {
            self.grow();
        }
        let (at, _) = self.probe(hash);
        self.insert_at(at, hash, mark)
    }

    /// The same where the vacant row is known where the account belongs.
    #[inline]
    pub(crate) fn insert_near(&mut self, vacant: usize, hash: AccountHash, mark: u32) -> Seat {
        let at = match self.is_full() {
            true => self.insert(hash, mark),
            false => self.insert_at(vacant, hash, mark),
        };
        Seat { at, slot: mark, ledger: Ledger::default() }
    }

    /// At four fifths: an account found takes 3 probes on average, and one that is not there 13.
    const fn is_full(&self) -> bool {
        (self.len + 1) * 5 > self.rows.len() * 4
    }

    fn insert_at(&mut self, at: usize, hash: AccountHash, mark: u32) -> usize {
        self.rows.set(at, Row { hash, slot: mark, base: 0 });
        self.len += 1;
        self.shared += usize::from(Row::is_shared(hash, mark));
        at
    }

    fn grow(&mut self) {
        let now = self.rows.len();
        // A small table doubles: its room is nothing, and so it is moved half as often.
        self.move_to(if now < SMALL { (now * 2).max(8) } else { now * 13 / 10 });
    }

    /// Gives back the room that accounts have left in a table that they are removed from, and what their running requests
    /// took.
    pub(crate) fn shrink(&mut self) -> Option<Retired> {
        self.shrink_slots();
        if self.rows.len() <= FEW || self.len >= self.rows.len() / 4 {
            return None;
        }
        let _rows = self.move_to(self.len * 2);
        Some(Retired { _rows, ..Retired::default() })
    }

    /// Slots cannot be moved, since requests know theirs: those behind the last that is taken go.
    fn shrink_slots(&mut self) {
        let taken = self.slots.iter().rposition(|slot| slot.admitted > 0).map_or(0, |last| last + 1);
        if self.slots.len() <= FEW || taken >= self.slots.len() / 4 {
            return;
        }
        self.slots.truncate(taken);
        self.slots.shrink_to(taken * 2);
        self.free = NONE;
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.admitted == 0) {
            slot.row = std::mem::replace(&mut self.free, at as u32);
        }
    }

    /// Moves all accounts into rows for so many, and returns the old ones.
    fn move_to(&mut self, capacity: usize) -> Rows {
        let old = std::mem::replace(&mut self.rows, Rows::vacant(capacity));
        for row in old.iter().filter(|row| row.slot != VACANT) {
            let (at, _) = self.probe(row.hash);
            self.rows.set(at, row);
            self.point_slot_at(at);
        }
        old
    }

    fn move_row(&mut self, from: usize, to: usize) {
        self.rows.set(to, self.rows.get(from));
        self.point_slot_at(to);
    }

    fn point_slot_at(&mut self, at: usize) {
        let slot = self.rows.get(at).slot;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.row = at as u32;
        }
    }

    /// The row with this hash, else the vacant one where it belongs; the load leaves at least one vacant.
    #[inline]
    fn probe(&self, hash: AccountHash) -> (usize, Row) {
        let mut at = self.home(hash);
        loop {
            let row = self.rows.get(at);
            if row.slot == VACANT || row.hash == hash {
                return (at, row);
            }
            at = self.after(at);
        }
    }

    /// By multiplication instead of a remainder: the hash's first word, as a fraction of 2^32, of the number of rows.
    #[inline]
    fn home(&self, hash: AccountHash) -> usize {
        ((u64::from(hash[0]) * self.rows.len() as u64) >> 32) as usize
    }

    #[inline]
    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.rows.len() { 0 } else { at + 1 }
    }

    /// A slot for an account whose requests begin to run.
    #[inline(always)]
    fn take_slot(&mut self, at: usize, mark: u32, ledger: &Ledger) -> u32 {
        let slot = self.free;
        if let Some(free) = self.slots.get_mut(slot as usize) {
            self.free = free.row;
            *free = Slot::of(at, mark, ledger);
            return slot;
        }
        self.add_slot(Slot::of(at, mark, ledger))
    }

    #[cold]
    fn add_slot(&mut self, taken: Slot) -> u32 {
        self.slots.push(taken);
        (self.slots.len() - 1) as u32
    }

    /// Frees the slot of an account of which no request runs any more; returns the account's mark.
    #[inline]
    fn release(&mut self, slot: u32) -> u32 {
        let freed = &mut self.slots[slot as usize];
        (freed.row, freed.admitted) = (self.free, 0);
        self.free = slot;
        freed.mark
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Micros, UnixMicros, Window};

    const ALWAYS: InForce =
        InForce { window: Window::ALL_TIME, edge: UnixMicros(i64::MAX), start_tick: Tick(0), sequence: 0 };

    /// Hashes of which many want the same row.
    fn crowded(account: u32) -> AccountHash {
        [account % 5 * 0x1000_0000, account, 1]
    }

    #[test]
    fn another_table_takes_over_what_each_account_has_spent() {
        let (mut old, mut new) = (Table::new(ALWAYS), Table::new(ALWAYS));
        for account in 0..1_000 {
            let at = old.insert([account << 22, account, account % 2], IDLE);
            old.change(at, |ledger| ledger.count(u64::from(account % 3)));
        }
        let now = Now { tick: Tick(5), utc: UnixMicros(5), step: 0 };
        let spenders = old.spenders(&now);
        assert_eq!((spenders.len(), new.take_over(&spenders)), (666, Count { own: 333, shared: 333 }));
        assert_eq!((new.spenders(&now), new.take_over(&spenders)), (spenders, Count::default()));
    }

    #[test]
    fn an_account_keeps_its_slot_while_requests_of_it_run_wherever_its_row_goes() {
        let mut table = Table::new(ALWAYS);
        let begin = |account| {
            let at = table.insert(crowded(account), IDLE);
            let mut seat = table.seat_at(at);
            seat.ledger.start(Tick(0), Micros(1));
            table.keep(&seat)
        };
        let slots: Vec<_> = (0..60).map(begin).collect();
        for gone in 0..20 {
            let at = table.find(crowded(gone)).expect("it was inserted");
            table.change(at, |ledger| *ledger = Ledger::default());
            table.remove(at);
        }
        let found = |table: &Table| {
            let stays = |account: &u32| {
                let seat = table.seat_in(slots[*account as usize]).expect("it has a slot");
                table.is_at(seat.at, crowded(*account)) && seat.ledger.running == 1
            };
            (20..60).filter(stays).count()
        };
        assert_eq!(found(&table), 40);
        table.roll(ALWAYS);
        assert_eq!(found(&table), 40);
    }

    proptest! {
        /// Inserts what is not there, else starts a request of it, else removes it.
        #[test]
        fn accounts_are_found_with_their_ledgers_wherever_growth_and_removal_move_them(
            accounts in prop::collection::vec(0..60u32, 1..600),
        ) {
            let (mut table, mut model) = (Table::new(ALWAYS), HashMap::new());
            for account in accounts {
                match (table.find(crowded(account)), model.get(&account)) {
                    (Some(at), Some(&Ledger { admitted: 0, .. })) => {
                        table.change(at, |ledger| ledger.start(Tick(account.into()), Micros(1)));
                        model.insert(account, table.ledger(at));
                    }
                    (Some(at), Some(_)) => {
                        table.change(at, |ledger| *ledger = Ledger::default());
                        table.remove(at);
                        model.remove(&account);
                    }
                    (at, _) => {
                        prop_assert_eq!(at, None);
                        table.insert(crowded(account), IDLE);
                        model.insert(account, Ledger::default());
                    }
                }
                prop_assert_eq!(table.len, model.len());
            }
            for (account, ledger) in model {
                let found = table.find(crowded(account)).map(|at| table.ledger(at));
                prop_assert_eq!(found, Some(ledger));
            }
        }
    }
}
