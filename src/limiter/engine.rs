//! The engine: the clock, the store and the secret that all limiters of a process share.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, SystemClock};
use crate::limiter::expectations::Expectations;
use crate::model::{Expectation, KeyHasher, Learned};
use crate::store::memory::Memory;
use crate::store::{Census, Fault, Store};

/// How often windows that have ended are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How often the store writes down what is to outlive the process, in rounds of tidying: what a crash loses at most.
const SAVE_EVERY: u32 = 10;

/// What all limiters of a process share: a clock, a store, and the secret that keys are hashed with.
pub struct Engine {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Box<dyn Store>,
    pub(crate) hasher: KeyHasher,
    /// What the hasher hashes with.
    secret: [u8; 16],
    /// By site and rule, so that a reload does not forget.
    expectations: Mutex<HashMap<(String, String), OfRule>>,
}

impl Engine {
    /// An engine over a store and a clock.
    ///
    /// A thread of its own frees what has died in the store once a second, and saves it every ten; it ends soon after the
    /// engine is dropped.
    pub fn new(store: impl Store, clock: impl Clock) -> Arc<Self> {
        Self::over(Box::new(store), clock)
    }

    /// An engine over a store that was [opened](crate::store::open) by its URI.
    pub fn over(store: Box<dyn Store>, clock: impl Clock) -> Arc<Self> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let read = Arc::clone(&clock);
        store.begin(Box::new(move || read.now()));
        let secret = store.secret().unwrap_or_else(random_secret);
        let hasher = KeyHasher::new(secret);
        let learned = store.learned().into_iter();
        let known = learned.map(|learned| (OfRule::of(&learned), (learned.site, learned.rule)));
        let expectations = Mutex::new(known.map(|(of_rule, name)| (name, of_rule)).collect());
        let engine = Arc::new(Self { clock, store, hasher, secret, expectations });
        let tidied = Arc::downgrade(&engine);
        let spawned = thread::Builder::new().name("timebudget-tidy".into()).spawn(move || keep_tidy(&tidied));
        if let Err(error) = spawned {
            log::warn!(
                "no thread to free ended windows with ({error}); they are freed when next used, and saved at the end"
            );
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

    /// Writes down what the store keeps for the next process; a store without a snapshot keeps nothing.
    ///
    /// Dropping the engine does it too. But who holds on to the last limiter is hard to know, and no destructor runs
    /// after `main` has returned: an application calls this when its server has ended.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if it cannot be written; what was saved last is still there.
    pub fn save(&self) -> Result<(), Fault> {
        self.store.save(&self.secret, &self.learned(), self.clock.now())
    }

    pub(crate) fn expectations(&self, site: &str, rule: &str) -> Arc<Expectations> {
        let mut all = self.expectations.lock();
        let of_rule = all.entry((site.to_owned(), rule.to_owned())).or_default();
        of_rule.is_asked = true;
        Arc::clone(&of_rule.expectations)
    }

    /// What was learned of the rules that this process has.
    fn learned(&self) -> Vec<Learned> {
        let all = self.expectations.lock();
        let asked = all.iter().filter(|(_, of_rule)| of_rule.is_asked);
        let learned = asked.map(|((site, rule), of_rule)| {
            let (overall, routes) = of_rule.expectations.learned();
            Learned { site: site.clone(), rule: rule.clone(), overall, routes }
        });
        learned.filter(|learned| learned.overall != Expectation::UNKNOWN).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(fault) = self.save() {
            log::error!("{fault}");
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("census", &self.census()).finish_non_exhaustive()
    }
}

/// What is expected of a rule's requests, and whether any limiter of this process has the rule: what none has is not
/// written down again.
#[derive(Debug, Default)]
struct OfRule {
    expectations: Arc<Expectations>,
    is_asked: bool,
}

impl OfRule {
    fn of(learned: &Learned) -> Self {
        let of_rule = Self::default();
        of_rule.expectations.take_over(learned.overall, &learned.routes);
        of_rule
    }
}

/// Saves in the first round, too, so that a place that cannot be written to is known at once.
fn keep_tidy(engine: &Weak<Engine>) {
    let mut was_saved = true;
    for round in (0..SAVE_EVERY).cycle() {
        thread::sleep(TIDY_EVERY);
        let Some(engine) = engine.upgrade() else { return };
        engine.store.tidy(engine.clock.now());
        if round == 0 {
            was_saved = save_and_tell(&engine, was_saved);
        }
    }
}

/// Says once that accounts cannot be saved, and once that they can again.
fn save_and_tell(engine: &Engine, was_saved: bool) -> bool {
    let saved = engine.save();
    match &saved {
        Err(fault) if was_saved => log::error!("{fault}; tried again every {SAVE_EVERY} s"),
        Ok(()) if !was_saved => log::info!("accounts are saved again"),
        _ => {}
    }
    saved.is_ok()
}

/// 128 bits from the standard library's source of hash keys, which the operating system seeds.
fn random_secret() -> [u8; 16] {
    let half = || RandomState::new().build_hasher().finish();
    ((u128::from(half()) << 64) | u128::from(half())).to_le_bytes()
}
