//! The Redis store: one budget for many processes.
//!
//! Each process keeps its own lines in memory, and the server keeps for each account one line per process. What a
//! process knows of the others is the sum of their lines, which it evaluates at each moment. `docs/redis.md` describes
//! what that promises and what it costs.

mod beat;
mod calls;
mod candidate;
mod connect;
mod core;
mod desk;
mod exchange;
#[cfg(test)]
mod fidelity;
mod flush;
mod health;
mod link;
mod local;
#[cfg(test)]
mod model;
#[cfg(test)]
mod overshoot;
mod peers;
mod publish;
mod random;
#[cfg(test)]
mod schedules;
mod settings;
mod tls;
mod topology;
mod trouble;
mod uri;

use std::fmt;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use self::candidate::Candidate;
use self::core::Core;
use self::desk::{Desk, Message};
use self::tls::TlsFiles;
pub(in crate::store) use self::uri::RedisUri;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick};
use crate::store::uri::error::UriFault;
use crate::store::{Asking, Book, BookSpec, Census, Claim, Fault, Mode, Reading, Settlement, Store, Verdict};

/// How long the first connection is waited for, unless requests wait longer for an answer. A store that has none by
/// then begins without.
const START_WITHIN: Duration = Duration::from_secs(1);

/// How long it is waited for lines to be stored, unless requests wait longer for an answer. A server that does not
/// answer keeps nobody from ending.
const SAVE_WITHIN: Duration = Duration::from_secs(1);

/// The Redis store: one budget for many processes.
///
/// It connects when it is given its clock, on a thread of its own. Dropping it publishes what is left to publish.
pub struct Redis {
    core: Arc<Core>,
    desk: OnceLock<UnboundedSender<Message>>,
}

impl Redis {
    /// The store of a URI.
    ///
    /// # Errors
    ///
    /// A certificate or a key that cannot be read.
    pub(in crate::store) fn new(uri: &RedisUri) -> Result<Self, UriFault> {
        let settings = uri.settings().clone();
        settings.tls.as_ref().map_or(Ok(()), TlsFiles::check)?;
        Ok(Self { core: Arc::new(Core::new(settings)), desk: OnceLock::new() })
    }

    fn start(&self) -> std::io::Result<()> {
        let (inbox, letters) = unbounded_channel();
        let (started, is_started) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let desk = Desk::new(Arc::clone(&self.core), letters, inbox.clone(), started);
        thread::Builder::new().name("timebudget-redis".into()).spawn(move || runtime.block_on(desk.run()))?;
        // Begun once, as the contract says; a second desk would find no letters.
        let _ = self.desk.set(inbox);
        let _ = is_started.recv_timeout(START_WITHIN.max(self.core.settings.deadline));
        Ok(())
    }

    fn flush(&self) -> Result<(), Fault> {
        let (done, is_done) = mpsc::channel();
        let asked = self.desk.get().is_some_and(|desk| desk.send(Message::Flush(done)).is_ok());
        if !asked {
            return Ok(()); // Nothing was ever published.
        }
        let late = |_| Err(Fault("redis: what was spent last was not stored in time".to_owned()));
        is_done.recv_timeout(SAVE_WITHIN.max(self.core.settings.deadline)).unwrap_or_else(late)
    }
}

impl Store for Redis {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.core.memory.open(spec)
    }

    fn begin(&self, clock: Reading) {
        // Given once, as the contract says.
        let _ = self.core.clock.set(clock);
        if let Err(error) = self.start() {
            log::error!("redis: no thread to speak to it with ({error}); it is not asked");
        }
    }

    fn secret(&self) -> Option<[u8; 16]> {
        Some(self.core.settings.hash_secret())
    }

    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        self.core.admit(claims, mode, self.core.agreed(now))
    }

    fn ask(&self, claims: &[Claim], mode: Mode, now: Now) -> Asking {
        let now = self.core.agreed(now);
        let due = Tick(now.tick.0.saturating_add(self.core.settings.deadline.as_micros() as i64));
        let (reply, answered) = oneshot::channel();
        let apart = self.core.settings.topology.is_cluster();
        let candidate = Candidate::new(claims, mode, now, due, apart, reply);
        if let Some(desk) = self.desk.get() {
            // A desk that has ended drops the letter, and with it the other end of `answered`.
            let _ = desk.send(Message::Ask(candidate));
        }
        Box::pin(async move {
            let stopped = |_| Fault("it has stopped".to_owned());
            answered.await.map_err(stopped)?.take()
        })
    }

    fn pause(&self, claims: &[Claim], now: Now) {
        let now = self.core.agreed(now);
        self.core.memory.pause(claims, now);
        self.core.touch_timed(claims, now);
    }

    fn resume(&self, claims: &[Claim], now: Now) {
        let now = self.core.agreed(now);
        self.core.memory.resume(claims, now);
        self.core.touch_timed(claims, now);
    }

    fn look(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.core.look(claims, cost, self.core.agreed(now));
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.core.settle(claims, settlement, self.core.agreed(now));
    }

    fn tidy(&self, now: Now) {
        let now = self.core.agreed(now);
        self.core.memory.tidy(now);
        self.core.peers.sweep(|book| self.core.memory.window(book, now).window.start);
    }

    /// Publishes what the server does not know yet: all that this process has spent and runs.
    fn save(&self, _secret: &[u8; 16], _now: Now) -> Result<(), Fault> {
        self.flush()
    }

    fn census(&self) -> Census {
        Census { degraded: self.core.degraded(), ..self.core.memory.census() }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Whoever wants to know whether it could be published saves before.
        let _ = self.flush();
        if let Some(desk) = self.desk.get() {
            let _ = desk.send(Message::Stop);
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("settings", &self.core.settings).finish_non_exhaustive()
    }
}
