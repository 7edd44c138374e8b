//! Promises about settlement.

use timebudget::store::{Settlement, Store, Tally, Verdict};
use timebudget::{Micros, Period, Unit};

use crate::desk::{Desk, HOUR};

pub(crate) fn settling_again_does_nothing<S: Store>(desk: &Desk<S>) {
    let (timed, place) = (desk.time("time"), desk.places("places"));
    let claims = [desk.timed(timed, "key", HOUR, 10), desk.place(place, "key", 9)];
    let (mut settled, mut running) = (claims, claims);
    desk.admit(&mut settled);
    desk.admit(&mut running);
    desk.pass(30);
    for _ in 0..3 {
        desk.settle(&mut settled, 30);
    }
    desk.pass(5);
    assert_eq!(desk.standing(claims[0]).spent, 30 + 35);
    assert_eq!(desk.standing(claims[0]).admitted, 1);
    assert_eq!(desk.spent(claims[1]), 1);
}

pub(crate) fn what_is_on_top_is_charged<S: Store>(desk: &Desk<S>) {
    let mut claims =
        [desk.timed(desk.time("time"), "key", HOUR, 0), desk.request(desk.requests("requests"), "key", 9)];
    desk.admit(&mut claims);
    desk.pass(30);
    let on_top =
        Settlement { cost: Micros(30), extra_micros: 500, extra_requests: 3, ..Settlement::default() };
    desk.settle_as(&mut claims, on_top);
    assert_eq!(claims.map(|claim| desk.spent(claim)), [530, 4]);
}

pub(crate) fn what_is_returned_was_charged<S: Store>(desk: &Desk<S>) {
    let mut claims =
        [desk.timed(desk.time("time"), "key", HOUR, 0), desk.request(desk.requests("requests"), "key", 9)];
    desk.admit(&mut claims);
    desk.pass(30);
    let waived = Settlement { cost: Micros(30), extra_micros: -30, returned: true, ..Settlement::default() };
    desk.settle_as(&mut claims, waived);
    assert_eq!(claims.map(|claim| desk.spent(claim)), [0, 0]);
}

pub(crate) fn no_more_is_returned_than_the_request_cost_in_this_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", HOUR, 0);
    let (mut other, mut spanning) = ([claim], [claim]);
    desk.pass(HOUR - 100);
    desk.admit(&mut spanning);
    desk.pass(100 + 40);
    desk.admit(&mut other);
    desk.pass(10);
    desk.settle(&mut other, 10);
    let waived = Settlement { cost: Micros(150), extra_micros: -150, ..Settlement::default() };
    desk.settle_as(&mut spanning, waived);
    assert_eq!(desk.spent(claim), 10);
}

/// What was returned was once the least of what the windows of all limits had been charged: a request that crossed the
/// shortest left its beginning in the longer ones.
pub(crate) fn each_account_returns_what_it_was_charged_in_its_own_window<S: Store>(desk: &Desk<S>) {
    let hourly = desk.timed(desk.time("time"), "key", HOUR, 0);
    let daily = desk.book("time", Tally::Charged(Unit::Time), Some(Period::DAY));
    let seen = [hourly, desk.timed(daily, "key", HOUR, 0)];
    let mut claims = seen;
    desk.pass(HOUR - 100);
    desk.admit(&mut claims);
    desk.pass(30);
    desk.pause(&mut claims, 30);
    desk.pass(20);
    desk.resume(&mut claims, 30);
    desk.pass(50 + 7);
    desk.pause(&mut claims, 87);
    desk.pass(500);
    let paused = true;
    let waived = Settlement { cost: Micros(87), extra_micros: -87, paused, ..Settlement::default() };
    assert_eq!(seen.map(|claim| desk.spent(claim)), [7, 87]);
    desk.settle_as(&mut claims, waived);
    assert_eq!(seen.map(|claim| desk.spent(claim)), [0, 0]);
}

pub(crate) fn returned_requests_go_to_their_own_window_only<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 2);
    let mut early = [claim];
    desk.admit(&mut early);
    desk.pass(HOUR);
    desk.admit(&mut [claim]);
    desk.settle_as(&mut early, Settlement { returned: true, ..Settlement::default() });
    assert_eq!(desk.spent(claim), 1);
}

pub(crate) fn requests_on_top_are_charged_after_the_edge_too<S: Store>(desk: &Desk<S>) {
    let mut claims = [desk.request(desk.requests("requests"), "key", 9)];
    desk.admit(&mut claims);
    desk.pass(HOUR);
    desk.settle_as(&mut claims, Settlement { extra_requests: 3, ..Settlement::default() });
    assert_eq!(desk.spent(claims[0]), 3);
}

pub(crate) fn the_standing_after_settlement_has_it_in<S: Store>(desk: &Desk<S>) {
    let mut claims = [desk.timed(desk.time("time"), "key", 1_000, 100)];
    desk.admit(&mut claims);
    desk.pass(30);
    desk.settle(&mut claims, 30);
    assert_eq!((claims[0].standing.spent, claims[0].standing.hold), (30, 0));
    assert_eq!(claims[0].remaining(), 970);
}

pub(crate) fn a_place_is_free_once_it_is_settled<S: Store>(desk: &Desk<S>) {
    let claim = desk.place(desk.places("places"), "key", 1);
    for _ in 0..5 {
        let mut running = [claim];
        assert_eq!(desk.admit(&mut running), Verdict::Admitted);
        assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
        desk.settle(&mut running, 0);
    }
}
