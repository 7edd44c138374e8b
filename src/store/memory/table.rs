//! A table: the accounts of one calendar in one shard, all of which die at one instant.
//!
//! An entry is 24 bytes: 96 bits of keyed hash, the ledger's `base`, and a word that says where the rest of the ledger
//! is while requests run. Linear probing at a load of at most four fifths, growing by three tenths once it is large, keeps an account
//! below 40 bytes. Nothing is removed but from calendars without windows, so a window's end is one swap.

use super::entries::{Entries, Entry, IDLE, VACANT};
use super::snapshot::Account;
use crate::model::{AccountHash, Ledger, Now, Tick};
use crate::store::calendar::InForce;

/// Room for so many entries, or slots, is kept: giving it back would return next to nothing.
const FEW: usize = 64;

/// How many entries are few enough to be doubled.
const SMALL: usize = 512;

/// The end of the list of free slots.
const NONE: u32 = u32::MAX;

/// The part of a ledger that only accounts with running requests have.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The account's entry; in a free slot the next free one.
    entry: u32,
    running: u32,
    /// 0 in a free slot.
    admitted: u32,
    /// What the entry says in place of the slot once no request runs.
    mark: u32,
    held: i64,
    waiting: u64,
}

impl Slot {
    #[inline]
    const fn of(entry: usize, mark: u32, ledger: &Ledger) -> Self {
        let Ledger { running, admitted, held, waiting, .. } = *ledger;
        Self { entry: entry as u32, running, admitted, mark, held, waiting }
    }
}

/// An account as it was found: it is changed here, and then [kept](Table::keep).
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    /// Its entry.
    pub(super) at: usize,
    /// What the entry says besides.
    slot: u32,
    pub(super) ledger: Ledger,
}

/// Entries on their way to be freed: of a window that has ended, or of more accounts than there are now.
#[derive(Debug, Default)]
pub(super) struct Retired {
    /// The accounts that had been there.
    pub(super) accounts: usize,
    /// Those besides that newcomers had shared.
    pub(super) shared: usize,
    /// Those of both that run on. Each has the new window's account to itself.
    pub(super) carried: usize,
    _entries: Entries,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) in_force: InForce,
    entries: Entries,
    len: usize,
    /// Of these, the ones that newcomers share.
    shared: usize,
    slots: Vec<Slot>,
    free: u32,
}

impl Table {
    pub(super) fn new(in_force: InForce) -> Self {
        Self { in_force, entries: Entries::default(), len: 0, shared: 0, slots: Vec::new(), free: NONE }
    }

    /// An account, if there is one; else the vacant entry where it belongs.
    #[inline(always)]
    pub(super) fn seat(&self, account: AccountHash) -> Result<Seat, usize> {
        if self.entries.len() == 0 {
            return Err(0);
        }
        match self.probe(account) {
            (at, Entry { slot: VACANT, .. }) => Err(at),
            (at, entry) => Ok(self.seated(at, entry)),
        }
    }

    /// The same of an account that was seen at a place before, where it mostly still is.
    #[inline(always)]
    pub(super) fn seat_near(&self, place: u32, account: AccountHash) -> Result<Seat, usize> {
        let at = place as usize;
        if at < self.entries.len() {
            let entry = self.entries.get(at);
            if entry.is_of(account) {
                return Ok(self.seated(at, entry));
            }
        }
        self.seat(account)
    }

    /// Writes an account back.
    #[inline(always)]
    pub(super) fn keep(&mut self, seat: &Seat) {
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
        self.entries.put(at, slot, ledger.base);
    }

    /// The entry of an account, if it has one.
    pub(super) fn find(&self, account: AccountHash) -> Option<usize> {
        self.seat(account).ok().map(|seat| seat.at)
    }

    pub(super) fn ledger(&self, at: usize) -> Ledger {
        self.seated(at, self.entries.get(at)).ledger
    }

    /// Changes an account.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Ledger)) {
        let mut seat = self.seated(at, self.entries.get(at));
        change(&mut seat.ledger);
        self.keep(&seat);
    }

    #[inline]
    fn seated(&self, at: usize, entry: Entry) -> Seat {
        let Entry { slot, base, .. } = entry;
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
    pub(super) fn at(&self, now: Now) -> Tick {
        now.tick.max(self.in_force.start_tick)
    }

    /// Begins a new window: accounts with running requests are carried over, the others are handed back to be freed.
    pub(super) fn roll(&mut self, in_force: InForce) -> Retired {
        let edge = in_force.start_tick;
        self.in_force = in_force;
        let (len, shared) = (std::mem::take(&mut self.len), std::mem::take(&mut self.shared));
        let old = std::mem::take(&mut self.entries);
        for slot in 0..self.slots.len() {
            if self.slots[slot].admitted > 0 {
                self.carry_over(slot as u32, &old, edge);
            }
        }
        Retired { accounts: len - shared, shared, carried: self.len, _entries: old }
    }

    /// Removes an account, closing the gap that it leaves in its run of entries.
    pub(super) fn remove(&mut self, at: usize, is_shared: bool) {
        let capacity = self.entries.len();
        let mut gap = at;
        let mut next = self.after(gap);
        while self.entries.get(next).slot != VACANT {
            let home = self.home(self.entries.get(next).hash);
            let displaced = (next + capacity - home) % capacity;
            if displaced >= (next + capacity - gap) % capacity {
                self.move_entry(next, gap);
                gap = next;
            }
            next = self.after(next);
        }
        self.entries.set(gap, Entry { slot: VACANT, ..self.entries.get(gap) });
        self.len -= 1;
        self.shared -= usize::from(is_shared);
    }

    /// What the entry of an account says in place of the slot while no request of it runs.
    fn mark(&self, entry: Entry) -> u32 {
        self.slots.get(entry.slot as usize).map_or(entry.slot, |slot| slot.mark)
    }

    /// The accounts of books, each with its book's position among them and its ledger.
    ///
    /// `marks` are those of the books' entries, sorted.
    pub(super) fn accounts_of(
        &self,
        marks: &[(u32, usize)],
    ) -> impl Iterator<Item = (usize, AccountHash, Ledger)> {
        let entries = self.entries.iter().enumerate().filter(|(_, entry)| entry.slot != VACANT);
        entries.filter_map(move |(at, entry)| {
            let known = marks.binary_search_by_key(&self.mark(entry), |(mark, _)| *mark).ok()?;
            Some((marks[known].1, entry.hash, self.ledger(at)))
        })
    }

    /// What each account has spent, less what it was granted, running requests included; those of which that is nothing are
    /// left out.
    pub(super) fn spenders(&self, now: Now) -> Vec<Account> {
        let tick = self.at(now);
        let mut spenders = Vec::with_capacity(self.len);
        for (at, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.slot != VACANT) {
            let spent = self.ledger(at).net(tick);
            let account = Account { hash: entry.hash, mark: self.mark(entry), spent };
            spenders.extend((spent != 0).then_some(account));
        }
        spenders
    }

    /// Charges what accounts had spent elsewhere, and not twice what two have seen; returns how many of them are new here.
    pub(super) fn take_over(&mut self, accounts: &[Account]) -> usize {
        let before = self.len;
        if self.entries.len() == 0 {
            // Accounts come in the order of their entries: in a table that grows, they would crowd at its front.
            self.entries = Entries::vacant(accounts.len() * 5 / 4 + 1);
        }
        for Account { hash, mark, spent } in accounts {
            let Some(at) = self.find(*hash) else {
                let at = self.insert(*hash, *mark, false);
                self.change(at, |ledger| ledger.base = *spent);
                continue;
            };
            self.change(at, |ledger| ledger.base = ledger.base.max(*spent));
        }
        self.len - before
    }

    fn carry_over(&mut self, slot: u32, old: &Entries, edge: Tick) {
        let Slot { entry, running, admitted, mark, held, waiting } = self.slots[slot as usize];
        let Entry { hash, base, .. } = old.get(entry as usize);
        let ledger = Ledger { base, held, waiting, running, admitted }.carried_over(edge);
        let at = self.insert(hash, mark, false);
        self.entries.set(at, Entry { hash, slot, base: ledger.base });
        self.slots[slot as usize].entry = at as u32;
    }

    /// A new entry for an account that has none, of a book whose entries have this mark; whether it is one that newcomers
    /// share is counted.
    pub(super) fn insert(&mut self, hash: AccountHash, mark: u32, is_shared: bool) -> usize {
        if self.is_full() {
            self.grow();
        }
        let (at, _) = self.probe(hash);
        self.insert_at(at, hash, mark, is_shared)
    }

    /// The same where the vacant entry is known where the account belongs.
    #[inline]
    pub(super) fn insert_near(
        &mut self,
        vacant: usize,
        hash: AccountHash,
        mark: u32,
        is_shared: bool,
    ) -> Seat {
        let at = match self.is_full() {
            true => self.insert(hash, mark, is_shared),
            false => self.insert_at(vacant, hash, mark, is_shared),
        };
        Seat { at, slot: mark, ledger: Ledger::default() }
    }

    const fn is_full(&self) -> bool {
        (self.len + 1) * 5 > self.entries.len() * 4
    }

    fn insert_at(&mut self, at: usize, hash: AccountHash, mark: u32, is_shared: bool) -> usize {
        self.entries.set(at, Entry { hash, slot: mark, base: 0 });
        self.len += 1;
        self.shared += usize::from(is_shared);
        at
    }

    fn grow(&mut self) {
        let now = self.entries.len();
        // A small table doubles: its room is nothing, and so it is moved half as often.
        self.move_to(if now < SMALL { (now * 2).max(8) } else { now * 13 / 10 });
    }

    /// Gives back the room that accounts have left in a table that they are removed from, and what their running requests
    /// took.
    pub(super) fn shrink(&mut self) -> Option<Retired> {
        self.shrink_slots();
        if self.entries.len() <= FEW || self.len >= self.entries.len() / 4 {
            return None;
        }
        let _entries = self.move_to(self.len * 2);
        Some(Retired { _entries, ..Retired::default() })
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
            slot.entry = std::mem::replace(&mut self.free, at as u32);
        }
    }

    /// Moves all accounts into entries for so many, and returns the old ones.
    fn move_to(&mut self, capacity: usize) -> Entries {
        let old = std::mem::replace(&mut self.entries, Entries::vacant(capacity));
        for entry in old.iter().filter(|entry| entry.slot != VACANT) {
            let (at, _) = self.probe(entry.hash);
            self.entries.set(at, entry);
            self.point_slot_at(at);
        }
        old
    }

    fn move_entry(&mut self, from: usize, to: usize) {
        self.entries.set(to, self.entries.get(from));
        self.point_slot_at(to);
    }

    fn point_slot_at(&mut self, at: usize) {
        let slot = self.entries.get(at).slot;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.entry = at as u32;
        }
    }

    /// The entry with this hash, else the vacant one where it belongs; the load leaves at least one vacant.
    #[inline]
    fn probe(&self, hash: AccountHash) -> (usize, Entry) {
        let mut at = self.home(hash);
        loop {
            let entry = self.entries.get(at);
            if entry.slot == VACANT || entry.hash == hash {
                return (at, entry);
            }
            at = self.after(at);
        }
    }

    #[inline]
    fn home(&self, hash: AccountHash) -> usize {
        ((u64::from(hash[0]) * self.entries.len() as u64) >> 32) as usize
    }

    #[inline]
    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.entries.len() { 0 } else { at + 1 }
    }

    /// A slot for an account whose requests begin to run.
    #[inline]
    fn take_slot(&mut self, at: usize, mark: u32, ledger: &Ledger) -> u32 {
        let taken = Slot::of(at, mark, ledger);
        let slot = self.free;
        if let Some(free) = self.slots.get_mut(slot as usize) {
            self.free = free.entry;
            *free = taken;
            return slot;
        }
        self.slots.push(taken);
        (self.slots.len() - 1) as u32
    }

    /// Frees the slot of an account of which no request runs any more; returns the account's mark.
    #[inline]
    fn release(&mut self, slot: u32) -> u32 {
        let freed = &mut self.slots[slot as usize];
        (freed.entry, freed.admitted) = (self.free, 0);
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

    /// Hashes of which many want the same entry.
    fn crowded(account: u32) -> AccountHash {
        [account % 5 * 0x1000_0000, account, 0]
    }

    #[test]
    fn another_table_takes_over_what_each_account_has_spent() {
        let (mut old, mut new) = (Table::new(ALWAYS), Table::new(ALWAYS));
        for account in 0..1_000 {
            let at = old.insert([account << 22, account, 0], IDLE, false);
            old.change(at, |ledger| ledger.count(u64::from(account % 3)));
        }
        let now = Now { tick: Tick(5), utc: UnixMicros(5), step: 0 };
        let spenders = old.spenders(now);
        assert_eq!((spenders.len(), new.take_over(&spenders)), (666, 666));
        assert_eq!((new.spenders(now), new.take_over(&spenders)), (spenders, 0));
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
                        table.remove(at, false);
                        model.remove(&account);
                    }
                    (at, _) => {
                        prop_assert_eq!(at, None);
                        table.insert(crowded(account), IDLE, false);
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
