//! When lines are published.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::thread;

use super::process::Process;
use crate::model::{KeyHash, Micros, Now, Others, Period, Tick, Unit, UnixMicros, Zone};
use crate::store::redis::ledger::{Due, Ledgers, Stance};
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Before;
use crate::store::redis::settings::Settings;
use crate::store::{BookSpec, Charge, Claim, Mode, Part, Settlement, Store as _, Tally, Verdict};

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
    let mut claims = [claim_of(&ledgers, 1)];
    assert_eq!(ledgers.admit(&mut claims, Mode::Decide, at(5)), Ok(Verdict::Admitted));
    ledgers.hear_clock(at(6).utc.0 + 1_800_000_000 * 3, at(6));
    let now = ledgers.agreed(at(6));
    ledgers.heal(now);
    let due = ledgers.due_lines(ledgers.agreed(at(7)), 10, |_| Stance::Free);
    assert_eq!(due.len(), 1);
    assert_eq!(ledgers.own(due[0], now).line.net, 1);
}

/// The line was read, and then the change that was not in it was taken to be sent.
#[test]
fn what_is_charged_while_a_line_is_taken_is_in_it_or_still_to_be_sent() {
    let process = Process::new("redis://model", 1, 1, &Arc::new(AtomicI64::new(0)));
    let ledgers = &process.ledgers;
    for _ in 0..200 {
        let has_ended = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20 {
                    let mut claims = [process.claim(u64::MAX, Micros::ZERO)];
                    ledgers.admit(&mut claims, Mode::Force, ledgers.now()).unwrap();
                    let settlement = Settlement { extra_micros: 1, ..Settlement::default() };
                    ledgers.settle(&mut claims, &settlement, ledgers.now());
                }
                has_ended.store(true, Relaxed);
            });
            let mut sent = ledgers.take_line(process.account(), ledgers.now());
            while !has_ended.load(Relaxed) {
                sent = ledgers.take_line(process.account(), ledgers.now());
            }
            sent.0.line
        });
        let line = ledgers.own(process.account(), ledgers.now()).line;
        let is_due = ledgers.due(process.account(), ledgers.now()) != Due::Never;
        assert!(is_due || sent == line, "{sent:?} was sent of {line:?}");
    }
}

/// What was charged meanwhile in the new window was forgotten to be published.
#[test]
fn an_answer_that_comes_after_its_window_has_ended_says_nothing_of_the_next() {
    let ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    let mut claims = [claim_of(&ledgers, 1)];
    ledgers.admit(&mut claims, Mode::Force, at(3_599)).unwrap();
    let account = Account::of(&claims[0], Part::Whole);
    let (sent, _) = ledgers.take_line(account, at(3_599));
    ledgers.admit(&mut [claim_of(&ledgers, 1)], Mode::Force, at(3_600)).unwrap();
    let others = Others { read_at: Tick(3_599_000_000), ..Others::UNKNOWN };
    ledgers.hear(&sent, Before::Newer, others, 0, at(3_600));
    assert_eq!(ledgers.due(account, at(3_601)), Due::Now);
}

/// The first ones on the list were sent again and again, if they changed as quickly as they could be sent.
#[test]
fn where_more_lines_are_due_than_can_be_sent_each_has_its_turn() {
    let ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    for client in 0..30 {
        ledgers.admit(&mut [claim_of(&ledgers, client)], Mode::Force, at(0)).unwrap();
    }
    let rounds = (0..3).flat_map(|_| ledgers.due_lines(at(1), 10, |_| Stance::Free));
    assert_eq!(rounds.collect::<HashSet<_>>().len(), 30);
}

/// So many seconds after an hour has begun.
fn at(secs: i64) -> Now {
    Now { tick: Tick(secs * 1_000_000), utc: UnixMicros::from_secs(1_699_999_200 + secs), step: 0 }
}

/// A client's claim on a request, of which it has ten an hour.
fn claim_of(ledgers: &Ledgers, client: u32) -> Claim {
    let (zone, tally) = (Arc::new(Zone::utc()), Tally::Charged(Unit::Requests));
    let spec = BookSpec { site: "site", rule: "rule", tally, period: Some(Period::HOUR), zone: &zone };
    Claim::new(ledgers.memory.open(&spec), KeyHash([client; 4]), 10, Charge::Requests { cost: 1 })
}
