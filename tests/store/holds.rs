//! Promises about requests that run.

use timebudget::Micros;
use timebudget::store::{Claim, Progress, Standing, Store, Verdict};

use crate::desk::{Desk, HOUR};

pub(crate) fn running_requests_count_while_they_run<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 1_000, 0);
    for _ in 0..4 {
        assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
    }
    desk.pass(250);
    assert_eq!(desk.spent(claim), 1_000);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
}

pub(crate) fn the_hold_keeps_a_burst_from_an_almost_spent_budget<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 1_000, 100);
    let admitted = (0..200).filter(|_| desk.admit(&mut [claim]) == Verdict::Admitted).count();
    assert_eq!(admitted, 10);
}

pub(crate) fn a_sequential_client_holds_nothing<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 1_000, 400);
    for turn in 0..10 {
        let mut running = [claim];
        assert_eq!(desk.admit(&mut running), Verdict::Admitted);
        assert_eq!((running[0].standing.spent, running[0].standing.hold), (turn * 100, 0));
        desk.pass(100);
        desk.settle(&mut running, 100);
    }
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
}

pub(crate) fn a_request_that_outlasts_its_expectation_holds_what_it_has_run<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 100);
    desk.admit(&mut [claim]);
    desk.pass(350);
    let standing = desk.standing(claim);
    assert_eq!((standing.spent, standing.hold, standing.admitted), (350, 450, 1));
}

pub(crate) fn no_request_holds_more_than_is_left_of_the_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, HOUR);
    desk.pass(HOUR - 60);
    desk.admit(&mut [claim]);
    desk.admit(&mut [claim]);
    assert_eq!(desk.standing(claim).hold, 2 * 60);
    desk.pass(10);
    assert_eq!(desk.standing(claim).hold, 2 * 50);
}

pub(crate) fn ones_own_hold_is_left_out_of_a_look<S: Store>(desk: &Desk<S>) {
    let book = desk.time("time");
    let mut first = [desk.timed(book, "key", HOUR, 100)];
    let mut second = [desk.timed(book, "key", HOUR, 7)];
    desk.admit(&mut first);
    desk.pass(30);
    desk.admit(&mut second);
    desk.pass(5);
    let seen = |own: &mut [Claim; 1], cost, paused| {
        desk.store.look(own, Progress { cost: Micros(cost), paused }, desk.now());
        let Standing { spent, hold, waiting, admitted, .. } = own[0].standing;
        (spent, hold, waiting, admitted)
    };
    assert_eq!(seen(&mut first, 35, false), (40, 7 + 5, 0, 1));
    assert_eq!(seen(&mut second, 5, false), (40, 100 + 35, 0, 1));
    desk.pause(&mut second, 5);
    desk.pass(10);
    assert_eq!(seen(&mut first, 45, false), (50, 0, 7 + 5, 1));
    assert_eq!(seen(&mut second, 5, true), (50, 100 + 45, 0, 1));
}

pub(crate) fn a_waiting_request_costs_nothing_and_holds_little<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 10_020, 3_000);
    let mut admitted = [claim];
    desk.admit(&mut admitted);
    desk.pass(20);
    desk.pause(&mut admitted, 20);
    desk.pass(500);
    let Standing { spent, hold, waiting, admitted: count, .. } = desk.standing(claim);
    assert_eq!((spent, hold, waiting, count), (20, 0, 3_020, 1));
    let mut other = [claim];
    desk.admit(&mut other);
    assert_eq!(other[0].remaining(), 8_998, "a tenth of the quota is held");
    let mut third = [claim];
    desk.admit(&mut third);
    assert_eq!(third[0].remaining(), 10_020 - 20 - 3_000 - 3_020, "and as much again as what runs");
    desk.settle(&mut third, 0);
    desk.resume(&mut admitted, 20);
    assert_eq!(desk.standing(claim).hold, 3_000 + 3_020);
}

/// Eighty clients that stalled with a request each once locked all others out of a budget that was hardly spent.
pub(crate) fn however_many_requests_wait_the_next_is_admitted<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 60_000, 1_000);
    for _ in 0..80 {
        let mut stalled = [claim];
        assert_eq!(desk.admit(&mut stalled), Verdict::Admitted);
        desk.pause(&mut stalled, 0);
    }
    desk.pass(1_000_000);
    for _ in 0..100 {
        let mut next = [claim];
        assert_eq!(desk.admit(&mut next), Verdict::Admitted);
        desk.settle(&mut next, 0);
    }
}

pub(crate) fn a_look_says_by_how_much_the_spend_of_others_rises<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 100);
    let (mut first, mut second) = ([claim], [claim]);
    desk.admit(&mut first);
    desk.admit(&mut second);
    assert_eq!(desk.standing(claim).running, 2);
    desk.store.look(&mut first, Progress::default(), desk.now());
    assert_eq!(first[0].standing.running, 1, "its own is left out");
    desk.pause(&mut second, 0);
    assert_eq!(desk.standing(claim).running, 1);
    desk.settle(&mut first, 0);
    assert_eq!(desk.standing(claim).running, 0);
}
