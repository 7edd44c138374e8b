//! What must hold in every zone of both tz databases.

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use timebudget::{Period, Transition, UnixMicros, Window, Zone, ZoneSource, tzdata};

/// 1970-01-01T00:00:00Z.
const FROM: i64 = 0;

/// 2038-01-01T00:00:00Z.
const UNTIL: i64 = 2_145_916_800;

/// 2000-01-01T00:00:00Z.
const CENTURY: i64 = 946_684_800;

/// The zones of both databases, without those whose clocks agree with another one's until 2038.
pub(crate) static ZONES: LazyLock<Vec<Zone>> = LazyLock::new(|| {
    let names = tzdata::names();
    let machines = names.iter().flat_map(|name| tzdata::zone(name));
    let built_in = names.iter().flat_map(|name| tzdata::zone_built_in(name));
    distinct(machines.chain(built_in), i64::MIN)
});

pub(crate) fn transitions(zone: &Zone, from: i64) -> Vec<Transition> {
    let listed = zone.transitions_after(UnixMicros::from_secs(from));
    listed.take_while(|change| change.at < UNTIL).collect()
}

fn distinct(zones: impl Iterator<Item = Zone>, from: i64) -> Vec<Zone> {
    let mut seen = HashSet::new();
    zones.filter(|zone| seen.insert((zone.offset_at(from), transitions(zone, from)))).collect()
}

/// The zones that differ in the years 1970 to 2037.
fn modern_zones() -> Vec<Zone> {
    distinct(ZONES.iter().cloned(), FROM)
}

fn short_periods() -> impl Iterator<Item = Period> {
    let odd = [900, 1_800, 7_000, 43_200, 90_000].into_iter().filter_map(Period::seconds);
    odd.chain([Period::HOUR, Period::DAY])
}

fn long_periods() -> impl Iterator<Item = Period> {
    let several = [Period::weeks(2), Period::months(3)].into_iter().flatten();
    several.chain([Period::WEEK, Period::MONTH, Period::YEAR])
}

/// Walks the windows from one instant to another: each must be what every probe inside finds, up to the next.
fn assert_tiled(zone: &Zone, period: Period, from: i64, until: i64) {
    let mut window = Window::containing(zone, period, UnixMicros::from_secs(from));
    while window.start < UnixMicros::from_secs(until) {
        assert_found_from_inside(zone, period, window);
        let next = Window::containing(zone, period, window.end);
        assert_eq!(next.start, window.end, "{} {period}: gap or overlap", zone.name());
        window = next;
    }
}

fn assert_found_from_inside(zone: &Zone, period: Period, window: Window) {
    assert!(window.start < window.end, "{} {period}: {window:?} is empty", zone.name());
    let middle = UnixMicros(i64::midpoint(window.start.0, window.end.0));
    for at in [window.start, middle, window.end.plus(-1)] {
        let found = Window::containing(zone, period, at);
        assert_eq!(found, window, "{} {period} at {at:?}", zone.name());
    }
}

/// All transitions of the years 1970 to 2037 are probed; the short windows between them are like any others.
fn assert_tiled_around_transitions(zone: &Zone, period: Period) {
    let about = 2 * period_secs(period);
    for change in transitions(zone, FROM) {
        assert_tiled(zone, period, change.at - about, change.at + about);
        for at in [-1, 0, 1].map(|micros| UnixMicros::from_secs(change.at).plus(micros)) {
            let window = Window::containing(zone, period, at);
            assert!(window.contains(at), "{} {period}: {at:?} in {window:?}", zone.name());
            assert_found_from_inside(zone, period, window);
        }
    }
}

fn period_secs(period: Period) -> i64 {
    match period {
        Period::Seconds(secs) => secs.get().into(),
        _ => unreachable!("only short periods are probed around transitions"),
    }
}

#[test]
fn short_windows_tile_time_around_the_transitions_of_every_zone() {
    let zones = modern_zones();
    assert!(zones.len() > 200, "{} zones", zones.len());
    for zone in &zones {
        short_periods().for_each(|period| assert_tiled_around_transitions(zone, period));
    }
}

#[test]
fn long_windows_tile_time_in_every_zone() {
    for zone in &modern_zones() {
        long_periods().for_each(|period| assert_tiled(zone, period, FROM, UNTIL));
    }
}

/// Before this century they need not agree: some machines' releases keep more of the past than the built-in one.
#[test]
fn both_databases_agree_on_this_century_when_they_are_of_one_release() {
    let version = chrono_tz::IANA_TZDB_VERSION;
    let same = ZoneSource::System { version: Some(version.into()) };
    for name in tzdata::names() {
        let (Ok(machines), Ok(built_in)) = (tzdata::zone(&name), tzdata::zone_built_in(&name)) else {
            continue;
        };
        if *machines.source() == same {
            assert_eq!(transitions(&machines, CENTURY), transitions(&built_in, CENTURY), "{name}");
        }
    }
}

fn any_period() -> impl Strategy<Value = Period> {
    let makers = [Period::seconds, Period::weeks, Period::months, Period::years];
    let count = prop_oneof![1..100u32, 1..200_000u32, 1..=u32::MAX];
    (prop::sample::select(makers.to_vec()), count).prop_filter_map("never empty", |(make, count)| make(count))
}

fn any_instant() -> impl Strategy<Value = UnixMicros> {
    // Years 1900 to 2199, and the years -9999 to 9999.
    prop_oneof![
        -2_208_988_800_000_000..7_258_118_400_000_000i64,
        -377_705_116_800_000_000..253_402_300_799_000_000i64,
    ]
    .prop_map(UnixMicros)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn every_instant_is_inside_the_window_computed_from_it(
        zone in any::<prop::sample::Index>(),
        period in any_period(),
        at in any_instant(),
    ) {
        let zone = zone.get(&ZONES);
        let window = Window::containing(zone, period, at);
        prop_assert!(window.contains(at), "{} {period}: {window:?}", zone.name());
        prop_assert_eq!(Window::containing(zone, period, window.end.plus(-1)), window);
    }

    #[test]
    fn no_instant_at_all_makes_a_window_panic_or_empty(period in any_period(), at in any::<i64>()) {
        for zone in [&ZONES[0], &Zone::utc()] {
            let window = Window::containing(zone, period, UnixMicros(at));
            prop_assert!(window.start < window.end);
        }
    }
}
