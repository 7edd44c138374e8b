//! A restart of the whole limiter: keys hash as they did, and whoever had spent has spent.

#[path = "kit/asked.rs"]
mod asked;

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

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
    drop(first);
    let second = Process::start(&file, later(Duration::from_secs(60)));
    assert!(!second.serves("192.0.2.1") && second.serves("192.0.2.2"));
    drop(second);
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
        drop(first);
        let (second, _) = Process::with_budget(&file, later(Duration::from_secs(hours * 3_600 + 70)));
        let spent = if hours == 0 { 60 } else { 0 };
        let admitted: Vec<_> =
            std::iter::repeat_with(|| second.admit()).map_while(|admitted| admitted).collect();
        assert_eq!(admitted.len(), (600 - spent) / 60, "each is expected to take a minute");
        drop((admitted, second));
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
    drop(first);
    let second = Process::start(&file, later(Duration::from_secs(70)));
    second.engine.save().unwrap();
    assert!(!says());
    drop(second);
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

/// Another process, which has the snapshot and does nothing until it is told to end or killed.
struct Other {
    process: Child,
    /// Kept, for it writes there how its test has ended.
    _told: BufReader<ChildStdout>,
}

impl Other {
    fn start(file: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_has_the_snapshot", "--nocapture"])
            .env("TIMEBUDGET_TEST_SNAPSHOT", file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap());
        assert!(told.by_ref().lines().map_while(Result::ok).any(|line| line == "it has it"));
        Self { process, _told: told }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Not a test, but the process that the tests below start. It ends when nothing more comes from them.
#[test]
fn the_process_that_has_the_snapshot() {
    let Ok(file) = std::env::var("TIMEBUDGET_TEST_SNAPSHOT") else { return };
    let process = Process::start(Path::new(&file), START);
    assert!(process.serves("192.0.2.1"));
    process.engine.save().unwrap();
    println!("\nit has it");
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// Two processes replaced each other's accounts: one logged that it could not write, since the other had renamed what it was
/// writing, and an account that was spent to 3 of 3 came back with 1.
#[test]
fn a_snapshot_that_another_process_has_is_an_error_that_names_it_until_that_has_ended() {
    let file = snapshot("two-processes");
    let other = Other::start(&file);
    let error = Memory::default().with_snapshot(&file).expect_err("it is in use").to_string();
    let expected =
        ": is in use: another process has it, or another store of this one; expected a file for each";
    assert_eq!(error.strip_prefix(&*file.to_string_lossy()), Some(expected));
    other.kill();
    assert!(
        !Process::start(&file, later(Duration::from_secs(1))).serves("192.0.2.1"),
        "it is known what it saved"
    );
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

/// As where a service is started again, and the process before still lets finish what runs.
#[test]
fn a_process_that_is_about_to_end_is_waited_for() {
    let file = snapshot("about-to-end");
    let mut other = Other::start(&file);
    let ends = other.process.stdin.take().unwrap();
    let waits = {
        let file = file.clone();
        thread::spawn(move || Process::start(&file, later(Duration::from_secs(1))).serves("192.0.2.1"))
    };
    thread::sleep(Duration::from_millis(200));
    assert!(!waits.is_finished(), "it waits");
    drop(ends);
    assert!(!waits.join().unwrap(), "it is known what the other has served");
    assert!(other.process.wait().unwrap().success());
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_locked_is_empty_its_owners_alone_and_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = snapshot("lock");
    let lock = file.with_extension("lock");
    for _ in 0..2 {
        let process = Process::start(&file, START);
        let found = fs::metadata(&lock).unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (0, 0o600));
        drop(process);
    }
    assert!(lock.exists());
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
