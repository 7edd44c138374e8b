//! The engine: the clock, the store and the secret that all limiters of a process share.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, SystemClock};
use crate::model::expectation::Expectation;
use crate::model::key::KeyHasher;
use crate::model::units::Micros;
use crate::store::memory::Memory;
use crate::store::{Census, Store};

/// How often windows that have ended are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How many routes of a rule are told apart; more share what is expected of them.
const ROUTES: usize = 64;

/// What all limiters of a process share: a clock, a store, and the secret that keys are hashed with.
pub struct Engine {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Box<dyn Store>,
    pub(crate) hasher: KeyHasher,
    /// By site and rule, so that a reload does not forget.
    expectations: Mutex<HashMap<(String, String), Arc<Expectations>>>,
}

impl Engine {
    /// An engine over a store and a clock.
    ///
    /// A thread of its own frees what has died in the store once a second; it ends soon after the engine is dropped.
    pub fn new(store: impl Store, clock: impl Clock) -> Arc<Self> {
        Self::over(Box::new(store), clock)
    }

    /// An engine over a store that was [opened](crate::store::open) by its URI.
    pub fn over(store: Box<dyn Store>, clock: impl Clock) -> Arc<Self> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let read = Arc::clone(&clock);
        store.begin(Box::new(move || read.now()));
        let hasher = KeyHasher::new(store.secret().unwrap_or_else(random_secret));
        let engine = Arc::new(Self { clock, store, hasher, expectations: Mutex::default() });
        let tidied = Arc::downgrade(&engine);
        let spawned = thread::Builder::new().name("timebudget-tidy".into()).spawn(move || keep_tidy(&tidied));
        if let Err(error) = spawned {
            log::warn!("no thread to free ended windows with ({error}); they are freed when next used");
        }
        engine
    }

    /// An engine over the machine's clocks and a memory store of the default size.
    pub fn in_memory() -> Arc<Self> {
        Self::new(Memory::default(), SystemClock::new())
    }

    /// What the store holds and has done.
    pub fn census(&self) -> Census {
        self.store.census()
    }

    pub(crate) fn expectations(&self, site: &str, rule: &str) -> Arc<Expectations> {
        let mut all = self.expectations.lock();
        Arc::clone(all.entry((site.to_owned(), rule.to_owned())).or_default())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("census", &self.census()).finish_non_exhaustive()
    }
}

/// What is expected of the requests of one rule, by route.
#[derive(Debug)]
pub(crate) struct Expectations([Route; ROUTES]);

/// What is learned of one route, and what follows from it.
#[derive(Debug)]
struct Route {
    learned: AtomicU64,
    /// In microseconds, worked out once for each request that ends: then nobody waits for the answer.
    expected: AtomicU64,
}

impl Default for Expectations {
    fn default() -> Self {
        Self([const { Route { learned: AtomicU64::new(0), expected: AtomicU64::new(0) } }; ROUTES])
    }
}

impl Expectations {
    pub(crate) fn expected(&self, route: u32) -> Micros {
        Micros(self.of(route).expected.load(Relaxed))
    }

    /// Learns from a request that has ended. Two that end at one instant may be learned from as one.
    pub(crate) fn record(&self, route: u32, cost: Micros) {
        let Route { learned, expected } = self.of(route);
        let mut expectation = Expectation::from_bits(learned.load(Relaxed));
        expectation.record(cost);
        learned.store(expectation.to_bits(), Relaxed);
        expected.store(expectation.expected().0, Relaxed);
    }

    fn of(&self, route: u32) -> &Route {
        &self.0[route as usize % ROUTES]
    }
}

fn keep_tidy(engine: &Weak<Engine>) {
    loop {
        thread::sleep(TIDY_EVERY);
        let Some(engine) = engine.upgrade() else { return };
        engine.store.tidy(engine.clock.now());
    }
}

/// 128 bits from the standard library's source of hash keys, which the operating system seeds.
fn random_secret() -> [u8; 16] {
    let half = || RandomState::new().build_hasher().finish();
    ((u128::from(half()) << 64) | u128::from(half())).to_le_bytes()
}
