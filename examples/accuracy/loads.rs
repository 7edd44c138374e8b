//! The table's rows: what is sent, and on which budget.

use std::ops::Range;

use timebudget::Overrun;

use crate::random::Random;

pub(crate) const SECOND: u64 = 1_000_000;
/// The windows of a run.
pub(crate) const WINDOWS: usize = 5;

/// A row: a name, what is wanted, and the load.
pub(crate) type Row = (String, &'static str, Load);

/// The table's rows.
pub(crate) fn rows() -> Vec<Row> {
    let exponential = Durations::Exponential(2.0);
    let stalling = |stall| Load { stall, ..Load::steady(exponential, 3600 * SECOND, false) };
    let mut rows = vec![
        ("(a) 200 × 100 ms at once".to_owned(), "≤ 1.10", Load::BURST),
        ("(a) the same, cold".to_owned(), "≤ 2.10", Load { seen_before: 0, ..Load::BURST }),
    ];
    rows.extend(steady("(b)", false));
    rows.extend(steady("(c)", true));
    for (name, stall) in [("read", Stall::Answers), ("sent", Stall::Bodies)] {
        rows.push((format!("(d) exponential 2 s, half are {name} slowly"), "0.97–1.05", stalling(stall)));
    }
    let steady = rows.iter().filter(|(.., load)| load.again);
    let hard: Vec<_> = steady.map(cut).collect();
    rows.extend(hard);
    rows
}

/// The same load, under a hard budget.
fn cut((name, _, load): &Row) -> Row {
    (format!("(e) as {name}"), "0.99–1.01", Load { overrun: Overrun::Cut, ..load.clone() })
}

fn steady(part: &str, outlier: bool) -> impl Iterator<Item = Row> {
    let heavy = Durations::LogNormal(30.0, 1.5);
    let loads = [
        ("constant 2 s", Durations::Constant(2.0), 3600, "0.98–1.03"),
        ("exponential 2 s", Durations::Exponential(2.0), 3600, "0.97–1.05"),
        ("log-normal 30 s", heavy, 60, "0.90–1.10"),
        ("log-normal 30 s", heavy, 300, "0.90–1.10"),
        ("log-normal 30 s", heavy, 3600, "0.90–1.10"),
    ];
    loads.into_iter().map(move |(name, durations, secs, wanted)| {
        let name = format!("{part} {name}, {} min", secs / 60);
        (name, wanted, Load::steady(durations, secs * SECOND, outlier))
    })
}

/// What is sent, and on which budget.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    /// Whether clients send again.
    pub(crate) again: bool,
    pub(crate) durations: Durations,
    pub(crate) stall: Stall,
    /// What becomes of what runs when the budget is spent.
    pub(crate) overrun: Overrun,
    pub(crate) quota: u64,
    pub(crate) period: u64,
    pub(crate) outlier: bool,
    /// How many requests have been seen before.
    pub(crate) seen_before: usize,
    pub(crate) measured: Range<usize>,
}

impl Load {
    const BURST: Self = Self {
        clients: 200,
        again: false,
        durations: Durations::Constant(0.1),
        stall: Stall::None,
        overrun: Overrun::Finish,
        quota: SECOND,
        period: 3600 * SECOND,
        outlier: false,
        seen_before: 3,
        measured: 0..1,
    };

    const fn steady(durations: Durations, period: u64, outlier: bool) -> Self {
        Self {
            clients: 100,
            again: true,
            durations,
            stall: Stall::None,
            overrun: Overrun::Finish,
            quota: 600 * SECOND,
            period,
            outlier,
            seen_before: 3,
            measured: 1..WINDOWS,
        }
    }
}

/// What the requests of every other client wait for, 30 s long.
#[derive(Clone, Copy)]
pub(crate) enum Stall {
    None,
    /// For their bodies, before they run.
    Bodies,
    /// For their answers to be taken, after they have run.
    Answers,
}

/// Durations in seconds.
#[derive(Clone, Copy)]
pub(crate) enum Durations {
    Constant(f64),
    /// Of this mean.
    Exponential(f64),
    /// Of this mean, and with this deviation of the logarithm.
    LogNormal(f64, f64),
}

impl Durations {
    pub(crate) fn draw(self, random: &mut Random) -> u64 {
        let seconds = match self {
            Self::Constant(length) => length,
            Self::Exponential(mean) => -mean * random.uniform().ln(),
            Self::LogNormal(mean, sigma) => (mean.ln() - sigma * sigma / 2.0 + sigma * random.normal()).exp(),
        };
        ((seconds * SECOND as f64) as u64).max(1)
    }
}
