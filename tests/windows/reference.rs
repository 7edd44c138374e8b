//! The rules of windows, applied second by second without any search, against the windows found by search.

use std::collections::HashSet;

use chrono::{DateTime, Datelike};
use timebudget::{Period, Transition, UnixMicros, Window, Zone};

use crate::everywhere::{ZONES, transitions};

const DAY: i64 = 86_400;
const MINUTE: i64 = 60;

/// Which period of its length a civil second lies in.
type Index = fn(i64) -> i64;

fn civil(zone: &Zone, secs: i64) -> i64 {
    secs + i64::from(zone.offset_at(secs))
}

/// One transition of each kind that any zone has: from which offset to which, and at what time of day.
fn kinds_of_transition() -> Vec<(&'static Zone, Transition)> {
    let mut seen = HashSet::new();
    let all = ZONES.iter().flat_map(|zone| transitions(zone, i64::MIN).into_iter().map(move |at| (zone, at)));
    let is_new = |(zone, change): &(&Zone, Transition)| {
        let before = zone.offset_at(change.at - 1);
        seen.insert((before, change.offset, change.at.rem_euclid(DAY)))
    };
    all.filter(is_new).collect()
}

fn starts_found(zone: &Zone, period: Period, from: i64, until: i64) -> Vec<i64> {
    let mut starts = Vec::new();
    let mut window = Window::containing(zone, period, UnixMicros::from_secs(from));
    while window.start.secs() < until {
        starts.push(window.start.secs());
        window = Window::containing(zone, period, window.end);
    }
    starts.retain(|start| *start > from);
    starts
}

/// Under a day: where the multiple rises, or falls, or the clock goes back to the very start of one.
fn clock_starts(zone: &Zone, length: i64, from: i64, until: i64) -> Vec<i64> {
    let mut starts = Vec::new();
    let mut before = civil(zone, from);
    for secs in from + 1..until {
        let now = civil(zone, secs);
        let is_set_back = now <= before;
        let has_moved = now.div_euclid(length) != before.div_euclid(length);
        if has_moved || (is_set_back && now.rem_euclid(length) == 0) {
            starts.push(secs);
        }
        before = now;
    }
    starts
}

/// A day or longer: where the latest civil second so far comes into a later period, minute by minute.
fn dated_starts(zone: &Zone, index: Index, from: i64, until: i64) -> Vec<i64> {
    let month = (from - 30 * DAY..from).step_by(900);
    let mut latest = month.map(|secs| civil(zone, secs)).max().unwrap_or(i64::MIN);
    latest = latest.max(civil(zone, from));
    let mut starts = Vec::new();
    for secs in (from + MINUTE..until).step_by(60) {
        let before = index(latest);
        latest = latest.max(civil(zone, secs));
        if index(latest) > before {
            starts.push(secs);
        }
    }
    starts
}

fn month_of(civil: i64) -> i64 {
    let date = DateTime::from_timestamp(civil, 0).expect("a year that chrono knows");
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

fn monday_of(civil: i64) -> i64 {
    let date = DateTime::from_timestamp(civil, 0).expect("a year that chrono knows").date_naive();
    i64::from(date.num_days_from_ce()) - i64::from(date.weekday().num_days_from_monday())
}

#[test]
fn windows_under_a_day_are_those_of_the_rule_at_every_kind_of_transition() {
    for (zone, change) in kinds_of_transition() {
        for length in [900, 1_800, 3_600, 7_000] {
            let (from, until) = (change.at - 8_000, change.at + 8_000);
            let period = Period::seconds(length).expect("not empty");
            let found = starts_found(zone, period, from, until);
            let expected = clock_starts(zone, length.into(), from, until);
            assert_eq!(found, expected, "{} {period} around {}", zone.name(), change.at);
        }
    }
}

#[test]
fn windows_of_a_day_or_longer_are_those_of_the_rule_at_every_kind_of_transition() {
    let odd = Period::seconds(90_000).expect("not empty");
    let rules: [(Period, Index); 4] = [
        (Period::DAY, |civil| civil.div_euclid(DAY)),
        (odd, |civil| civil.div_euclid(90_000)),
        (Period::WEEK, monday_of),
        (Period::MONTH, month_of),
    ];
    for (zone, change) in kinds_of_transition().into_iter().filter(is_to_the_minute) {
        for (period, index) in rules {
            let (from, until) = (change.at - 2 * DAY, change.at + 2 * DAY);
            let found = starts_found(zone, period, from, until);
            let expected = dated_starts(zone, index, from, until);
            assert_eq!(found, expected, "{} {period} around {}", zone.name(), change.at);
        }
    }
}

/// Whether a walk by minutes meets every boundary near the transition.
fn is_to_the_minute((zone, change): &(&Zone, Transition)) -> bool {
    let nearby =
        transitions(zone, i64::MIN).into_iter().filter(|other| (other.at - change.at).abs() < 9 * DAY);
    let offsets = nearby.flat_map(|other| [zone.offset_at(other.at - 1), other.offset]);
    change.at % MINUTE == 0 && offsets.into_iter().all(|offset| offset % 60 == 0)
}
