//! The thread that speaks to the server, when it breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use crate::model::{KeyHash, Now, Tick, UnixMicros, Zone};
use crate::store::redis::Redis;
use crate::store::redis::settings::Settings;
use crate::store::{BookSpec, Charge, Claim, Fault, Mode, Store as _, Tally};

/// It must begin again: else all that needs a call was 503 until the program was started anew.
#[test]
fn a_task_that_panics_begins_again() {
    let store = Redis::with(Settings::of_text("redis://127.0.0.1:1"));
    let breaks = Arc::new(AtomicBool::new(false));
    let (ticks, breaking) = (AtomicI64::new(0), Arc::clone(&breaks));
    store.begin(Box::new(move || {
        let is_task = thread::current().name() == Some("timebudget-redis");
        assert!(!(is_task && breaking.swap(false, Ordering::SeqCst)), "the clock breaks, as the test wants");
        let passed = ticks.fetch_add(1_000, Ordering::SeqCst);
        Now { tick: Tick(passed), utc: UnixMicros(passed), step: 0 }
    }));
    breaks.store(true, Ordering::SeqCst);
    while breaks.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(1));
    }
    let zone = Arc::new(Zone::utc());
    let spec = BookSpec { site: "site", rule: "cap", tally: Tally::Running, period: None, zone: &zone };
    let mut claims = [Claim::new(store.open(&spec), KeyHash([1; 4]), 1, Charge::Place)];
    store.admit(&mut claims, Mode::Force, store.ledgers.now()).unwrap();
    let Fault(text) = store.flush().expect_err("there is no server");
    assert!(text.contains("no connection"), "the desk has answered: {text}");
}
