//! The Redis store: one budget for many processes.
//!
//! Each process keeps its own lines in memory, and the server keeps for each account one line per process. What a
//! process knows of the others is the sum of their lines, which it evaluates at each moment. `docs/redis.md` describes
//! what that promises and what it costs.
//!
//! Its layers, of which each uses only those below it:
//!
//! | layer | knows |
//! |---|---|
//! | `accounts` | those who look after accounts: what they list, read, grant and reset |
//! | `task` | tokio: tells the desk what happens, and does what it says |
//! | `link` | the client: connections to one server, behind sentinels or in a cluster, and the scripts over them |
//! | `desk` | what goes to the servers and when, and what is done when they fail; no I/O |
//! | `ledger` | this process's lines, the others' lines, and every decision that is made here |
//! | `script` | what the servers run: texts, arguments, answers |
//! | `settings`, `topology` | what the URI says: how servers are spoken to, where they are, and their certificates |
//! | `trouble` | what can go wrong |

mod accounts;
mod desk;
mod ledger;
mod link;
mod script;
mod settings;
mod task;
#[cfg(test)]
mod tests {
    //! Tests that need no server: on a model of one, by clocks that they move.

    mod counting;
    mod fidelity;
    mod hung_up;
    mod ledger;
    mod model;
    mod overshoot;
    mod schedules;
    mod told;
    mod troubles;
    mod world;
}
mod topology;
mod trouble;

use std::fmt;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;

use self::accounts::Keeper;
use self::desk::{Candidate, Event};
use self::ledger::Ledgers;
use self::script::canonical;
pub(crate) use self::settings::RedisUri;
use self::settings::Settings;
use self::task::Inbox;
use self::topology::TlsFiles;
use crate::model::{KeyHash, Learned, Micros, Now};
use crate::store::uri::parameter::UriFault;
use crate::store::{
    Answering, Asking, Book, BookSpec, Census, Claim, Fault, Listed, Mode, Progress, Reading, Relief,
    Settlement, SharedOut, Store, Verdict,
};

/// How long the first connection is waited for, unless requests wait longer for an answer. A store that has none by
/// then begins without.
const START_WITHIN: Duration = Duration::from_secs(1);

/// How long it is waited for lines to be stored, unless requests wait longer for an answer. A server that does not
/// answer keeps nobody from ending.
const SAVE_WITHIN: Duration = Duration::from_secs(1);

/// The Redis store: one budget for many processes.
///
/// It connects when it is given its clock, on a thread of its own. Dropping it publishes what is left to publish.
///
/// Nobody names this type to use it: [`open`](crate::store::open) makes one of a URI, and [`Engine::over`](crate::Engine::over) begins
/// it. While the server does not answer, `on_store_fault` of the URI says what is decided; the
/// [census](crate::store::Census::degraded) counts those decisions.
///
/// # Examples
///
/// ```no_run
/// use timebudget::{Engine, SystemClock, store};
///
/// let engine = Engine::over(store::open("redis://localhost?mode=batched&sync=100ms")?, SystemClock::new());
/// # let _ = engine;
/// # Ok::<(), store::UriError>(())
/// ```
pub struct Redis {
    ledgers: Arc<Ledgers>,
    /// The way to the desk, once the store has begun.
    inbox: OnceLock<Inbox>,
}

impl Redis {
    /// The store of a URI.
    ///
    /// # Errors
    ///
    /// A certificate or a key that cannot be read.
    pub(crate) fn new(uri: &RedisUri) -> Result<Self, UriFault> {
        let settings = uri.settings().clone();
        settings.tls.as_ref().map_or(Ok(()), TlsFiles::check)?;
        Ok(Self::with(settings))
    }

    fn with(settings: Settings) -> Self {
        Self { ledgers: Arc::new(Ledgers::new(settings, random())), inbox: OnceLock::new() }
    }

    fn start(&self) -> std::io::Result<()> {
        let (started, is_started) = mpsc::channel();
        let inbox = task::start(Arc::clone(&self.ledgers), random(), started)?;
        // Begun once, as the contract says.
        let _ = self.inbox.set(inbox);
        let _ = is_started.recv_timeout(START_WITHIN.max(self.ledgers.settings.deadline));
        Ok(())
    }

    fn keeper(&self) -> Keeper {
        Keeper::new(&self.ledgers, self.inbox.get())
    }

    fn flush(&self) -> Result<(), Fault> {
        let (done, is_done) = mpsc::channel();
        let asked = self.inbox.get().is_some_and(|inbox| inbox.tell(Event::Flush(done)));
        if !asked {
            return Ok(()); // Nothing was ever published.
        }
        let late = |_| Err(Fault("redis: what was spent last was not stored in time".to_owned()));
        is_done.recv_timeout(SAVE_WITHIN.max(self.ledgers.settings.deadline)).unwrap_or_else(late)
    }
}

impl Store for Redis {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.ledgers.memory.open(spec)
    }

    fn begin(&self, clock: Reading) {
        // Given once, as the contract says.
        let _ = self.ledgers.clock.set(clock);
        if let Err(error) = self.start() {
            log::error!("redis: no thread to speak to it with ({error}); it is not asked");
        }
    }

    fn secret(&self) -> Option<[u8; 16]> {
        Some(self.ledgers.settings.hash_secret())
    }

    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        name(claims);
        self.ledgers.admit(claims, mode, self.ledgers.agreed(now))
    }

    fn ask(&self, claims: &[Claim], mode: Mode, now: Now) -> Asking {
        let now = self.ledgers.agreed(now);
        let (reply, answered) = oneshot::channel();
        let candidate = Candidate::new(&self.ledgers, claims.to_vec(), mode, now, reply);
        if let Some(inbox) = self.inbox.get() {
            inbox.ask(candidate);
        }
        Box::pin(async move {
            let dropped = |_| Fault("nobody decided".to_owned());
            answered.await.map_err(dropped)?.take()
        })
    }

    fn pause(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        let now = self.ledgers.agreed(now);
        self.ledgers.memory.pause(claims, cost, now);
        self.ledgers.touch_timed(claims, now);
    }

    fn resume(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        let now = self.ledgers.agreed(now);
        self.ledgers.memory.resume(claims, cost, now);
        self.ledgers.touch_timed(claims, now);
    }

    fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        name(claims);
        self.ledgers.look(claims, progress, self.ledgers.agreed(now));
    }

    fn hears_every(&self) -> Option<Micros> {
        Some(Micros(self.ledgers.settings.sync.as_micros() as u64))
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.ledgers.settle(claims, settlement, self.ledgers.agreed(now));
    }

    fn tidy(&self, now: Now) {
        let now = self.ledgers.agreed(now);
        self.ledgers.tidy(now);
    }

    /// Publishes what the server does not know yet: all that this process has spent and runs.
    fn save(&self, _secret: &[u8; 16], _learned: &[Learned], _now: Now) -> Result<(), Fault> {
        self.flush()
    }

    fn census(&self) -> Census {
        let (degraded, calls, outages) =
            (self.ledgers.degraded(), self.ledgers.calls(), self.ledgers.outages());
        let health = self.ledgers.health();
        Census { degraded, calls, outages, health, ..self.ledgers.memory.census() }
    }

    fn list(&self, books: &[Book], most: usize, now: Now) -> Answering<Vec<Listed>> {
        Box::pin(self.keeper().list(books.to_vec(), most, self.ledgers.agreed(now)))
    }

    fn read(&self, book: Book, key: KeyHash, now: Now) -> Answering<Listed> {
        Box::pin(self.keeper().read(book, key, self.ledgers.agreed(now)))
    }

    fn read_shares(&self, book: Book, key: KeyHash, client: KeyHash, now: Now) -> Answering<SharedOut> {
        Box::pin(self.keeper().read_shares(book, key, client, self.ledgers.agreed(now)))
    }

    fn relieve(&self, book: Book, key: KeyHash, relief: Relief, now: Now) -> Answering<Listed> {
        Box::pin(self.keeper().relieve(book, key, relief, self.ledgers.agreed(now)))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Whoever wants to know whether it could be published saves before.
        let _ = self.flush();
        if let Some(inbox) = self.inbox.get() {
            inbox.stop();
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("settings", &self.ledgers.settings).finish_non_exhaustive()
    }
}

/// Gives keys the form that the accounts' names tell: so an account that is found by its name is the one of its client.
fn name(claims: &mut [Claim]) {
    for claim in claims {
        claim.ask.key = canonical(claim.ask.key);
        claim.ask.client = claim.ask.client.map(canonical);
    }
}

/// 64 bits that tell this process from others, from the operating system.
fn random() -> u64 {
    getrandom::u64().expect("the operating system gives random bits")
}
