//! How close the final spend of a window comes to its budget, beside a model of charging at the end.
//!
//! `cargo run --release --example accuracy` prints one table. The clock is virtual and every draw is seeded, so two runs
//! print the same. Three requests of the load have been seen before each run, but for the cold one.
//!
//! - (a) Each client sends once, in an account's first window.
//! - (b) Each client sends again as soon as its request has ended, and when refused waits as long as it was told. The
//!   load runs through one window, and the four after it are measured.
//! - (c) As (b), but the tenth request of the run takes 600 s. It is charged like any other.
//! - (d) As (b), but each request of every other client waits for its client for 30 s: for its body, before it runs, or
//!   with its answer, after it has run. What waits for its body when the budget is spent still comes on top of it, unless
//!   enough was held for it: nobody knows of it whether it ever will.
//!
//! - (e) As (b) and (c), under a hard budget: what runs when the budget is spent is cut. Shown are the least and the most
//!   that a window has spent; other limiters cut nobody.
//!
//! The spend is what the requests really took inside the window, kept by the simulator and not by the model that decides.
//! The k-th request served takes the same time under each model.
//!
//! "Most cautious" is how little a limiter can spend that cuts nobody off: it admits the next request only when those
//! that run could not spend the rest. A limiter that serves somebody whenever nothing runs and budget is left must serve
//! at least as many of the same requests, and the last of them is longer than most (the paradox of the bus that is
//! late: long requests are the likelier ones to lie across the budget's end). So with heavy tails and long windows the
//! mean cannot come closer to 1 than that column; the median can.

use models::{ChargingAtTheEnd, Model, MostCautious, Timebudget};
use timebudget::Overrun;

use loads::Load;
use run::Run;

mod loads;
mod models;
mod random;
mod run;

const SEEDS: u64 = 100;

fn main() {
    println!("final spend ÷ budget: mean (median, 95th percentile) over {SEEDS} seeds\n");
    println!("| load | charging at the end | most cautious | timebudget | wanted |");
    println!("|---|---|---|---|---|");
    for (name, wanted, load) in loads::rows() {
        if load.overrun == Overrun::Cut {
            let Ratios(ours) = Ratios::of(&load, &Timebudget::new(load.overrun));
            println!("| {name} | – | – | {:.4} to {:.4} | {wanted} |", ours[0], ours[ours.len() - 1]);
            continue;
        }
        let end = Ratios::of(&load, &ChargingAtTheEnd::default());
        let single = Ratios::of(&load, &MostCautious::default());
        let ours = Ratios::of(&load, &Timebudget::new(load.overrun));
        println!("| {name} | {end} | {single} | {ours} | {wanted} |");
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
