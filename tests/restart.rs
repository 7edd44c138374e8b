//! A restart of the whole limiter: keys hash as they did, and whoever had spent has spent.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use timebudget::model::facts::Facts;
use timebudget::model::rule::{Component, Rule};
use timebudget::store::memory::Memory;
use timebudget::{Admission, Engine, Limiter, ManualClock, Site, UnixMicros, parse_rates};

/// 2023-11-14 22:00 UTC.
const START: UnixMicros = UnixMicros::from_secs(1_699_999_200);

struct From(&'static str);

impl Facts for From {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn ip(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

/// One request a day for each address, on an engine of its own with a snapshot.
struct Process {
    engine: Arc<Engine>,
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

    fn serves(&self, address: &'static str) -> bool {
        matches!(self.limiter.admit(&From(address)), Ok(Admission::Admitted(_)))
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
    assert!(matches!(limiter.admit(&From("192.0.2.1")), Ok(Admission::Admitted(_))));
    drop(limiter);
    drop(engine);
    assert!(!Process::start(&file, later(Duration::from_secs(1))).serves("192.0.2.1"));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
