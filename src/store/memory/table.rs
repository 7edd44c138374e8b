//! A table: the accounts of one calendar in one shard, all of which die at one instant.
//!
//! An entry is 24 bytes: 96 bits of keyed hash, the ledger's `base`, and a word that says where the rest of the ledger
//! is while requests run. Linear probing at a load of at most four fifths, growing by three tenths, keeps an account
//! below 40 bytes. Nothing is removed but from calendars without windows, so a window's end is one swap.

use super::entries::{Entries, Entry, IDLE, VACANT};
use super::snapshot::Account;
use crate::model::{AccountHash, Ledger, Now, Tick};
use crate::store::calendar::InForce;

/// Room for so many entries, or slots, is kept: giving it back would return next to nothing.
const FEW: usize = 64;

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

    /// The entry of an account, if it has one.
    #[inline]
    pub(super) fn find(&self, account: AccountHash) -> Option<usize> {
        if self.entries.len() == 0 {
            return None;
        }
        let at = self.probe(account);
        (self.entries.get(at).slot != VACANT).then_some(at)
    }

    /// The same of an account that was found at a place before, where it mostly still is.
    #[inline]
    pub(super) fn find_near(&self, place: u32, account: AccountHash) -> Option<usize> {
        let at = place as usize;
        let is_there = at < self.entries.len() && self.entries.get(at).is_of(account);
        if is_there { Some(at) } else { self.find(account) }
    }

    #[inline]
    pub(super) fn ledger(&self, at: usize) -> Ledger {
        let Entry { slot, base, .. } = self.entries.get(at);
        match self.slots.get(slot as usize) {
            None => Ledger { base, ..Ledger::default() },
            Some(&Slot { running, admitted, held, waiting, .. }) => {
                Ledger { base, held, waiting, running, admitted }
            }
        }
    }

    /// Changes an account.
    #[inline]
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Ledger)) {
        let mut ledger = self.ledger(at);
        change(&mut ledger);
        self.set(at, &ledger);
    }

    /// Writes an account back.
    #[inline]
    pub(super) fn set(&mut self, at: usize, ledger: &Ledger) {
        let Entry { hash, slot: old, .. } = self.entries.get(at);
        let mark = self.slots.get(old as usize).map_or(old, |slot| slot.mark);
        let slot = match (ledger.is_idle(), old) {
            (true, _) => mark,
            (false, IDLE..) => self.take_slot(),
            (false, slot) => slot,
        };
        self.entries.set(at, Entry { hash, slot, base: ledger.base });
        if slot >= IDLE {
            self.release(old);
        } else {
            let Ledger { running, admitted, held, waiting, .. } = *ledger;
            self.slots[slot as usize] = Slot { entry: at as u32, running, admitted, mark, held, waiting };
        }
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
        if (self.len + 1) * 5 > self.entries.len() * 4 {
            self.grow();
        }
        let at = self.probe(hash);
        self.entries.set(at, Entry { hash, slot: mark, base: 0 });
        self.len += 1;
        self.shared += usize::from(is_shared);
        at
    }

    fn grow(&mut self) {
        self.move_to((self.entries.len() * 13 / 10).max(8));
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
            let at = self.probe(entry.hash);
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
    fn probe(&self, hash: AccountHash) -> usize {
        let mut at = self.home(hash);
        loop {
            let entry = self.entries.get(at);
            if entry.slot == VACANT || entry.hash == hash {
                return at;
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

    #[inline]
    fn take_slot(&mut self) -> u32 {
        let slot = self.free;
        if let Some(free) = self.slots.get(slot as usize) {
            self.free = free.entry;
            return slot;
        }
        self.slots.push(Slot { entry: NONE, running: 0, admitted: 0, mark: IDLE, held: 0, waiting: 0 });
        (self.slots.len() - 1) as u32
    }

    #[inline]
    fn release(&mut self, slot: u32) {
        if let Some(released) = self.slots.get_mut(slot as usize) {
            *released = Slot { entry: self.free, running: 0, admitted: 0, mark: IDLE, held: 0, waiting: 0 };
            self.free = slot;
        }
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
                        table.set(at, &Ledger::default());
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
