//! Reservations without any framework: what they charge, and what they return.

#[path = "kit/asked.rs"]
mod asked;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Component, Engine, Facts, Hold, Limiter, ManualClock, Micros, Report, Reservation, Rule, Site,
    UnixMicros, config, parse_rates,
};

use crate::asked::Asked;

/// 2023-11-14, 22:00:00 UTC: the beginning of an hour.
const TEN_O_CLOCK: UnixMicros = UnixMicros::from_secs(1_699_999_200);

const SECOND: u64 = 1_000_000;

/// A site with 600 seconds an hour, at ten o'clock.
struct Desk {
    clock: Arc<ManualClock>,
    limiter: Arc<Limiter>,
}

impl Desk {
    fn new() -> Self {
        Self::of(r#"{"rate_limit": "600s per hour"}"#)
    }

    fn of(file: &str) -> Self {
        Self::at_site(config::parse_site("test", file).unwrap().0)
    }

    fn at_site(site: Site) -> Self {
        let clock = Arc::new(ManualClock::at(TEN_O_CLOCK));
        let engine = Engine::new(Memory::default(), Arc::clone(&clock));
        Self { clock, limiter: Arc::new(Limiter::new(site, &engine)) }
    }

    fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    fn admit(&self) -> Option<Reservation> {
        self.admit_asked(&Asked::USUAL)
    }

    fn admit_asked(&self, facts: &dyn Facts) -> Option<Reservation> {
        match self.limiter.admit(facts).unwrap() {
            Admission::Admitted(reservation) => Some(reservation),
            Admission::Refused(_) | Admission::Exempt | Admission::Pending(_) => None,
        }
    }

    /// A request that runs for so many seconds.
    fn run(&self, secs: u64) -> Report {
        let mut reservation = self.admit().expect("there is budget left");
        self.pass(secs);
        reservation.settle().expect("there is a rule")
    }
}

struct Preflight;

impl Facts for Preflight {
    fn method(&self) -> &str {
        "OPTIONS"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn ip(&self) -> Option<IpAddr> {
        None
    }

    fn is_preflight(&self) -> bool {
        true
    }
}

/// What was charged after the end was in no account, but in what was told of the request.
#[test]
fn what_is_charged_too_late_is_not_told_either() {
    let desk = Desk::new();
    let ends: [fn(&mut Reservation); 2] = [|ended| assert!(ended.settle().is_some()), Reservation::waive];
    for end in ends {
        let mut reservation = desk.admit().expect("there is budget left");
        desk.pass(2);
        end(&mut reservation);
        let told = |reservation: &mut Reservation| (reservation.report(), reservation.limits());
        let before = told(&mut reservation);
        reservation.charge(Micros::from_secs(100));
        assert!(!reservation.takes_charges());
        assert_eq!(told(&mut reservation), before);
    }
}

/// Of a route that nobody had asked for before nothing was expected, so a first burst spent twenty budgets.
#[test]
fn a_burst_on_a_cold_start_spends_two_budgets_at_most() {
    for (limit, admitted) in [("1s per hour", 20), ("600s per hour", 600), ("10s per hour; 100s per day", 20)]
    {
        let desk = Desk::of(&format!(r#"{{"rate_limit": "{limit}"}}"#));
        let burst: Vec<_> = (0..2_000).map_while(|_| desk.admit()).collect();
        assert_eq!(burst.len(), admitted, "{limit}");
    }
}

/// From 2^63 µs on a hold was less than nothing, and two of 2^62 were, so that everybody was admitted.
#[test]
fn the_greatest_hold_leaves_nothing_to_others() {
    for hold in [1 << 53, 1 << 62, 1 << 63, u64::MAX] {
        let hold = Hold::Fixed(Micros(hold));
        let rule = Rule { hold, ..Rule::new("all", Component::Site, parse_rates("600s per hour").unwrap()) };
        let is_wrong = rule.check().iter().any(timebudget::Mistake::is_wrong);
        assert_eq!(is_wrong, hold != Hold::Fixed(Micros::MAX_QUOTA), "{hold:?}");
        // Who makes a limiter need not have it checked.
        let desk = Desk::at_site(Site { rules: vec![rule], ..Site::unlimited("test") });
        let first = desk.admit().expect("nothing is spent");
        assert!(desk.admit().is_none(), "{hold:?}");
        // These are never refused, and hold as much.
        let others: Vec<_> = (0..3).map(|_| desk.admit_asked(&Preflight)).collect();
        assert!(desk.admit().is_none(), "{hold:?}");
        drop((first, others));
        assert!(desk.admit().is_some(), "{hold:?}");
    }
}

/// 2^63 µs and more were once taken for less than nothing, so that the greatest charge returned the whole budget.
#[test]
fn the_greatest_charge_spends_the_budget() {
    for charges in [1, 2] {
        let desk = Desk::new();
        let mut reservation = desk.admit().unwrap();
        desk.pass(1);
        for _ in 0..charges {
            reservation.charge(Micros(u64::MAX));
        }
        assert_eq!(reservation.settle().map(|report| report.remaining), Some(0));
        assert!(desk.admit().is_none(), "{charges} charges");
    }
}

#[test]
fn many_great_charges_at_once_spend_the_budget() {
    let desk = Desk::new();
    let mut reservations: Vec<_> = (0..100).map(|_| desk.admit().unwrap()).collect();
    reservations.iter_mut().for_each(|reservation| reservation.charge(Micros(u64::MAX)));
    drop(reservations);
    assert!(desk.admit().is_none());
}

/// A stream that a handler had made free went on refusing others for as long as it was open.
#[test]
fn a_waived_request_holds_nothing_and_costs_nothing_from_then_on() {
    let desk = Desk::of(r#"{"rate_limit": "600s per hour; 2 concurrent"}"#);
    let mut waived = desk.admit().unwrap();
    desk.pass(400);
    waived.waive();
    desk.pass(1_000);
    waived.pause();
    desk.pass(10);
    waived.resume();
    desk.pass(1_000);
    let mut other = desk.admit().unwrap();
    assert!(desk.admit().is_none(), "it keeps its place under a cap");
    assert_eq!(other.limits().first().map(|limit| limit.report.remaining), Some(600 * SECOND));
    drop(other);
    assert_eq!(waived.settle().map(|report| report.used), Some(0));
    assert_eq!(desk.run(0).remaining, 600 * SECOND - 2, "what the other has cost");
}

#[test]
fn what_is_charged_to_a_waived_request_is_not_charged() {
    let desk = Desk::new();
    let mut waived = desk.admit().unwrap();
    waived.charge(Micros::from_secs(5));
    waived.waive();
    waived.charge(Micros::from_secs(5));
    waived.waive();
    assert_eq!(waived.settle().map(|report| report.remaining), Some(600 * SECOND));
}

/// What was returned was the least that any of its limits had been charged, so the longer windows kept the beginning.
#[test]
fn a_waived_request_that_crossed_the_shortest_window_leaves_nothing_in_the_longer_ones() {
    let desk = Desk::of(r#"{"rate_limit": "600s per hour; 1000s per day"}"#);
    desk.pass(3_500);
    let mut waived = desk.admit().unwrap();
    desk.pass(40);
    waived.pause();
    desk.pass(10);
    waived.resume();
    desk.pass(100);
    waived.waive();
    let remaining = waived.limits().iter().map(|limit| limit.report.remaining).collect::<Vec<_>>();
    assert_eq!(remaining, [600 * SECOND, 1000 * SECOND]);
}

#[test]
fn a_waived_request_that_ran_over_the_edge_is_returned_what_it_cost_this_window() {
    let desk = Desk::new();
    desk.pass(3_500);
    let mut waived = desk.admit().unwrap();
    desk.pass(50);
    waived.pause();
    desk.pass(100);
    waived.resume();
    assert_eq!(desk.run(60).used, 60 * SECOND, "by another client, in the next hour");
    waived.waive();
    assert_eq!(waived.settle().map(|report| report.remaining), Some(540 * SECOND));
    assert_eq!(desk.run(0).remaining, 540 * SECOND - 1);
}

#[test]
fn a_waived_request_that_waited_within_its_window_is_returned_all() {
    let desk = Desk::new();
    desk.pass(10);
    let mut waived = desk.admit().unwrap();
    desk.pass(50);
    waived.pause();
    desk.pass(100);
    waived.waive();
    assert_eq!(waived.settle().map(|report| report.remaining), Some(600 * SECOND));
}

/// A cap's window never ends, so its reset was a second away while `Retry-After` said four: who went by it asked too early.
#[test]
fn the_reset_of_a_refusal_is_never_before_its_retry_after() {
    for limits in ["1 concurrent", "8s per hour", "20s per day; 1 concurrent", "1 per minute"] {
        let desk = Desk::of(&format!(r#"{{"rate_limit": "{limits}"}}"#));
        let mut running: Vec<_> = desk.admit().into_iter().collect();
        desk.pass(4);
        running.clear();
        desk.clock.advance(Duration::from_millis(700));
        let refusal = loop {
            match desk.limiter.admit(&Asked::USUAL).unwrap() {
                Admission::Admitted(reservation) => running.push(reservation),
                Admission::Refused(refusal) => break refusal,
                Admission::Exempt | Admission::Pending(_) => unreachable!("memory decides at once"),
            }
        };
        let (wait, report) = (refusal.retry_after_secs, refusal.report);
        assert!(report.reset_secs >= wait, "{limits}: {} and {wait} s", report.reset_secs);
        let now = TEN_O_CLOCK.secs() as u64 + 4;
        assert!(
            report.reset_unix_secs >= now + wait,
            "{limits}: {} and {wait} s",
            report.reset_unix_secs - now
        );
    }
}

#[test]
fn a_cap_that_refuses_says_when_room_is_expected_in_all_that_it_says() {
    let desk = Desk::of(r#"{"rate_limit": "1 concurrent"}"#);
    desk.run(4);
    let _running = desk.admit().unwrap();
    let Ok(Admission::Refused(refusal)) = desk.limiter.admit(&Asked::USUAL) else { panic!("one runs") };
    let Report { reset_secs, reset_unix_secs, .. } = refusal.report;
    assert_eq!(
        (refusal.retry_after_secs, reset_secs, reset_unix_secs),
        (4, 4, TEN_O_CLOCK.secs() as u64 + 8)
    );
}

/// A rule that counts refusals has no part in the end of a request, so its headers said what held when it was admitted.
#[test]
fn a_rule_that_counts_refusals_says_where_it_stands_at_the_end() {
    let rule = r#"{"name": "ban", "counts": "refusals", "key": "site", "limits": "6 per hour"}"#;
    let report = Desk::of(&format!(r#"{{"rate_limit_rules": [{rule}]}}"#)).run(3_000);
    assert_eq!((report.reset_secs, report.reset_unix_secs), (600, 1_700_002_800));
}

#[test]
fn to_pause_or_resume_twice_is_to_do_it_once() {
    let desk = Desk::new();
    let mut reservation = desk.admit().unwrap();
    desk.pass(1);
    reservation.pause();
    reservation.pause();
    desk.pass(10);
    reservation.resume();
    reservation.resume();
    desk.pass(1);
    assert_eq!(reservation.settle().map(|report| report.used), Some(2 * SECOND));
    reservation.pause();
    reservation.resume();
    drop(reservation);
    assert_eq!(desk.run(0).remaining, 598 * SECOND - 1);
}
