//! Promises about the edges of windows.

use timebudget::store::{Store, Verdict};
use timebudget::{Micros, UnixMicros};

use crate::desk::{Desk, HOUR, START_SECS};

pub(crate) fn a_request_at_the_exact_end_belongs_to_the_next_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 1);
    desk.admit(&mut [claim]);
    desk.pass(HOUR - 1);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    desk.pass(1);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
}

pub(crate) fn a_request_that_spans_windows_pays_each_for_the_time_in_it<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR * 2, 0);
    desk.pass(HOUR - 300);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(299);
    assert_eq!(desk.spent(claim), 299);
    desk.pass(1);
    assert_eq!(desk.spent(claim), 0);
    desk.pass(HOUR - 1);
    assert_eq!(desk.spent(claim), HOUR - 1);
    desk.pass(1 + 70);
    desk.settle(&mut running, 300 + HOUR + 70);
    desk.pass(1_000);
    assert_eq!(desk.spent(claim), 70);
}

pub(crate) fn a_request_that_pauses_over_an_edge_pays_for_what_it_ran<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 0);
    desk.pass(HOUR - 100);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(40);
    desk.pause(&mut running, 40);
    desk.pass(200);
    assert_eq!(desk.spent(claim), 0);
    desk.resume(&mut running, 40);
    desk.pass(25);
    desk.settle(&mut running, 65);
    assert_eq!(desk.spent(claim), 25);
    assert_eq!(desk.standing(claim).hold, 0);
}

pub(crate) fn a_skipped_window_is_not_paid_in_the_next<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 0);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(5 * HOUR + 20);
    assert_eq!(desk.spent(claim), 20);
    desk.settle(&mut running, 5 * HOUR + 20);
    assert_eq!(desk.spent(claim), 20);
}

pub(crate) fn a_spent_budget_is_whole_again_in_the_next_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 100, 0);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(100);
    desk.settle(&mut running, 100);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    desk.pass(HOUR - 100);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
}

pub(crate) fn requests_are_not_carried_over<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 5);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(HOUR);
    assert_eq!(desk.spent(claim), 0);
    desk.settle(&mut running, HOUR);
    assert_eq!(desk.spent(claim), 0);
}

pub(crate) fn a_cap_knows_no_edge<S: Store>(desk: &Desk<S>) {
    let claim = desk.place(desk.places("places"), "key", 1);
    let mut running = [claim];
    desk.admit(&mut running);
    for _ in 0..50 {
        desk.pass(HOUR);
        desk.store.tidy(desk.now());
        assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    }
    desk.settle(&mut running, 50 * HOUR);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
}

pub(crate) fn the_standing_names_the_window_and_what_is_left_of_it<S: Store>(desk: &Desk<S>) {
    desk.pass(7);
    let mut claims = [desk.request(desk.requests("requests"), "key", 5)];
    desk.admit(&mut claims);
    let standing = claims[0].standing;
    assert_eq!(standing.window.start, UnixMicros::from_secs(START_SECS));
    assert_eq!(standing.window.end, UnixMicros::from_secs(START_SECS + 3_600));
    assert_eq!(standing.left, Micros(HOUR - 7));
}
