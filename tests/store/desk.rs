//! A desk: a store with a clock that stands until it is moved, and short words for what is done at it.

use std::sync::Arc;
use std::time::Duration;

use timebudget::Unit;
use timebudget::store::{
    Answering, Book, BookSpec, Charge, Claim, Listed, Mode, Progress, Relief, Settlement, SharedOut,
    Standing, Store, Tally, Verdict,
};
use timebudget::store::{KeyHash, KeyHasher};
use timebudget::{Clock, ManualClock, Micros, Now, Period, UnixMicros, Zone};

/// The top of an hour and no midnight: 2023-11-14 22:00 UTC.
pub(crate) const START_SECS: i64 = 1_699_999_200;

/// An hour in microseconds.
pub(crate) const HOUR: u64 = 3_600_000_000;

pub(crate) struct Desk<S> {
    pub(crate) store: S,
    pub(crate) clock: ManualClock,
    zone: Arc<Zone>,
    hasher: KeyHasher,
}

impl<S: Store> Desk<S> {
    /// A desk that opens at the top of an hour.
    pub(crate) fn new(store: S) -> Self {
        Self::at(UnixMicros::from_secs(START_SECS), Zone::utc(), store)
    }

    /// A desk that opens at an instant in a zone.
    pub(crate) fn at(start: UnixMicros, zone: Zone, store: S) -> Self {
        Self {
            store,
            clock: ManualClock::at(start),
            zone: Arc::new(zone),
            hasher: KeyHasher::new(*b"acceptance suite"),
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Lets so many microseconds pass.
    pub(crate) fn pass(&self, micros: u64) {
        self.clock.advance(Duration::from_micros(micros));
    }

    pub(crate) fn key(&self, name: &str) -> KeyHash {
        self.hasher.hash(name.as_bytes())
    }

    pub(crate) fn book(&self, rule: &str, tally: Tally, period: Option<Period>) -> Book {
        self.store.open(&BookSpec { site: "desk.example", rule, tally, period, zone: &self.zone })
    }

    /// The book of a limit of time per hour.
    pub(crate) fn time(&self, rule: &str) -> Book {
        self.book(rule, Tally::Charged(Unit::Time), Some(Period::HOUR))
    }

    /// The book of a limit of requests per hour.
    pub(crate) fn requests(&self, rule: &str) -> Book {
        self.book(rule, Tally::Charged(Unit::Requests), Some(Period::HOUR))
    }

    /// The book of a cap on running requests.
    pub(crate) fn places(&self, rule: &str) -> Book {
        self.book(rule, Tally::Running, None)
    }

    pub(crate) fn timed(&self, book: Book, key: &str, quota: u64, expected: u64) -> Claim {
        Claim::new(book, self.key(key), quota, Charge::Time { expected: Micros(expected) })
    }

    pub(crate) fn request(&self, book: Book, key: &str, quota: u64) -> Claim {
        self.requests_of(book, key, quota, 1)
    }

    pub(crate) fn requests_of(&self, book: Book, key: &str, quota: u64, cost: u64) -> Claim {
        Claim::new(book, self.key(key), quota, Charge::Requests { cost })
    }

    pub(crate) fn place(&self, book: Book, key: &str, cap: u64) -> Claim {
        Claim::new(book, self.key(key), cap, Charge::Place)
    }

    pub(crate) fn admit(&self, claims: &mut [Claim]) -> Verdict {
        self.store.admit(claims, Mode::Decide, self.now()).unwrap()
    }

    /// Lets a request that has run for `cost` wait for its client.
    pub(crate) fn pause(&self, claims: &mut [Claim], cost: u64) {
        self.store.pause(claims, Micros(cost), self.now());
    }

    /// Lets a request run again that had run for `cost`.
    pub(crate) fn resume(&self, claims: &mut [Claim], cost: u64) {
        self.store.resume(claims, Micros(cost), self.now());
    }

    /// Ends a request that has run for `cost` and was not waiting for its client.
    pub(crate) fn settle(&self, claims: &mut [Claim], cost: u64) {
        self.settle_as(claims, Settlement { cost: Micros(cost), ..Settlement::default() });
    }

    pub(crate) fn settle_as(&self, claims: &mut [Claim], settlement: Settlement) {
        self.store.settle(claims, &settlement, self.now());
    }

    /// The accounts of books that have spent most.
    pub(crate) fn list(&self, books: &[Book], most: usize) -> Vec<Listed> {
        answer(self.store.list(books, most, self.now()))
    }

    /// The account of a claim, as whoever looks after accounts sees it.
    pub(crate) fn read(&self, claim: Claim) -> Listed {
        answer(self.store.read(claim.ask.book, claim.ask.key, self.now()))
    }

    /// How the account of a fair claim is shared out.
    pub(crate) fn read_shares(&self, claim: Claim) -> SharedOut {
        let client = claim.ask.client.expect("a fair claim");
        answer(self.store.read_shares(claim.ask.book, claim.ask.key, client, self.now()))
    }

    /// Grants the account of a claim more, or resets it.
    pub(crate) fn relieve(&self, claim: Claim, relief: Relief) -> Listed {
        self.relieve_key(claim.ask.book, claim.ask.key, relief)
    }

    pub(crate) fn relieve_key(&self, book: Book, key: KeyHash, relief: Relief) -> Listed {
        answer(self.store.relieve(book, key, relief, self.now()))
    }

    /// Where the account of a claim stands, seen by a stranger.
    pub(crate) fn standing(&self, claim: Claim) -> Standing {
        let mut seen = [claim];
        self.store.look(&mut seen, Progress::default(), self.now());
        seen[0].standing
    }

    pub(crate) fn spent(&self, claim: Claim) -> u64 {
        self.standing(claim).spent
    }
}

fn answer<T>(answering: Answering<T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(answering).unwrap()
}
