//! What a snapshot costs: writing and reading it, and the decisions that are made meanwhile.

#[path = "harness/stats.rs"]
mod stats;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use timebudget::store::memory::Memory;
use timebudget::store::{Book, BookSpec, Charge, Claim, Mode, Settlement, Store, Tally};
use timebudget::store::{KeyHash, KeyHasher};
use timebudget::{Clock, Micros, Now, Period, SystemClock, Unit, Zone};

use stats::{Random, median};

const ACCOUNTS: u64 = 1_000_000;
const DECISIONS: usize = 2_000_000;
const ROUNDS: usize = 9;
/// Rules whose accounts lie mixed in one calendar.
const BOOKS: usize = 100;
/// What a decision charges at most: 100 s.
const MOST_MICROS: u64 = 100_000_000;
const SECRET: [u8; 16] = [7; 16];

fn main() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accounts");
    let now = SystemClock::new().now();
    let store = opened(&file, now);
    let subject = Subject { books: books(&store), hasher: KeyHasher::new(SECRET), store, now };
    (0..ACCOUNTS).for_each(|account| subject.decide(account));
    println!("| a snapshot of a million accounts | |\n|---|---:|");
    measure_file(&subject.store, &file, now);
    measure_decisions(&subject);
    let _ = fs::remove_file(file);
}

fn measure_file(store: &Memory, file: &Path, now: Now) {
    let writing = || {
        let began = Instant::now();
        store.save(&SECRET, &[], now).expect("the target directory can be written to");
        began.elapsed()
    };
    println!("| written, synchronized, renamed | {:.0} ms |", middle(writing));
    let bytes = fs::metadata(file).expect("it was written").len();
    println!("| bytes an account | {:.1} |", bytes as f64 / ACCOUNTS as f64);
    // The file itself is the store's for as long as that is open.
    let copy = &file.with_extension("copy");
    fs::copy(file, copy).expect("the target directory can be written to");
    println!("| read | {:.0} ms |", middle(|| timed(|| opened(copy, now))));
    let claiming = || {
        let again = opened(copy, now);
        books(&again);
        timed(|| again.tidy(now))
    };
    println!("| given to its tables, by the first round of tidying | {:.0} ms |", middle(claiming));
    let _ = fs::remove_file(copy);
}

/// Decisions over all accounts at random, of which some meet the locked shard that is being written.
fn measure_decisions(subject: &Subject) {
    let alone = subject.slowest();
    let ended = AtomicBool::new(false);
    let beside = thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Relaxed) {
                subject.store.save(&SECRET, &[], subject.now).expect("it was written before");
            }
        });
        let slowest = subject.slowest();
        ended.store(true, Relaxed);
        slowest
    });
    for (name, before, after) in [("p50", alone.0, beside.0), ("p99.9", alone.1, beside.1)] {
        println!(
            "| {name} of a decision, and while snapshots are written without a pause | {before:.1?}, {after:.1?} |"
        );
    }
}

fn opened(file: &Path, now: Now) -> Memory {
    let store = Memory::new(2 * ACCOUNTS as usize).with_snapshot(file);
    let store = store.expect("the target directory can be written to");
    store.begin(Box::new(move || now));
    store
}

fn books(store: &Memory) -> Vec<Book> {
    let zone = Arc::new(Zone::utc());
    let book = |rule: usize| {
        store.open(&BookSpec {
            site: "bench",
            rule: &rule.to_string(),
            tally: Tally::Charged(Unit::Time),
            period: Some(Period::YEAR),
            zone: &zone,
        })
    };
    (0..BOOKS).map(book).collect()
}

/// What a decision about an account charges: any number of microseconds, so that their sizes are those of real ones.
fn spent(account: u64) -> i64 {
    (account.wrapping_mul(0x9e37_79b9_7f4a_7c15) % MOST_MICROS) as i64
}

fn timed<T>(act: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    let kept = act();
    let span = began.elapsed();
    drop(kept);
    span
}

fn middle(mut measure: impl FnMut() -> Duration) -> f64 {
    median((0..ROUNDS).map(|_| measure().as_secs_f64() * 1e3).collect())
}

/// A million accounts of a store with a snapshot.
struct Subject {
    store: Memory,
    books: Vec<Book>,
    hasher: KeyHasher,
    now: Now,
}

impl Subject {
    fn decide(&self, account: u64) {
        let key: KeyHash = self.hasher.hash(&account.to_le_bytes());
        let charge = Charge::Time { expected: Micros::ZERO };
        let book = self.books[account as usize % BOOKS];
        let mut claims = [Claim::new(book, key, Micros::MAX_QUOTA.0, charge)];
        let _ = self.store.admit(&mut claims, Mode::Decide, self.now);
        // Its cost is added, since the clock that the store sees stands.
        let settlement = Settlement { extra_micros: spent(account), ..Settlement::default() };
        self.store.settle(&mut claims, &settlement, self.now);
    }

    /// The p50 and the p99.9 of a decision.
    fn slowest(&self) -> (Duration, Duration) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let decide = |_| {
            let account = random.below(ACCOUNTS);
            timed(|| self.decide(account))
        };
        let mut spans: Vec<_> = (0..DECISIONS).map(decide).collect();
        spans.sort_unstable();
        (spans[DECISIONS / 2], spans[DECISIONS - DECISIONS / 1_000])
    }
}
