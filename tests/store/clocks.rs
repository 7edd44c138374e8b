//! Promises about a wall clock that somebody sets.

use timebudget::UnixMicros;
use timebudget::store::{Store, Verdict};

use crate::desk::{Desk, HOUR, START_SECS};

const HOURS: i64 = 3_600;

pub(crate) fn a_wall_clock_set_back_refunds_nothing<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 1);
    desk.admit(&mut [claim]);
    desk.pass(HOUR / 2);
    desk.clock.set_wall_by(-5 * HOURS);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    desk.pass(HOUR / 2 - 1);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
}

pub(crate) fn a_wall_clock_set_back_locks_nobody_out<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 1);
    desk.admit(&mut [claim]);
    desk.pass(HOUR / 2);
    desk.clock.set_wall_by(-5 * HOURS);
    desk.pass(HOUR / 2);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
}

pub(crate) fn a_wall_clock_set_forth_ends_no_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 1);
    desk.admit(&mut [claim]);
    desk.pass(HOUR / 2);
    desk.clock.set_wall_by(5 * HOURS);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    desk.pass(HOUR / 2);
    let mut next = [claim];
    assert_eq!(desk.admit(&mut next), Verdict::Admitted);
    assert_eq!(next[0].standing.window.start, UnixMicros::from_secs(START_SECS + 6 * HOURS));
}

/// At 23:00 the clock is set back to 22:00, which this process has seen already.
pub(crate) fn a_start_that_comes_again_is_a_new_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 2);
    let mut early = [claim];
    desk.admit(&mut early);
    let first = early[0].standing.window;
    desk.clock.set_wall_by(-HOURS);
    desk.pass(HOUR);
    let mut again = [claim];
    desk.admit(&mut again);
    assert_eq!(again[0].standing.window, first);
    assert_eq!(again[0].standing.spent, 0);
    desk.settle_as(&mut early, timebudget::store::Settlement { returned: true, ..Default::default() });
    assert_eq!(desk.spent(claim), 1);
}

pub(crate) fn a_request_runs_on_while_the_wall_clock_is_set<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 0);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(100);
    desk.clock.set_wall_by(-3 * HOURS);
    desk.pass(100);
    assert_eq!(desk.spent(claim), 200);
    desk.clock.set_wall_by(9 * HOURS + 1_234);
    desk.pass(100);
    assert_eq!(desk.spent(claim), 300);
    desk.settle(&mut running, 300);
    assert_eq!(desk.spent(claim), 300);
}

/// A worker reads the clock, another begins the new window, then the first one's request is decided.
pub(crate) fn a_reading_from_before_the_edge_charges_nothing_before_it<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 0);
    desk.pass(HOUR - 10);
    let before = desk.now();
    desk.pass(10);
    assert_eq!(desk.spent(claim), 0);
    let mut late = [claim];
    assert_eq!(desk.store.admit(&mut late, timebudget::store::Mode::Decide, before), Ok(Verdict::Admitted));
    desk.pass(30);
    assert_eq!(desk.spent(claim), 30);
}
