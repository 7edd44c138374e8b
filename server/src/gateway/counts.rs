//! What becomes of requests at each upstream: counted by each worker for itself, and added up when somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use parking_lot::Mutex;
use timebudget::Upstream;
use tokio::time::Instant;

use crate::gateway::failure::Failure;
use crate::histogram::{Histogram, Times, add_alone};

/// The most upstreams that are told apart.
const MOST: usize = 1_000;

/// What is not told apart.
const OTHER: &str = "other";

/// What can go wrong at an upstream, and what it is called.
pub(crate) const FAULTS: [(Failure, &str); 6] = [
    (Failure::Unreachable, "unreachable"),
    (Failure::ConnectTimeout, "connect_timeout"),
    (Failure::HeadTimeout, "head_timeout"),
    (Failure::HungUp, "hung_up"),
    (Failure::NoAnswer, "no_answer"),
    (Failure::BrokenAnswer, "broken_answer"),
];

/// What a failure is called: that of an upstream by its name.
pub(crate) fn kind(failure: Failure) -> &'static str {
    FAULTS.iter().find(|(fault, _)| *fault == failure).map_or("_OTHER", |(_, kind)| kind)
}

/// What one worker counts of one address. Only that worker's thread writes it, so nobody waits for anybody and plain stores do.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: AtomicU64,
    retries: AtomicU64,
    faults: [AtomicU64; FAULTS.len()],
    /// Of requests that were answered, to the head of the answer.
    times: Histogram,
    busy: AtomicUsize,
    idle: AtomicUsize,
    out_until: Mutex<Option<Instant>>,
}

/// What all workers have counted of one upstream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) faults: [u64; FAULTS.len()],
    pub(crate) times: Times,
    pub(crate) busy: usize,
    pub(crate) idle: usize,
    /// Whether a worker leaves it out now.
    pub(crate) is_out: bool,
    /// Whether a worker knows it: what is told of now is told of no other.
    pub(crate) is_known: bool,
}

/// The counts of all workers.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    kept: Vec<(Upstream, Arc<Counts>)>,
    /// Of addresses that their workers have forgotten.
    past: BTreeMap<String, Sum>,
}

impl Counts {
    /// A request is sent; whether once more.
    pub(crate) fn asks(&self, is_second: bool) {
        add_alone(&self.requests, 1);
        add_alone(&self.retries, u64::from(is_second));
    }

    /// The head of an answer has come, so many microseconds after the request.
    pub(crate) fn answered(&self, micros: u64) {
        self.times.add_alone(micros);
    }

    /// Something went wrong; what is not the upstream's is not counted.
    pub(crate) fn failed(&self, failure: Failure) {
        if let Some(at) = FAULTS.iter().position(|(fault, _)| *fault == failure) {
            add_alone(&self.faults[at], 1);
        }
    }

    /// How many connections are in use.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Relaxed)
    }

    pub(crate) fn takes(&self) {
        self.busy.store(self.busy() + 1, Relaxed);
    }

    pub(crate) fn gives_back(&self) {
        self.busy.store(self.busy().saturating_sub(1), Relaxed);
    }

    /// How many connections are idle now.
    pub(crate) fn keeps(&self, idle: usize) {
        self.idle.store(idle, Relaxed);
    }

    /// Until when it is left out.
    pub(crate) fn is_out_until(&self, until: Option<Instant>) {
        *self.out_until.lock() = until;
    }

    fn read(&self) -> Sum {
        Sum {
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            faults: self.faults.each_ref().map(|count| count.load(Relaxed)),
            times: self.times.read(),
            busy: self.busy.load(Relaxed),
            idle: self.idle.load(Relaxed),
            is_out: self.out_until.lock().is_some_and(|until| Instant::now() < until),
            is_known: true,
        }
    }
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.retries += other.retries;
        self.faults.iter_mut().zip(other.faults).for_each(|(sum, count)| *sum += count);
        self.times += other.times;
        self.busy += other.busy;
        self.idle += other.idle;
        self.is_out |= other.is_out;
        self.is_known |= other.is_known;
    }
}

impl Counted {
    /// The counts of an address for a worker that is new to it.
    pub(crate) fn of(&self, upstream: &Upstream) -> Arc<Counts> {
        let counts = Arc::<Counts>::default();
        let mut all = self.0.lock();
        // Seldom enough that to look at all costs each little.
        if all.kept.len().is_power_of_two() {
            all.fold();
        }
        all.kept.push((upstream.clone(), Arc::clone(&counts)));
        counts
    }

    /// What was counted, by upstream.
    pub(crate) fn read(&self) -> BTreeMap<String, Sum> {
        let mut all = self.0.lock();
        all.fold();
        let mut sums = all.past.clone();
        for (upstream, counts) in &all.kept {
            add(&mut sums, upstream.to_string(), &counts.read());
        }
        sums
    }
}

impl All {
    /// Keeps only the sums of what no worker knows any more.
    fn fold(&mut self) {
        let Self { kept, past } = self;
        kept.retain(|(upstream, counts)| {
            let is_known = Arc::strong_count(counts) > 1;
            if !is_known {
                add(
                    past,
                    upstream.to_string(),
                    &Sum { busy: 0, idle: 0, is_out: false, is_known: false, ..counts.read() },
                );
            }
            is_known
        });
    }
}

fn add(sums: &mut BTreeMap<String, Sum>, upstream: String, sum: &Sum) {
    let has_room = sums.len() < MOST || sums.contains_key(&upstream);
    sums.entry(if has_room { upstream } else { OTHER.to_owned() }).or_default().add(sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(port: u16) -> Upstream {
        Upstream::Http { host: "a".to_owned(), port }
    }

    #[test]
    fn what_workers_count_is_added_up_and_outlives_them() {
        let counted = Counted::default();
        let (one, other) = (counted.of(&upstream(1)), counted.of(&upstream(1)));
        for counts in [&one, &other] {
            counts.asks(false);
            counts.takes();
        }
        other.asks(true);
        other.failed(Failure::HungUp);
        // Nothing of an upstream's.
        other.failed(Failure::TooLarge);
        drop(other);
        for _ in 0..2 {
            let sums = counted.read();
            let sum = &sums["http://a:1"];
            assert_eq!((sum.requests, sum.retries, sum.busy, sum.faults), (3, 1, 1, [0, 0, 0, 1, 0, 0]));
            assert!(sum.is_known);
            assert_eq!(sums.len(), 1);
        }
    }

    #[test]
    fn upstreams_beyond_the_most_are_counted_together() {
        let counted = Counted::default();
        for port in 1..=MOST as u16 + 5 {
            counted.of(&upstream(port)).asks(false);
        }
        let sums = counted.read();
        assert_eq!((sums.len(), sums[OTHER].requests), (MOST + 1, 5));
        let again = counted.read();
        assert_eq!((again.len(), again[OTHER].requests), (MOST + 1, 5));
    }
}
