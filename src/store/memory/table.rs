//! A table: the accounts of one calendar in one shard, all of which die at one instant.
//!
//! An entry is 24 bytes: 96 bits of keyed hash, the ledger's `base`, and a word that says where the rest of the ledger
//! is while requests run. Linear probing at a load of at most four fifths, growing by three tenths, keeps an account
//! below 40 bytes. Nothing is removed but from calendars without windows, so a window's end is one swap.

use crate::model::key::AccountHash;
use crate::model::ledger::Ledger;
use crate::model::now::Now;
use crate::model::units::Tick;
use crate::store::Claim;
use crate::store::calendar::InForce;

/// An entry that holds no account.
const VACANT: u32 = u32::MAX;
/// An account without running requests: `base` is its whole ledger.
const IDLE: u32 = u32::MAX - 1;
/// The end of the list of free slots.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    hash: AccountHash,
    /// `VACANT`, `IDLE`, or the slot of the account's running requests.
    slot: u32,
    base: i64,
}

const EMPTY: Entry = Entry { hash: [0; 3], slot: VACANT, base: 0 };

/// The part of a ledger that only accounts with running requests have.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The account's entry; in a free slot the next free one.
    entry: u32,
    running: u32,
    /// 0 in a free slot.
    admitted: u32,
    held: i64,
}

/// The entries of a window that has ended, on their way to be freed.
#[derive(Debug)]
pub(super) struct Retired {
    pub(super) accounts: usize,
    _entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) in_force: InForce,
    entries: Vec<Entry>,
    len: usize,
    slots: Vec<Slot>,
    free: u32,
}

impl Table {
    pub(super) const fn new(in_force: InForce) -> Self {
        Self { in_force, entries: Vec::new(), len: 0, slots: Vec::new(), free: NONE }
    }

    /// The entry of an account, if it has one.
    #[inline]
    pub(super) fn find(&self, account: AccountHash) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let at = self.probe(account);
        (self.entries[at].slot != VACANT).then_some(at)
    }

    #[inline]
    pub(super) fn ledger(&self, at: usize) -> Ledger {
        let Entry { slot, base, .. } = self.entries[at];
        match self.slots.get(slot as usize) {
            None => Ledger { base, ..Ledger::default() },
            Some(&Slot { running, admitted, held, .. }) => Ledger { base, running, admitted, held },
        }
    }

    /// Changes an account, and returns what [`Table::set`] does.
    #[inline]
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Ledger)) -> u32 {
        let mut ledger = self.ledger(at);
        change(&mut ledger);
        self.set(at, &ledger)
    }

    /// Writes an account back; returns the slot of its running requests, which means nothing if there are none.
    #[inline]
    pub(super) fn set(&mut self, at: usize, ledger: &Ledger) -> u32 {
        let entry = &mut self.entries[at];
        entry.base = ledger.base;
        let old = entry.slot;
        if ledger.is_idle() {
            entry.slot = IDLE;
            self.release(old);
            return IDLE;
        }
        let slot = if old == IDLE { self.take_slot() } else { old };
        self.entries[at].slot = slot;
        self.slots[slot as usize] =
            Slot { entry: at as u32, running: ledger.running, admitted: ledger.admitted, held: ledger.held };
        slot
    }

    /// The entry of an admitted request's account; `None` if its window has ended with nothing running.
    #[inline]
    pub(super) fn entry(&self, claim: &Claim) -> Option<usize> {
        match claim.ticket.and_then(|ticket| self.slots.get(ticket.slot as usize)) {
            Some(slot) => Some(slot.entry as usize),
            None => self.find(claim.account()),
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
        let accounts = std::mem::take(&mut self.len);
        let old = std::mem::take(&mut self.entries);
        for slot in 0..self.slots.len() {
            if self.slots[slot].admitted > 0 {
                self.carry_over(slot as u32, &old, edge);
            }
        }
        Retired { accounts: accounts - self.len, _entries: old }
    }

    /// Removes an account, closing the gap that it leaves in its run of entries.
    pub(super) fn remove(&mut self, at: usize) {
        let capacity = self.entries.len();
        let mut gap = at;
        let mut next = self.after(gap);
        while self.entries[next].slot != VACANT {
            let home = self.home(self.entries[next].hash);
            let displaced = (next + capacity - home) % capacity;
            if displaced >= (next + capacity - gap) % capacity {
                self.move_entry(next, gap);
                gap = next;
            }
            next = self.after(next);
        }
        self.entries[gap] = EMPTY;
        self.len -= 1;
    }

    fn carry_over(&mut self, slot: u32, old: &[Entry], edge: Tick) {
        let Slot { entry, running, admitted, held } = self.slots[slot as usize];
        let Entry { hash, base, .. } = old[entry as usize];
        let ledger = Ledger { base, running, admitted, held }.carried_over(edge);
        let at = self.insert(hash);
        self.entries[at].slot = slot;
        self.entries[at].base = ledger.base;
        self.slots[slot as usize].entry = at as u32;
    }

    /// A new entry for an account that has none.
    pub(super) fn insert(&mut self, hash: AccountHash) -> usize {
        if (self.len + 1) * 5 > self.entries.len() * 4 {
            self.grow();
        }
        let at = self.probe(hash);
        self.entries[at] = Entry { hash, slot: IDLE, base: 0 };
        self.len += 1;
        at
    }

    fn grow(&mut self) {
        let capacity = (self.entries.len() * 13 / 10).max(8);
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; capacity]);
        for entry in old.into_iter().filter(|entry| entry.slot != VACANT) {
            let at = self.probe(entry.hash);
            self.entries[at] = entry;
            self.point_slot_at(at);
        }
    }

    fn move_entry(&mut self, from: usize, to: usize) {
        self.entries[to] = self.entries[from];
        self.point_slot_at(to);
    }

    fn point_slot_at(&mut self, at: usize) {
        let slot = self.entries[at].slot;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.entry = at as u32;
        }
    }

    /// The entry with this hash, else the vacant one where it belongs; the load leaves at least one vacant.
    #[inline]
    fn probe(&self, hash: AccountHash) -> usize {
        let mut at = self.home(hash);
        loop {
            let entry = &self.entries[at];
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
        self.slots.push(Slot { entry: NONE, running: 0, admitted: 0, held: 0 });
        (self.slots.len() - 1) as u32
    }

    #[inline]
    fn release(&mut self, slot: u32) {
        if let Some(released) = self.slots.get_mut(slot as usize) {
            *released = Slot { entry: self.free, running: 0, admitted: 0, held: 0 };
            self.free = slot;
        }
    }
}
