//! What a decision costs, without HTTP: on one account, on ten million, and across the edge that they end at.

#[path = "harness/micro.rs"]
mod micro;
#[path = "harness/stats.rs"]
mod stats;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use timebudget::store::memory::Memory;
use timebudget::store::{Book, BookSpec, Charge, Claim, Mode, Settlement, Store, Tally, Verdict};
use timebudget::store::{KeyBytes, KeyHash, KeyHasher};
use timebudget::{Clock, Micros, Now, Period, SystemClock, Tick, Unit, Zone};

use micro::{alone, crowd, nanos, resident};
use stats::Random;

const CROWD: u64 = 10_000_000;
const QUOTA: u64 = Micros::MAX_QUOTA.0;

fn main() {
    // `cargo bench` adds `--bench` to what it is given.
    let chosen = std::env::args().skip(1).find(|word| word != "--bench");
    match chosen.as_deref() {
        None => print(),
        Some("clock") => clock(),
        Some("hash") => hashing(),
        Some("hot") => hot(),
        Some("crowd") => spread(),
        Some("edge") => edge(),
        Some("returned") => returned(),
        Some(other) => panic!("{other:?}: expected clock, hash, hot, crowd, edge or returned"),
    }
}

/// Prints the table; each measurement is made by a process of its own.
fn print() {
    println!("| a decision: admit + settle, time unit, two clock readings | |");
    println!("|---|---:|");
    for measurement in ["clock", "hash", "hot", "crowd", "edge", "returned"] {
        print!("{}", alone(measurement));
    }
}

fn clock() {
    let clock = SystemClock::new();
    let ours = nanos(|| _ = black_box((clock.now(), clock.now())));
    let std = nanos(|| _ = black_box((Instant::now(), Instant::now())));
    println!("| two clock readings alone (std's `Instant`: {std:.0} ns) | {ours:.0} ns |");
}

fn hashing() {
    let hasher = KeyHasher::new([7; 16]);
    let nanos = nanos(|| _ = black_box(hash(&hasher, black_box(7))));
    println!("| hashing an address, which a decision from a request adds | {nanos:.0} ns |");
}

fn hot() {
    let (subject, clock) = (Subject::new(), SystemClock::new());
    let nanos = nanos(|| subject.decide(7, || clock.now()));
    println!("| one hot account, one thread | {nanos:.0} ns |");
}

fn spread() {
    let (subject, clock) = (Subject::new(), SystemClock::new());
    let crowd = crowd(CROWD, |account| subject.decide(account, || clock.now()));
    println!("| 10 million live accounts, at random | {:.0} ns |", crowd.nanos);
    println!("| memory an account, of 10 million | {:.1} bytes |", crowd.bytes);
}

/// Ten million accounts end at one instant while decisions go on.
///
/// The clock that decisions see is moved to the edge; how long each takes is real time. Another thread tidies
/// once a second meanwhile, as an engine has it done.
fn edge() {
    let (subject, now) = (Subject::new(), SystemClock::new().now());
    (0..CROWD).for_each(|account| subject.decide(account, || now));
    let next = after(now);
    let away = subject.slowest(now);
    let across = std::thread::scope(|scope| {
        scope.spawn(|| subject.tidy_until(next, |past| past > Duration::from_secs(3)));
        subject.slowest(next)
    });
    println!("| p99.99 of a decision, 10 million accounts | {:.1} µs |", micros(away));
    println!("| p99.99 across the edge where they all end | {:.1} µs |", micros(across));
}

/// Ten million accounts have ended and hardly anybody comes again: nine tenths of their memory must be returned.
fn returned() {
    let (subject, now) = (Subject::new(), SystemClock::new().now());
    let empty = resident();
    (0..CROWD).for_each(|account| subject.decide(account, || now));
    let full = resident();
    (0..10_000).for_each(|account| subject.decide(account, || after(now)));
    let left = || (resident() - empty) / (full - empty);
    let minute = Duration::from_secs(60);
    let span = subject.tidy_until(after(now), |past| left() < 0.1 || past > minute);
    println!(
        "| of the {:.0} MB of 10 million ended accounts, {:.0} % are returned within | {:.1} s |",
        (full - empty) / 1e6,
        100.0 * (1.0 - left()),
        span.as_secs_f64()
    );
}

/// The first instant of the day after the one that `now` lies in.
fn after(now: Now) -> Now {
    let day = 86_400_000_000;
    let left = day - now.utc.0.rem_euclid(day);
    Now { tick: Tick(now.tick.0 + left), utc: now.utc.plus(left), step: now.step }
}

fn micros(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e3
}

/// Ours: the memory store with one time limit by address, at the floor below HTTP.
struct Subject {
    store: Arc<Memory>,
    book: Book,
}

impl Subject {
    fn new() -> Self {
        let store = Arc::new(Memory::new(CROWD as usize * 2));
        let book = store.open(&BookSpec {
            site: "bench",
            rule: "bench",
            tally: Tally::Charged(Unit::Time),
            period: Some(Period::Seconds(NonZeroU32::MIN.saturating_add(86_399))),
            zone: &Arc::new(Zone::utc()),
        });
        Self { store, book }
    }

    /// A request of an account: admitted and settled.
    fn decide(&self, account: u64, now: impl Fn() -> Now) {
        let key = scattered(account);
        let expected = Micros::ZERO;
        let mut claims = [Claim::new(self.book, key, QUOTA, Charge::Time { expected })];
        let began = now();
        let verdict = self.store.admit(&mut claims, Mode::Decide, began);
        assert_eq!(verdict, Ok(Verdict::Admitted), "the budget is never spent");
        let ended = now();
        let settlement =
            Settlement { cost: ended.tick.since(began.tick).max(Micros(1)), ..Settlement::default() };
        self.store.settle(&mut claims, &settlement, ended);
        black_box(claims);
    }

    /// The p99.99 of two million decisions over all accounts at random.
    fn slowest(&self, now: Now) -> Duration {
        const DECISIONS: usize = 2_000_000;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut spans: Vec<Duration> = Vec::with_capacity(DECISIONS);
        for _ in 0..DECISIONS {
            let (account, began) = (random.below(CROWD), Instant::now());
            self.decide(account, || now);
            spans.push(began.elapsed());
        }
        spans.sort_unstable();
        spans[DECISIONS - DECISIONS / 10_000]
    }

    /// Tidies once a second until `done` with what has passed, and returns it.
    fn tidy_until(&self, now: Now, done: impl Fn(Duration) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            std::thread::sleep(Duration::from_secs(1));
            self.store.tidy(now);
            let passed = began.elapsed();
            if done(passed) {
                return passed;
            }
        }
    }
}

/// The hash of an account's address.
fn hash(hasher: &KeyHasher, account: u64) -> KeyHash {
    let [.., a, b, c] = account.to_be_bytes();
    let mut key = KeyBytes::default();
    key.address(0, IpAddr::V4(Ipv4Addr::new(10, a, b, c)), 64);
    hasher.hash(key.as_slice())
}

/// Numbers that look like an account's hash and cost next to nothing, so that a store is measured and no hasher.
fn scattered(account: u64) -> KeyHash {
    let mix = |seed: u64| {
        let word = (account ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let word = (word ^ (word >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        word ^ (word >> 32)
    };
    let (high, low) = (mix(0x6a09_e667), mix(0xbb67_ae85));
    KeyHash([high as u32, (high >> 32) as u32, low as u32, (low >> 32) as u32])
}
