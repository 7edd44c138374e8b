//! A restart of the whole limiter: keys hash as they did, and whoever had spent has spent.

#[path = "kit/asked.rs"]
mod asked;

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Component, Engine, Limiter, ManualClock, Reservation, Rule, Site, UnixMicros, parse_rates,
};

use crate::asked::Asked;

/// 2023-11-14 22:00 UTC.
const START: UnixMicros = UnixMicros::from_secs(1_699_999_200);

/// One request a day for each address, on an engine of its own with a snapshot.
struct Process {
    engine: Engine,
    limiter: Arc<Limiter>,
}

impl Process {
    fn start(file: &Path, at: UnixMicros) -> Self {
        let store = Memory::default().with_snapshot(file).unwrap();
        let engine = Engine::new(store, ManualClock::at(at));
        let rule = Rule::new("daily", Component::Ip, parse_rates("1 per day").unwrap());
        let site = Site { rules: vec![rule], ..Site::unlimited("site") };
        Self { limiter: Arc::new(Limiter::new(site, &engine)), engine }
    }

    /// The same with a budget of 600 s per hour for all.
    fn with_budget(file: &Path, at: UnixMicros) -> (Self, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(at));
        let engine = Engine::new(Memory::default().with_snapshot(file).unwrap(), Arc::clone(&clock));
        let rule = Rule::new("budget", Component::Site, parse_rates("600s per hour").unwrap());
        let site = Site { rules: vec![rule], ..Site::unlimited("site") };
        (Self { limiter: Arc::new(Limiter::new(site, &engine)), engine }, clock)
    }

    fn admit(&self) -> Option<Reservation> {
        match self.limiter.admit(&Asked::USUAL) {
            Ok(Admission::Admitted(reservation)) => Some(reservation),
            _ => None,
        }
    }

    fn serves(&self, address: &'static str) -> bool {
        matches!(
            self.limiter.admit(&Asked { ip: address.parse().ok(), ..Asked::USUAL }),
            Ok(Admission::Admitted(_))
        )
    }
}

/// The path of a snapshot that is not there yet.
fn snapshot(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("restart-{}-{name}", process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory.join("accounts")
}

fn later(span: Duration) -> UnixMicros {
    START.plus(span.as_micros() as i64)
}

#[test]
fn an_address_that_was_served_is_not_served_again_that_day() {
    let file = snapshot("address");
    let first = Process::start(&file, START);
    assert!(first.serves("192.0.2.1") && !first.serves("192.0.2.1"));
    first.engine.save().unwrap();
    let second = Process::start(&file, later(Duration::from_secs(60)));
    assert!(!second.serves("192.0.2.1") && second.serves("192.0.2.2"));
    let tomorrow = Process::start(&file, later(Duration::from_secs(7_200)));
    assert!(tomorrow.serves("192.0.2.1"));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[test]
fn an_engine_that_is_dropped_saves() {
    let file = snapshot("dropped");
    let Process { engine, limiter } = Process::start(&file, START);
    assert!(matches!(limiter.admit(&Asked::USUAL), Ok(Admission::Admitted(_))));
    drop(limiter);
    drop(engine);
    assert!(!Process::start(&file, later(Duration::from_secs(1))).serves("192.0.2.7"));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

/// A process that had learned that requests take a minute took them for short ones after each restart.
#[test]
fn what_requests_cost_is_known_after_a_restart_also_the_next_day() {
    for hours in [0, 30] {
        let file = snapshot(&format!("learned-{hours}"));
        let (first, clock) = Process::with_budget(&file, START);
        let running = first.admit().unwrap();
        clock.advance(Duration::from_secs(60));
        drop(running);
        first.engine.save().unwrap();
        let (second, _) = Process::with_budget(&file, later(Duration::from_secs(hours * 3_600 + 70)));
        let spent = if hours == 0 { 60 } else { 0 };
        let admitted: Vec<_> =
            std::iter::repeat_with(|| second.admit()).map_while(|admitted| admitted).collect();
        assert_eq!(admitted.len(), (600 - spent) / 60, "each is expected to take a minute");
        drop((first, admitted, second));
        fs::remove_dir_all(file.parent().unwrap()).unwrap();
    }
}

#[test]
fn what_was_learned_of_a_rule_that_is_gone_is_not_written_down_again() {
    let file = snapshot("gone");
    let learn = |process: &Process, clock: &ManualClock| {
        let running = process.admit().unwrap();
        clock.advance(Duration::from_secs(60));
        drop(running);
    };
    let (first, clock) = Process::with_budget(&file, START);
    learn(&first, &clock);
    first.engine.save().unwrap();
    let says = || fs::read(&file).unwrap().windows(10).any(|bytes| bytes == b"\x06\0\0\0budget");
    assert!(says());
    let second = Process::start(&file, later(Duration::from_secs(70)));
    second.engine.save().unwrap();
    assert!(!says());
    drop((first, second));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
