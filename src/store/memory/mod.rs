//! The memory store: accounts in this process, shared by all its workers.
//!
//! A decision takes one lock for each shard that its keys lie in, which for a single key is one lock whatever the
//! number of limits. On an account that exists it allocates nothing.

mod decision;
mod entries;
mod locked;
#[cfg(feature = "redis")]
mod peek;
mod table;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, RwLock};

use self::decision::Decision;
use self::locked::{Many, common_shard};
use self::table::{Retired, Table};
use crate::model::key::{KeyBytes, KeyHash, KeyHasher};
use crate::model::now::Now;
use crate::model::units::Micros;
use crate::model::window::Period;
use crate::store::calendar::Calendar;
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

/// What a decision does while every shard that a key of its claims lies in is locked.
macro_rules! locked {
    ($store:ident, $claims:ident, $now:ident, |$decision:ident| $act:expr) => {
        match common_shard($claims) {
            Some(shard) => {
                let mut shard = $store.shards[shard].lock();
                let mut $decision = Decision { store: $store, shards: &mut shard, now: $now };
                $act
            }
            None => {
                let mut shards = Many::lock(&$store.shards, $claims);
                let mut $decision = Decision { store: $store, shards: &mut shards, now: $now };
                $act
            }
        }
    };
}

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

    /// Decides with the shared account of its book in the place of each account that does not exist yet.
    #[cold]
    fn admit_newcomers(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Verdict {
        self.overflowed.fetch_add(1, Relaxed);
        locked!(self, claims, now, |decision| decision.send_newcomers_to(OVERFLOW, claims));
        locked!(self, claims, now, |decision| decision.decide_without_bound(claims, mode))
    }

    /// A new account, be there room or not.
    fn insert(&self, table: &mut Table, claim: &Claim) -> usize {
        self.accounts.fetch_add(1, Relaxed);
        table.insert(claim.account())
    }

    fn retire(&self, retired: Retired) {
        self.accounts.fetch_sub(retired.accounts, Relaxed);
        self.retired.lock().push(retired);
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
        let decided = locked!(self, claims, now, |decision| decision.decide(claims, mode));
        Ok(decided.unwrap_or_else(|Full| self.admit_newcomers(claims, mode, now)))
    }

    fn pause(&self, claims: &[Claim], now: Now) {
        locked!(self, claims, now, |decision| decision.pause(claims));
    }

    fn resume(&self, claims: &[Claim], now: Now) {
        locked!(self, claims, now, |decision| decision.resume(claims));
    }

    fn look(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        locked!(self, claims, now, |decision| decision.look(claims, cost));
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        locked!(self, claims, now, |decision| decision.settle(claims, settlement));
    }

    fn tidy(&self, now: Now) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            for calendar in 0..shard.0.len() {
                shard.table(self, calendar, now);
            }
        }
        while let Some(retired) = self.take_retired() {
            drop(retired);
        }
    }

    fn census(&self) -> Census {
        let (accounts, overflowed) = (self.accounts.load(Relaxed), self.overflowed.load(Relaxed));
        Census { accounts, overflowed, ..Census::default() }
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
    #[inline]
    fn table(&mut self, store: &Memory, calendar: usize, now: Now) -> &mut Table {
        if self.0.get(calendar).is_none_or(|table| now.utc >= table.in_force.edge) {
            self.renew(store, calendar, now);
        }
        &mut self.0[calendar]
    }

    #[cold]
    fn renew(&mut self, store: &Memory, calendar: usize, now: Now) {
        let calendars = store.calendars.read();
        while self.0.len() <= calendar {
            self.0.push(Table::new(calendars.all[self.0.len()].in_force(now)));
        }
        let table = &mut self.0[calendar];
        if now.utc >= table.in_force.edge {
            store.retire(table.roll(calendars.all[calendar].in_force(now)));
        }
    }
}
