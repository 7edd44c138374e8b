//! A memory store that tells what is asked of it, and one that is broken.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use futures_util::FutureExt as _;
use timebudget::store::KeyHash;
use timebudget::store::memory::Memory;
use timebudget::store::{
    Answering, Book, BookSpec, Census, Claim, Fault, Listed, Mode, Progress, Relief, Settlement, SharedOut,
    Standing, Store, Verdict,
};
use timebudget::{Micros, Now};
use tokio::sync::mpsc::UnboundedSender;

/// What a store was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Admitted,
    Refused,
    Paused,
    Resumed,
    Settled,
}

/// A memory store that reports each step, and whose accounts can be looked at.
#[derive(Clone)]
pub(crate) struct Spy {
    memory: Arc<Memory>,
    seen: Arc<Mutex<Vec<Claim>>>,
    events: UnboundedSender<Event>,
    /// Whether somebody resets the next account that is seen to be spent.
    resets: Arc<AtomicBool>,
}

impl Spy {
    pub(crate) fn new(events: UnboundedSender<Event>) -> Self {
        Self { memory: Arc::default(), seen: Arc::default(), events, resets: Arc::default() }
    }

    /// Where the accounts of the last decision stand, running requests and their holds included.
    pub(crate) fn standings(&self, now: Now) -> Vec<Standing> {
        let seen = self.seen.lock().unwrap().clone();
        let strangers = seen.iter().map(|c| Claim::new(c.ask.book, c.ask.key, c.ask.quota, c.ask.charge));
        let mut claims: Vec<_> = strangers.collect();
        self.memory.look(&mut claims, Progress::default(), now);
        claims.iter().map(|claim| claim.standing).collect()
    }

    /// Has the next account that is seen to be spent reset in the moment after.
    pub(crate) fn reset_what_is_spent(&self) {
        self.resets.store(true, SeqCst);
    }

    fn tell(&self, event: Event) {
        // The world that listened may be gone.
        let _ = self.events.send(event);
    }
}

impl timebudget::store::sealed::Sealed for Spy {}

impl Store for Spy {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.memory.open(spec)
    }

    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        *self.seen.lock().unwrap() = claims.to_vec();
        let verdict = self.memory.admit(claims, mode, now)?;
        self.tell(if verdict == Verdict::Admitted { Event::Admitted } else { Event::Refused });
        Ok(verdict)
    }

    fn pause(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.memory.pause(claims, cost, now);
        self.tell(Event::Paused);
    }

    fn resume(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.memory.resume(claims, cost, now);
        self.tell(Event::Resumed);
    }

    fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        self.memory.look(claims, progress, now);
        let spent = claims.iter().find(|claim| claim.standing.spent >= claim.ask.quota);
        if let Some(spent) = spent.filter(|_| self.resets.swap(false, SeqCst)) {
            let reset = self.memory.relieve(spent.ask.book, spent.ask.key, Relief::Reset, now);
            reset.now_or_never().expect("a memory store answers at once").expect("it is there");
        }
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.memory.settle(claims, settlement, now);
        self.tell(Event::Settled);
    }

    fn tidy(&self, now: Now) {
        self.memory.tidy(now);
    }

    fn census(&self) -> Census {
        self.memory.census()
    }

    fn list(&self, books: &[Book], most: usize, now: Now) -> Answering<Vec<Listed>> {
        self.memory.list(books, most, now)
    }

    fn read(&self, book: Book, key: KeyHash, now: Now) -> Answering<Listed> {
        self.memory.read(book, key, now)
    }

    fn read_shares(&self, book: Book, key: KeyHash, client: KeyHash, now: Now) -> Answering<SharedOut> {
        self.memory.read_shares(book, key, client, now)
    }

    fn relieve(&self, book: Book, key: KeyHash, relief: Relief, now: Now) -> Answering<Listed> {
        self.memory.relieve(book, key, relief, now)
    }
}

/// A store that fails each time it is asked.
#[derive(Default)]
pub(crate) struct Broken(Memory);

impl timebudget::store::sealed::Sealed for Broken {}

impl Store for Broken {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.0.open(spec)
    }

    fn admit(&self, _: &mut [Claim], _: Mode, _: Now) -> Result<Verdict, Fault> {
        Err(Fault("10.1.2.3:6379 hung up on user admin".to_owned()))
    }

    fn pause(&self, _: &mut [Claim], _: Micros, _: Now) {}

    fn resume(&self, _: &mut [Claim], _: Micros, _: Now) {}

    fn look(&self, _: &mut [Claim], _: Progress, _: Now) {}

    fn settle(&self, _: &mut [Claim], _: &Settlement, _: Now) {}

    fn tidy(&self, _: Now) {}

    fn census(&self) -> Census {
        Census::default()
    }
}
