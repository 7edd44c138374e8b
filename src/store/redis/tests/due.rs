//! When lines are published.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use super::process::Process;
use crate::model::units::Micros;
use crate::store::redis::ledger::Due;
use crate::store::{Mode, Settlement};

#[test]
fn in_exact_mode_a_settlement_waits_80_ms_for_a_request_to_carry_it() {
    let clock = Arc::new(AtomicI64::new(0));
    let process = Process::new("redis://model", 1, 1, &clock);
    let mut claims = [process.claim(1_000, Micros::ZERO)];
    let ledgers = &process.ledgers;
    ledgers.admit(&mut claims, Mode::Force, ledgers.now()).unwrap();
    ledgers.settle(&mut claims, &Settlement::default(), ledgers.now());
    for (passed, due) in [(0, Due::Later), (79_999, Due::Later), (80_000, Due::Now)] {
        clock.store(passed, Relaxed);
        assert_eq!(ledgers.due(process.account(), ledgers.now()), due, "after {passed} µs");
    }
}
