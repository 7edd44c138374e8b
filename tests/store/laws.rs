//! A zone whose law was changed by a new release of the tz database, and a reload after it.

use std::sync::Arc;

use timebudget::store::memory::Memory;
use timebudget::store::{BookSpec, Claim, Store, Tally, Verdict};
use timebudget::{Clock, ManualClock, Period, Transition, Unit, UnixMicros, Zone, ZoneSource};

use crate::desk::{Desk, HOUR, START_SECS};
use crate::snapshots::{Place, save};

/// A zone of this name that will be an hour ahead of UTC from an instant on, by a release.
fn zone(ahead_from: i64, release: &str) -> Zone {
    let source = ZoneSource::System { version: Some(release.to_owned()) };
    Zone::new("Test/Law", source, 0, [Transition { at: ahead_from, offset: 3_600 }])
}

/// A claim on a daily account by a law.
fn daily(desk: &Desk<Memory>, zone: &Zone, site: &str) -> Claim {
    let (tally, zone) = (Tally::Charged(Unit::Requests), Arc::new(zone.clone()));
    let spec = BookSpec { site, rule: "rule", tally, period: Some(Period::DAY), zone: &zone };
    desk.request(desk.store.open(&spec), "key", 2)
}

/// When the clocks go forward: tomorrow, and by the new law yesterday.
const OLD: i64 = START_SECS + 86_400;
const NEW: i64 = START_SECS - 86_400;

/// Windows kept the old law for as long as the process ran, while `explain` showed the new one.
#[test]
fn windows_follow_a_new_law_at_once_and_nothing_is_refunded() {
    let desk = Desk::new(Memory::default());
    let (old, new) = (zone(OLD, "2026a"), zone(NEW, "2026b"));
    let by_old = daily(&desk, &old, "site");
    assert_eq!(desk.admit(&mut [by_old]), Verdict::Admitted);
    let by_new = daily(&desk, &new, "site");
    let mut claims = [by_new];
    assert_eq!(desk.admit(&mut claims), Verdict::Admitted);
    let (window, before) = (claims[0].standing.window, desk.standing(by_old).window);
    assert_eq!(window.end, before.end.plus(-(HOUR as i64)), "midnight is an hour earlier");
    assert_eq!(desk.admit(&mut [by_new]), Verdict::Refused, "one was spent by the old law, one by the new");
    desk.pass(HOUR);
    assert_eq!(desk.admit(&mut [by_new]), Verdict::Admitted, "the next day");
}

#[test]
fn a_new_release_that_leaves_a_law_as_it_is_changes_nothing() {
    let desk = Desk::new(Memory::default());
    let of = |release| daily(&desk, &zone(OLD, release), "site");
    desk.admit(&mut [of("2026a")]);
    assert_eq!(desk.spent(of("2026b")), 1);
    assert_eq!((of("2026a").ask.book, desk.store.census().accounts), (of("2026b").ask.book, 1));
}

/// A site that was not loaded again keeps its law, beside one that was.
#[test]
fn two_laws_of_one_name_have_windows_of_their_own() {
    let desk = Desk::new(Memory::default());
    let (old, new) = (zone(OLD, "2026a"), zone(NEW, "2026b"));
    for _ in 0..3 {
        let (one, other) = (daily(&desk, &old, "one"), daily(&desk, &new, "other"));
        let (one, other) = (desk.standing(one).window, desk.standing(other).window);
        assert_eq!(other.end, one.end.plus(-(HOUR as i64)));
    }
}

#[test]
fn what_two_laws_have_seen_is_not_counted_twice_after_a_restart() {
    let (place, far) = (Place::new(), zone(OLD + 100 * 86_400, "2026a"));
    let start = |at: i64| {
        let desk = Desk::new(Memory::default().with_snapshot(place.file()).unwrap());
        desk.pass(at as u64);
        let now = ManualClock::at(UnixMicros::from_secs(START_SECS).plus(at)).now();
        desk.store.begin(Box::new(move || now));
        desk
    };
    let desk = start(0);
    desk.admit(&mut [daily(&desk, &far, "site")]);
    // Windows are the same by both, today.
    let farther = zone(OLD + 200 * 86_400, "2026b");
    assert_eq!(desk.spent(daily(&desk, &farther, "site")), 1);
    save(&desk);
    drop(desk);
    let desk = start(1_000);
    assert_eq!(desk.spent(daily(&desk, &farther, "site")), 1);
}
