//! The engine: the clock, the store and the secret that all limiters of a process share; and the thread that keeps its store.
//!
//! One thread serves all engines of a process. Once a second it frees what has died in their stores, and every tenth time it has them
//! write down what is to outlive the process: so a crash loses ten seconds at most. An engine that was dropped leaves the thread, and a
//! thread without engines ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{fmt, thread};

use parking_lot::Mutex;

use crate::clock::{Clock, ManualClock, SystemClock};
use crate::limiter::alarms::Alarms;
use crate::limiter::lessons::Lessons;
use crate::limiter::observe::{Observe, Observers};
use crate::limiter::roster::Rosters;
use crate::model::{KeyHasher, UnixMicros};
use crate::store::memory::Memory;
use crate::store::{Census, Fault, Store};

/// What limiters share: the accounts, the clock, and the secret that keys are hashed with.
///
/// It is a handle: a clone is the same engine, and two of them are equal if they are the same. Budgets on one engine whose sites
/// have one name draw on the same accounts where their rules have the same name. The engine ends, and its store is
/// [saved](Self::save) once more, when the last handle and the last limiter on it are dropped.
///
/// One thread of the process frees, once a second, what has died in the stores of all engines, and saves them every ten.
///
/// # Examples
///
/// ```
/// use timebudget::{Engine, TimeBudget};
///
/// let engine = Engine::in_memory();
/// let mail = || TimeBudget::rule("mail", "100 per day").engine(&engine).build();
/// let (invite, remind) = (mail()?, mail()?); // One account a client, wherever they are wrapped.
/// assert_eq!(engine, engine.clone());
/// # let _ = (invite, remind);
/// # Ok::<(), timebudget::RuleError>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What all handles of an engine share.
///
/// Limiters hold it, and so does whatever runs under them: it ends with the last of them, and saves its store then.
pub(crate) struct Shared {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) store: Box<dyn Store>,
    pub(crate) hasher: KeyHasher,
    /// What tells it from the other engines of the process; never 0.
    pub(crate) number: u64,
    /// Whom to wake when a budget is spent that cuts what runs.
    pub(crate) alarms: Alarms,
    /// What the hasher hashes with.
    secret: [u8; 16],
    /// What requests of each rule are expected to cost.
    pub(crate) lessons: Lessons,
    /// Who is told of what limiters do that are made from now on.
    observers: Mutex<Observers>,
    /// Which rules are in force.
    pub(crate) rosters: Rosters,
}

/// The number of the engine that is made next.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl Engine {
    /// An engine over a store and a clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::store::memory::Memory;
    /// use timebudget::{Engine, SystemClock};
    /// let engine = Engine::new(Memory::new(50_000), SystemClock::new());
    /// assert_eq!(engine.census().accounts, 0);
    /// ```
    pub fn new(store: impl Store, clock: impl Clock) -> Self {
        Self::over(Box::new(store), clock)
    }

    /// An engine over a store that was [opened](crate::store::open) by its URI.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Engine, SystemClock, store};
    /// let engine = Engine::over(store::open("memory://?max_accounts=50000")?, SystemClock::new());
    /// # let _ = engine;
    /// # Ok::<(), store::UriError>(())
    /// ```
    pub fn over(store: Box<dyn Store>, clock: impl Clock) -> Self {
        let clock = Arc::new(clock);
        let read = Arc::clone(&clock);
        store.begin(Box::new(move || read.now()));
        let secret = store.secret().unwrap_or_else(random_secret);
        Self::hashing(store, Box::new(clock), secret)
    }

    /// An engine of its own in memory, at an instant that stays, which knows clients by the same ids as this one.
    pub(crate) fn apart(&self, at: UnixMicros) -> Self {
        let clock = ManualClock::at(at);
        Self::hashing(Box::new(Memory::default()), Box::new(clock), self.0.secret)
    }

    fn hashing(store: Box<dyn Store>, clock: Box<dyn Clock>, secret: [u8; 16]) -> Self {
        let hasher = KeyHasher::new(secret);
        let lessons = Lessons::new(store.learned());
        let shared = Arc::new(Shared {
            clock,
            store,
            hasher,
            number: NEXT_NUMBER.fetch_add(1, Relaxed),
            alarms: Alarms::default(),
            secret,
            lessons,
            observers: Mutex::default(),
            rosters: Rosters::default(),
        });
        begin(&shared);
        Self(shared)
    }

    /// An engine over the machine's clocks and a memory store of the default size.
    ///
    /// A million accounts, about 40 MB when it is full; nothing of it outlives the process.
    pub fn in_memory() -> Self {
        Self::new(Memory::default(), SystemClock::new())
    }

    /// The same, whose decisions and settlements are told to an observer: those of budgets and limiters that are made from now on.
    #[must_use]
    pub fn observe(self, observer: impl Observe) -> Self {
        self.0.observers.lock().0.push(Arc::new(observer));
        self
    }

    /// The same, which is observed by all of these.
    pub(crate) fn observed_by(self, observers: Observers) -> Self {
        observers.0.into_iter().fold(self, Self::observe)
    }

    /// What the store holds and has done.
    ///
    /// A look at four numbers, without a lock: as often as a monitor likes.
    pub fn census(&self) -> Census {
        self.0.store.census()
    }

    /// Writes down what the store keeps for the next process; a store without a snapshot keeps nothing.
    ///
    /// The end of the engine does it too. But who holds on to the last limiter is hard to know: a thread that tidies up or saves may
    /// at that moment, and no destructor runs after `main` has returned. So nothing but this is certain, and an application calls it
    /// when its server has ended.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if it cannot be written; what was saved last is still there.
    pub fn save(&self) -> Result<(), Fault> {
        self.0.save()
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// A handle that does not keep the engine from ending.
    pub(crate) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }
}

impl PartialEq for Engine {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Engine {}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Shared {
    pub(crate) fn observers(&self) -> Observers {
        self.observers.lock().clone()
    }

    pub(crate) fn save(&self) -> Result<(), Fault> {
        self.store.save(&self.secret, &self.lessons.learned(), self.clock.now())
    }

    /// Lets go of what is known of rules that no limiter has any more.
    pub(crate) fn forget(&self) {
        self.lessons.forget(self.clock.tick());
        self.rosters.forget();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Err(fault) = self.save() {
            log::error!("{fault}");
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("census", &self.store.census()).finish_non_exhaustive()
    }
}

/// 128 bits from the operating system; a machine that has none to give cannot keep accounts apart from forgers.
fn random_secret() -> [u8; 16] {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).expect("the operating system gives random bits");
    secret
}

/// How often windows that have ended are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How often the store writes down what is to outlive the process, in rounds of tidying: what a crash loses at most.
const SAVE_EVERY: u32 = 10;

/// The engines that are to be kept, but for those of the round that goes on.
static KEPT: Mutex<Kept> = Mutex::new(Kept { engines: Vec::new(), has_thread: false });

struct Kept {
    engines: Vec<Keeping>,
    has_thread: bool,
}

/// An engine, and how far its upkeep has come.
///
/// It holds the engine weakly, so that the thread keeps no engine alive.
struct Keeping {
    engine: Weak<Shared>,
    round: u32,
    was_saved: bool,
}

/// Keeps an engine until it ends.
pub(crate) fn begin(engine: &Arc<Shared>) {
    let mut kept = KEPT.lock();
    kept.engines.push(Keeping { engine: Arc::downgrade(engine), round: 0, was_saved: true });
    if kept.has_thread {
        return;
    }
    match thread::Builder::new().name("timebudget-tidy".into()).spawn(keep_tidy) {
        Ok(_) => kept.has_thread = true,
        Err(error) => log::warn!(
            "no thread to free ended windows with ({error}); they are freed when next used, and saved at the end"
        ),
    }
}

/// Goes on while there is an engine; the next one after that has another thread.
fn keep_tidy() {
    loop {
        thread::sleep(TIDY_EVERY);
        let mut engines = std::mem::take(&mut KEPT.lock().engines);
        // Without the lock: an engine that is made meanwhile does not wait for a slow disk.
        engines.retain_mut(Keeping::keep);
        let mut kept = KEPT.lock();
        kept.engines.append(&mut engines);
        if kept.engines.is_empty() {
            kept.has_thread = false;
            return;
        }
    }
}

impl Keeping {
    /// Goes a round, and says whether the engine is still there. One whose store panics does not take others along.
    fn keep(&mut self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return false };
        let kept = catch_unwind(AssertUnwindSafe(|| self.go_round(&engine)));
        if kept.is_err() {
            log::error!("a store has panicked while it was tidied; it is tried again in a second");
        }
        true
    }

    /// Saves in the first round, too, so that a place that cannot be written to is known at once.
    fn go_round(&mut self, engine: &Shared) {
        let round = self.round;
        self.round = (round + 1) % SAVE_EVERY;
        engine.store.tidy(engine.clock.now());
        if round == 0 {
            engine.forget();
            self.save_and_tell(engine);
        }
    }

    /// Says once that accounts cannot be saved, and once that they can again.
    fn save_and_tell(&mut self, engine: &Shared) {
        let saved = engine.save();
        match &saved {
            Err(fault) if self.was_saved => log::error!("{fault}; tried again every {SAVE_EVERY} s"),
            Ok(()) if !self.was_saved => log::info!("accounts are saved again"),
            _ => {}
        }
        self.was_saved = saved.is_ok();
    }
}
