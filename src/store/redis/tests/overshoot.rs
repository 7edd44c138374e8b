//! By how much batched processes spend more than one process with all the clients would, on a virtual clock.
//!
//! `TIMEBUDGET_RUNS=1000 cargo test --release -p timebudget --features redis --lib overshoot -- --nocapture` prints the figures of
//! `docs/redis.md`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use super::model::Model;
use super::world::{Process, START};
use crate::model::{Expectation, Micros, of_unknown};
use crate::store::Verdict;

const QUOTA: u64 = 600_000_000;
const MEAN_MICROS: f64 = 1_000_000.0;
const LOOK_EVERY: i64 = 10_000;
const RETRY_AFTER: i64 = 50_000;

/// What happens next: a client sends or ends, or a process looks around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wake(usize),
    Look(usize),
}

struct Run {
    clock: Arc<AtomicI64>,
    server: Model,
    processes: Vec<(Process, Expectation)>,
    clients: usize,
    /// The durations of the requests in the order in which they are served.
    random: u64,
    /// For each client the number of its request among those of its process, while it runs.
    running: Vec<Option<u64>>,
    /// For each process the numbers of the requests that run, in the order in which it holds them.
    order: Vec<Vec<u64>>,
    served: u64,
    /// What is expected of a request before one has ended.
    of_unknown: Micros,
    /// What processes have spent that are gone.
    gone: u64,
}

impl Run {
    fn new(seed: u64, processes: usize, clients: usize) -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let uri = "redis://model?mode=batched&sync=1s";
        let process = |name| Process::new(uri, name as u64 + 1, processes as u32, &clock);
        let processes: Vec<_> = (0..processes).map(|name| (process(name), Expectation::UNKNOWN)).collect();
        Self {
            order: vec![Vec::new(); processes.len()],
            clock,
            server: Model::default(),
            processes,
            clients,
            random: seed,
            running: vec![None; clients],
            served: 0,
            of_unknown: Micros::ZERO,
            gone: 0,
        }
    }

    /// The same after a deploy: processes that are gone have spent so much.
    fn after_a_deploy(seed: u64, processes: usize, clients: usize, before: u64) -> Self {
        let mut run = Self::new(seed, processes, clients);
        let mut gone = Process::new("redis://model?mode=batched&sync=1s", 99, 1, &run.clock);
        let claim = gone.claim(QUOTA, Micros::ZERO);
        gone.start(claim, &mut run.server, START);
        run.clock.store(before as i64, Relaxed);
        gone.finish(0);
        let (arguments, _) = gone.call();
        run.server.exchange(&arguments, START + before as i64);
        (run.gone, run.of_unknown) = (before, of_unknown(Micros(QUOTA)));
        run
    }

    /// What was spent in the end.
    fn spent(mut self) -> u64 {
        let began = self.clock.load(Relaxed);
        let mut events = BinaryHeap::new();
        // Clients and looks begin spread over the first 10 ms, as those of machines do.
        events.extend(
            (0..self.clients).map(|n| Reverse((began + n as i64 * 7_919 % LOOK_EVERY, Event::Wake(n)))),
        );
        let looks = 0..self.processes.len();
        events.extend(looks.map(|n| Reverse((began + n as i64 * 1_237 % LOOK_EVERY, Event::Look(n)))));
        while let Some(Reverse((at, event))) = events.pop() {
            self.clock.store(at, Relaxed);
            let next = match event {
                Event::Wake(client) => self.wake(client),
                Event::Look(process) => self.look(process),
            };
            events.extend(next.map(|after| Reverse((at + after, event))));
            if self.is_over() {
                break;
            }
        }
        self.measured()
    }

    fn measured(&self) -> u64 {
        self.gone + self.processes.iter().map(|(process, _)| process.measured).sum::<u64>()
    }

    /// Nothing runs, and the budget is spent.
    fn is_over(&self) -> bool {
        self.measured() >= QUOTA && self.running.iter().all(Option::is_none)
    }

    fn wake(&mut self, client: usize) -> Option<i64> {
        let at = client % self.processes.len();
        let (process, expectation) = &mut self.processes[at];
        if let Some(number) = self.running[client].take() {
            let place = self.order[at].iter().position(|running| *running == number).unwrap();
            self.order[at].remove(place);
            expectation.record(process.finish(place).unwrap());
        }
        let expected = expectation.expected();
        let claim = process.claim(QUOTA, if expected == Micros::ZERO { self.of_unknown } else { expected });
        let now = START + self.clock.load(Relaxed);
        if process.start(claim, &mut self.server, now) == Verdict::Refused {
            return Some(RETRY_AFTER);
        }
        self.served += 1;
        self.running[client] = Some(self.served);
        self.order[at].push(self.served);
        Some((-MEAN_MICROS * self.uniform().ln()).max(1.0) as i64)
    }

    fn look(&mut self, at: usize) -> Option<i64> {
        let (process, _) = &mut self.processes[at];
        if self.order.len() > 1 && process.is_due() {
            let (arguments, sent) = process.call();
            let answer = self.server.exchange(&arguments, START + self.clock.load(Relaxed));
            process.hear(&sent, answer);
        }
        Some(LOOK_EVERY)
    }

    /// Splitmix64, in the open interval (0, 1).
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// The mean and the largest of what eight processes spend more than one, as shares of the budget.
fn extra(clients: usize) -> (f64, f64) {
    let runs = option_env!("TIMEBUDGET_RUNS").map_or(20, |runs| runs.parse().unwrap());
    let extra = |seed| {
        let shared = Run::new(seed, 8, clients).spent();
        let alone = Run::new(seed, 1, clients).spent();
        (shared as f64 - alone as f64) / QUOTA as f64
    };
    let all: Vec<f64> = (0..runs).map(extra).collect();
    let (mean, worst) = (all.iter().sum::<f64>() / runs as f64, all.iter().copied().fold(f64::MIN, f64::max));
    println!(
        "{clients} at once, {runs} runs from seed 0: mean {:+.2} %, worst {:+.2} %",
        100.0 * mean,
        100.0 * worst
    );
    (mean, worst)
}

#[test]
fn overshoot_of_64_at_once_is_2_percent_on_average_and_4_at_worst() {
    let (mean, worst) = extra(64);
    assert!(mean <= 0.02 && worst <= 0.04, "mean {mean}, worst {worst}");
}

#[test]
fn overshoot_of_500_at_once_is_5_percent_at_worst() {
    let (_, worst) = extra(500);
    assert!(worst <= 0.05, "worst {worst}");
}

/// Each of the new processes gave the account a burst, for it knew nothing of what the old ones had spent.
#[test]
fn after_a_deploy_eight_processes_spend_1_05_of_a_budget() {
    for (clients, before) in [(64, 599_900_000), (64, 540_000_000), (500, 599_900_000)] {
        let spent = |seed| Run::after_a_deploy(seed, 8, clients, before).spent() as f64 / QUOTA as f64;
        let mean = (0..20).map(spent).sum::<f64>() / 20.0;
        println!("after a deploy, {clients} at once, {before} µs spent: mean {mean:.3} of the budget");
        assert!(mean <= 1.05, "{mean} with {clients} clients after {before} µs");
    }
}
