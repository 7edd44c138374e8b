//! When lines are published.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use super::process::Process;
use crate::model::key::KeyHash;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick, Unit, UnixMicros};
use crate::model::window::Period;
use crate::model::zone::Zone;
use crate::store::redis::ledger::{Due, Ledgers, Stance};
use crate::store::redis::settings::Settings;
use crate::store::{BookSpec, Charge, Claim, Mode, Settlement, Store as _, Tally, Verdict};

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

/// Its windows move to where the server sees them, and what it had spent was published in no window.
#[test]
fn what_was_spent_before_the_servers_clock_was_known_is_published() {
    let ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    let at = |secs: i64| Now {
        tick: Tick(secs * 1_000_000),
        utc: UnixMicros::from_secs(1_699_999_200 + secs),
        step: 0,
    };
    let (zone, tally) = (Arc::new(Zone::utc()), Tally::Charged(Unit::Requests));
    let spec = BookSpec { site: "site", rule: "rule", tally, period: Some(Period::HOUR), zone: &zone };
    let book = ledgers.memory.open(&spec);
    let mut claims = [Claim::new(book, KeyHash([1; 4]), 10, Charge::Requests { cost: 1 })];
    assert_eq!(ledgers.admit(&mut claims, Mode::Decide, at(5)), Ok(Verdict::Admitted));
    ledgers.hear_clock(at(6).utc.0 + 1_800_000_000 * 3, at(6));
    let now = ledgers.agreed(at(6));
    ledgers.heal(now);
    let due = ledgers.due_lines(ledgers.agreed(at(7)), 10, |_| Stance::Free);
    assert_eq!(due.len(), 1);
    assert_eq!(ledgers.own(due[0], now).line.spent, 1);
}
