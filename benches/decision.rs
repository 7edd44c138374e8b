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

use timebudget::model::key::{KeyBytes, KeyHasher};
use timebudget::model::zone::Zone;
use timebudget::store::memory::Memory;
use timebudget::store::{Book, BookSpec, Charge, Claim, Mode, Settlement, Store, Tally, Verdict};
use timebudget::{Clock, Micros, Now, Period, SystemClock, Tick, Unit};

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
        Some("hot") => hot(),
        Some("crowd") => spread(),
        Some("edge") => edge(),
        Some(other) => panic!("{other:?}: expected clock, hot, crowd or edge"),
    }
}

/// Prints the table; each measurement is made by a process of its own.
fn print() {
    println!("| a decision: admit + settle, time unit, two clock readings | |");
    println!("|---|---:|");
    for measurement in ["clock", "hot", "crowd", "edge"] {
        print!("{}", alone(measurement));
    }
}

fn clock() {
    let clock = SystemClock::new();
    let ours = nanos(|| _ = black_box((clock.now(), clock.now())));
    let std = nanos(|| _ = black_box((Instant::now(), Instant::now())));
    println!("| two clock readings alone (std's `Instant`: {std:.0} ns) | {ours:.0} ns |");
}

fn hot() {
    let (subject, clock) = (Subject::new(), SystemClock::new());
    let nanos = nanos(|| subject.decide(7, || clock.now()));
    println!("| one hot account, one thread | {nanos:.0} ns |");
}

fn spread() {
    let (subject, clock) = (Subject::new(), SystemClock::new());
    let crowd = crowd(CROWD, |account| subject.decide(account, || clock.now()));
    println!(
        "| 10 million live accounts, at random | {:.0} ns |",
        crowd.nanos
    );
    println!(
        "| memory an account, of 10 million | {:.1} bytes |",
        crowd.bytes
    );
}

/// Ten million accounts end at one instant while decisions go on.
///
/// The clock that decisions see is moved from a minute before the edge to the edge itself; how long each takes is
/// real time. Another thread tidies once a second meanwhile, as a limiter has it done.
fn edge() {
    let (subject, now) = (Subject::new(), SystemClock::new().now());
    let empty = resident();
    (0..CROWD).for_each(|account| subject.decide(account, || now));
    let full = resident();

    let away = subject.slowest(now);
    let next = subject.after(now);
    let crossed = Instant::now();
    let (across, freed) = std::thread::scope(|scope| {
        let freed =
            scope.spawn(|| subject.tidy_until_freed(next, crossed, f64::midpoint(empty, full)));
        (subject.slowest(next), freed.join())
    });
    let freed = freed.expect("tidying does not panic");
    println!(
        "| p99.99 of a decision, 10 million accounts | {:.1} µs |",
        micros(away)
    );
    println!(
        "| p99.99 across the edge where they all end | {:.1} µs |",
        micros(across)
    );
    println!(
        "| of their {:.0} MB, {:.0} MB are returned within | {:.1} s |",
        (full - empty) / 1e6,
        (full - freed.resident) / 1e6,
        freed.after.as_secs_f64()
    );
}

fn micros(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e3
}

/// Ours: the memory store with one time limit by address, at the floor below HTTP.
struct Subject {
    store: Arc<Memory>,
    book: Book,
    hasher: KeyHasher,
}

/// How memory came back.
struct Freed {
    after: Duration,
    resident: f64,
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
        Self {
            store,
            book,
            hasher: KeyHasher::new([7; 16]),
        }
    }

    /// A request by an account's address: hashed, admitted, settled.
    fn decide(&self, account: u64, now: impl Fn() -> Now) {
        let [.., a, b, c] = account.to_be_bytes();
        let mut key = KeyBytes::default();
        key.address(0, IpAddr::V4(Ipv4Addr::new(10, a, b, c)), 64);
        let key = self.hasher.hash(key.as_slice());
        let expected = Micros::ZERO;
        let mut claims = [Claim::new(self.book, key, QUOTA, Charge::Time { expected })];
        let began = now();
        let verdict = self.store.admit(&mut claims, Mode::Decide, began);
        assert_eq!(verdict, Ok(Verdict::Admitted), "the budget is never spent");
        let ended = now();
        let settlement = Settlement {
            cost: ended.tick.since(began.tick).max(Micros(1)),
            ..Settlement::default()
        };
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

    /// The first instant of the window after the one that `now` lies in.
    fn after(&self, now: Now) -> Now {
        let day = 86_400_000_000;
        let left = day - now.utc.0.rem_euclid(day);
        Now {
            tick: Tick(now.tick.0 + left),
            utc: now.utc.plus(left),
            step: now.step,
        }
    }

    /// Tidies once a second until the process occupies less than `goal`, for a minute at most.
    fn tidy_until_freed(&self, now: Now, since: Instant, goal: f64) -> Freed {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            self.store.tidy(now);
            let (after, resident) = (since.elapsed(), resident());
            if resident < goal || after > Duration::from_secs(60) {
                return Freed { after, resident };
            }
        }
    }
}
