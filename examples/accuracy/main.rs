//! How close the final spend of a window comes to its budget, beside a model of charging at the end.
//!
//! `cargo run --release --example accuracy` prints one table. The clock is virtual and every draw is seeded, so two runs
//! print the same. Three requests of the load have been seen before each run.
//!
//! - (a) Each client sends once, in an account's first window.
//! - (b) Each client sends again as soon as its request has ended, and when refused waits as long as it was told. The
//!   load runs through one window, and the four after it are measured.
//! - (c) As (b), but the tenth request of the run takes 600 s. It is charged like any other.
//!
//! The spend is what the requests really took inside the window, kept by the simulator and not by the model that decides.
//! The k-th request served takes the same time under each model.
//!
//! "Most cautious" is how little a limiter can spend that cuts nobody off: it admits the next request only when those
//! that run could not spend the rest. A limiter that serves somebody whenever nothing runs and budget is left must serve
//! at least as many of the same requests, and the last of them is longer than most (the paradox of the bus that is
//! late: long requests are the likelier ones to lie across the budget's end). So with heavy tails and long windows the
//! mean cannot come closer to 1 than that column; the median can.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use models::{ChargingAtTheEnd, Model, MostCautious, Timebudget};

mod models;

const SECOND: u64 = 1_000_000;
const SEEDS: u64 = 100;
const WINDOWS: usize = 5;
const SEEN_BEFORE: usize = 3;
const OUTLIER: u64 = 600 * SECOND;
/// The outlier's place among the requests served.
const OUTLIER_AT: usize = 10;

fn main() {
    println!("final spend ÷ budget: mean (median, 95th percentile) over {SEEDS} seeds\n");
    println!("| load | charging at the end | most cautious | timebudget | wanted |");
    println!("|---|---|---|---|---|");
    for (name, wanted, load) in loads() {
        let end = Ratios::of(&load, &ChargingAtTheEnd::default());
        let single = Ratios::of(&load, &MostCautious::default());
        let ours = Ratios::of(&load, &Timebudget::default());
        println!("| {name} | {end} | {single} | {ours} | {wanted} |");
    }
}

/// The table's rows: a name, what is wanted, and the load.
fn loads() -> Vec<(String, &'static str, Load)> {
    let heavy = Durations::LogNormal(30.0, 1.5);
    let steady = [
        ("constant 2 s", Durations::Constant(2.0), 3600, "0.98–1.03"),
        ("exponential 2 s", Durations::Exponential(2.0), 3600, "0.97–1.05"),
        ("log-normal 30 s", heavy, 60, "0.90–1.10"),
        ("log-normal 30 s", heavy, 300, "0.90–1.10"),
        ("log-normal 30 s", heavy, 3600, "0.90–1.10"),
    ];
    let mut rows = vec![("(a) 200 × 100 ms at once".to_owned(), "≤ 1.10", Load::BURST)];
    for (part, outlier) in [("(b)", false), ("(c)", true)] {
        rows.extend(steady.map(|(name, durations, secs, wanted)| {
            let name = format!("{part} {name}, {} min", secs / 60);
            (name, wanted, Load::steady(durations, secs * SECOND, outlier))
        }));
    }
    rows
}

/// What is sent, and on which budget.
struct Load {
    clients: usize,
    /// Whether clients send again.
    again: bool,
    durations: Durations,
    quota: u64,
    period: u64,
    outlier: bool,
    measured: Range<usize>,
}

impl Load {
    const BURST: Self = Self {
        clients: 200,
        again: false,
        durations: Durations::Constant(0.1),
        quota: SECOND,
        period: 3600 * SECOND,
        outlier: false,
        measured: 0..1,
    };

    const fn steady(durations: Durations, period: u64, outlier: bool) -> Self {
        Self {
            clients: 100,
            again: true,
            durations,
            quota: 600 * SECOND,
            period,
            outlier,
            measured: 1..WINDOWS,
        }
    }
}

/// Durations in seconds.
#[derive(Clone, Copy)]
enum Durations {
    Constant(f64),
    /// Of this mean.
    Exponential(f64),
    /// Of this mean, and with this deviation of the logarithm.
    LogNormal(f64, f64),
}

impl Durations {
    fn draw(self, random: &mut Random) -> u64 {
        let seconds = match self {
            Self::Constant(length) => length,
            Self::Exponential(mean) => -mean * random.uniform().ln(),
            Self::LogNormal(mean, sigma) => (mean.ln() - sigma * sigma / 2.0 + sigma * random.normal()).exp(),
        };
        ((seconds * SECOND as f64) as u64).max(1)
    }
}

/// The final spends of many windows, each as a share of the budget, in ascending order.
struct Ratios(Vec<f64>);

impl Ratios {
    fn of(load: &Load, model: &impl Model) -> Self {
        let mut all: Vec<f64> = (0..SEEDS)
            .flat_map(|seed| Run::new(load, model.clone(), seed).spends())
            .map(|spend| spend as f64 / load.quota as f64)
            .collect();
        all.sort_by(f64::total_cmp);
        Self(all)
    }
}

impl std::fmt::Display for Ratios {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        let mean = self.0.iter().sum::<f64>() / count as f64;
        let (median, high) = (self.0[count / 2], self.0[count * 95 / 100]);
        write!(f, "{mean:.3} ({median:.2}, {high:.2})")
    }
}

/// One run: the clients' requests on a virtual clock.
struct Run<'a, M: Model> {
    load: &'a Load,
    model: M,
    random: Random,
    served: usize,
    begun: u64,
    spent: [u64; WINDOWS],
    tickets: Vec<Option<M::Ticket>>,
}

impl<'a, M: Model> Run<'a, M> {
    fn new(load: &'a Load, mut model: M, seed: u64) -> Self {
        let mut random = Random(seed);
        for _ in 0..SEEN_BEFORE {
            model.seen_before(load.durations.draw(&mut random));
        }
        let tickets = (0..load.clients).map(|_| None).collect();
        let (served, begun, spent) = (0, 0, [0; WINDOWS]);
        Self { load, model, random, served, begun, spent, tickets }
    }

    /// What the measured windows have spent when they end.
    fn spends(mut self) -> Vec<u64> {
        let mut wakes: BinaryHeap<_> = (0..self.load.clients).map(|c| Reverse((0, c))).collect();
        while let Some(Reverse((now, client))) = wakes.pop() {
            if now < self.load.period * WINDOWS as u64 {
                wakes.extend(self.wake(now, client).map(|next| Reverse((next, client))));
            }
        }
        self.spent[self.load.measured.clone()].to_vec()
    }

    /// Ends the client's request, sends the next, and returns when to wake the client again.
    fn wake(&mut self, now: u64, client: usize) -> Option<u64> {
        self.begin_windows(now);
        let ended = self.tickets[client].take();
        if let Some(ticket) = ended {
            self.model.finish(now, ticket);
            if !self.load.again {
                return None;
            }
        }
        match self.model.admit(now) {
            Ok(ticket) => {
                self.tickets[client] = Some(ticket);
                Some(self.serve(now))
            }
            Err(wait) => self.load.again.then_some(now + wait.max(1)),
        }
    }

    fn begin_windows(&mut self, now: u64) {
        let Load { period, quota, .. } = *self.load;
        while self.begun * period <= now {
            let start = self.begun * period;
            self.model.window(start, start + period, quota);
            self.begun += 1;
        }
    }

    /// Serves one more request and returns its end.
    fn serve(&mut self, now: u64) -> u64 {
        self.served += 1;
        let drawn = self.load.durations.draw(&mut self.random);
        let outlier = self.load.outlier && self.served == OUTLIER_AT;
        let end = now + if outlier { OUTLIER } else { drawn };
        charge(&mut self.spent, self.load.period, now, end);
        end
    }
}

/// Adds to each window the time that a request spends in it.
fn charge(spent: &mut [u64], period: u64, start: u64, end: u64) {
    for (window, spent) in (0..).zip(spent) {
        let inside = end.min((window + 1) * period).saturating_sub(start.max(window * period));
        *spent += inside;
    }
}

/// Splitmix64: small, seeded, and good enough for durations.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In the open interval (0, 1).
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
