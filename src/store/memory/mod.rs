//! The memory store: accounts in this process, shared by all its workers.
//!
//! A decision takes one lock for each shard that its keys lie in, which for a single key is one lock whatever the
//! number of limits. On an account that exists it allocates nothing.

mod decision;
mod table;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;

use self::decision::Locked;
use self::table::{Retired, Table};
use crate::calendar::Calendar;
use crate::model::key::{KeyBytes, KeyHash, KeyHasher};
use crate::model::now::Now;
use crate::model::units::Micros;
use crate::model::window::Period;
use crate::store::{Book, BookSpec, Census, Claim, Fault, Mode, Settlement, Store, Verdict};

/// A power of two, so that a shard is a few bits of the key; many more than cores, so that two rarely meet.
const SHARDS: usize = 1024;

/// The key of the account that newcomers share when the store is full; no request hashes to it but by one chance
/// in 2^128.
const OVERFLOW: KeyHash = KeyHash([0; 4]);

/// The memory store.
#[derive(Debug)]
pub struct Memory {
    shards: Box<[Mutex<Shard>]>,
    calendars: RwLock<Calendars>,
    salts: KeyHasher,
    max_accounts: usize,
    accounts: AtomicUsize,
    overflowed: AtomicU64,
    /// What has died and is to be freed where nobody waits for it.
    retired: Mutex<Vec<Retired>>,
}

/// The tables of one shard, each at the position of its calendar. Aligned, so that two locks never share a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(Vec<Table>);

/// All calendars ever opened: there are as many as pairs of a zone and a period in the configuration.
#[derive(Debug, Default)]
struct Calendars {
    all: Vec<Arc<Calendar>>,
    positions: HashMap<(String, Option<Period>), u32>,
}

/// There is no room for a new account.
struct Full;

impl Memory {
    /// How many accounts a store holds unless it is told otherwise: about 40 MB when full.
    pub const DEFAULT_MAX_ACCOUNTS: usize = 1_000_000;

    /// An empty store with room for `max_accounts`; when full, newcomers share one account per book.
    pub fn new(max_accounts: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            calendars: RwLock::default(),
            salts: KeyHasher::new(*b"timebudget books"),
            max_accounts,
            accounts: AtomicUsize::new(0),
            overflowed: AtomicU64::new(0),
            retired: Mutex::default(),
        }
    }

    /// Locks every shard that one of the keys lies in, in the shards' order, so that two decisions never wait for
    /// each other.
    fn lock(&self, keys: impl Iterator<Item = KeyHash> + Clone, now: Now) -> Locked<'_> {
        let mut shards: SmallVec<[(usize, MutexGuard<'_, Shard>); 2]> = SmallVec::new();
        let first = keys.clone().map(shard_of).min();
        let mut next = first;
        while let Some(shard) = next {
            shards.push((shard, self.shards[shard].lock()));
            next = keys.clone().map(shard_of).filter(|&other| other > shard).min();
        }
        Locked { store: self, shards, now }
    }

    fn lock_claims(&self, claims: &[Claim], now: Now) -> Locked<'_> {
        self.lock(claims.iter().map(|claim| claim.key), now)
    }

    /// Decides with the shared account of its book in the place of each account that does not exist yet.
    #[cold]
    fn admit_newcomers(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Verdict {
        self.overflowed.fetch_add(1, Relaxed);
        let mut locked = self.lock_claims(claims, now);
        for at in 0..claims.len() {
            if !locked.exists(&claims[at]) {
                claims[at].key = OVERFLOW;
            }
        }
        drop(locked);
        self.lock_claims(claims, now).decide_without_bound(claims, mode)
    }

    fn retire(&self, retired: Retired) {
        self.accounts.fetch_sub(retired.accounts, Relaxed);
        if retired.accounts > 0 {
            self.retired.lock().push(retired);
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_ACCOUNTS)
    }
}

impl Store for Memory {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        let mut calendars = self.calendars.write();
        Book { calendar: calendars.open(spec), salt: self.salt(spec) }
    }

    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        let decided = self.lock_claims(claims, now).decide(claims, mode);
        Ok(decided.unwrap_or_else(|Full| self.admit_newcomers(claims, mode, now)))
    }

    fn pause(&self, claims: &[Claim], now: Now) {
        self.lock_claims(claims, now).pause(claims);
    }

    fn resume(&self, claims: &[Claim], now: Now) {
        self.lock_claims(claims, now).resume(claims);
    }

    fn look(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.lock_claims(claims, now).look(claims, cost);
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.lock_claims(claims, now).settle(claims, settlement);
    }

    fn tidy(&self, now: Now) {
        for shard in &self.shards {
            let mut locked = shard.lock();
            for calendar in 0..locked.0.len() {
                locked.roll_if_over(self, calendar, now);
            }
        }
        while let Some(retired) = self.take_retired() {
            drop(retired);
        }
    }

    fn census(&self) -> Census {
        Census { accounts: self.accounts.load(Relaxed), overflowed: self.overflowed.load(Relaxed) }
    }
}

impl Memory {
    /// The lock is held for one pop only: freeing happens outside.
    fn take_retired(&self) -> Option<Retired> {
        self.retired.lock().pop()
    }

    fn salt(&self, spec: &BookSpec<'_>) -> [u32; 3] {
        let mut name = KeyBytes::default();
        name.text(0, spec.site);
        name.text(1, spec.rule);
        let mut tally = String::new();
        // Writing to a String cannot fail.
        let _ = write!(tally, "{:?} per {:?}", spec.tally, spec.period);
        name.text(2, &tally);
        let KeyHash([_, a, b, c]) = self.salts.hash(name.as_slice());
        [a, b, c]
    }
}

impl Calendars {
    fn open(&mut self, spec: &BookSpec<'_>) -> u32 {
        let Self { all, positions } = self;
        let name = (spec.zone.name().to_owned(), spec.period);
        *positions.entry(name).or_insert_with(|| {
            all.push(Arc::new(Calendar::new(Arc::clone(spec.zone), spec.period)));
            (all.len() - 1) as u32
        })
    }
}

impl Shard {
    /// The table of a calendar, with the window that is in force.
    fn table(&mut self, store: &Memory, calendar: u32, now: Now) -> &mut Table {
        let calendar = calendar as usize;
        if self.0.len() <= calendar {
            self.open_tables(store, calendar, now);
        }
        self.roll_if_over(store, calendar, now);
        &mut self.0[calendar]
    }

    fn roll_if_over(&mut self, store: &Memory, calendar: usize, now: Now) {
        let table = &mut self.0[calendar];
        if now.utc >= table.in_force.edge {
            let in_force = store.calendars.read().all[calendar].in_force(now);
            let retired = table.roll(in_force);
            store.accounts.fetch_add(table.len(), Relaxed);
            store.retire(retired);
        }
    }

    #[cold]
    fn open_tables(&mut self, store: &Memory, calendar: usize, now: Now) {
        let calendars = store.calendars.read();
        for unopened in &calendars.all[self.0.len()..=calendar] {
            self.0.push(Table::new(unopened.in_force(now)));
        }
    }
}

fn shard_of(key: KeyHash) -> usize {
    key.shard_word() as usize % SHARDS
}
