//! Timing loops for single decisions, and what an account takes in memory.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::stats::{Random, median};

/// The nanoseconds that one call of `decide` takes: the median of 31 rounds.
pub(crate) fn nanos(mut decide: impl FnMut()) -> f64 {
    const CALLS: u32 = 200_000;
    let mut round = || {
        let began = Instant::now();
        (0..CALLS).for_each(|_| decide());
        began.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    round();
    median((0..31).map(|_| round()).collect())
}

/// What many accounts cost.
pub(crate) struct Crowd {
    /// Bytes an account, all in: what the process grew by while they were made.
    pub(crate) bytes: f64,
    /// Nanoseconds a decision, over all accounts at random.
    pub(crate) nanos: f64,
}

/// Decides once for each of so many accounts, then over and over for any of them.
pub(crate) fn crowd(accounts: u64, mut decide: impl FnMut(u64)) -> Crowd {
    let before = resident();
    (0..accounts).for_each(&mut decide);
    let bytes = (resident() - before) / accounts as f64;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    Crowd { bytes, nanos: nanos(|| decide(random.below(accounts))) }
}

/// The bytes of memory that this process occupies.
///
/// # Panics
///
/// Where the kernel does not tell in `/proc`.
pub(crate) fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.expect("the status holds VmRSS in KiB") * 1024.0
}

/// Runs this program again with one argument, and returns what it printed: a heap that nobody has used before.
pub(crate) fn alone(measurement: &str) -> String {
    let program = std::env::current_exe().expect("a process knows its program");
    let output = Command::new(program).arg(measurement).stderr(Stdio::inherit()).output();
    let output = output.expect("this program can be run again");
    assert!(output.status.success(), "{measurement} failed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
