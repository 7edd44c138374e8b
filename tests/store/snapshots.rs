//! Snapshots: what a restart keeps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proptest::prelude::*;
use timebudget::store::memory::Memory;
use timebudget::store::{Claim, Relief, Store, Tally, Verdict};
use timebudget::{Clock, ManualClock, Micros, Period, Unit, UnixMicros, Zone, tzdata};

use crate::desk::{Desk, HOUR, START_SECS};

pub(crate) const SECRET: [u8; 16] = *b"sixteen secrets!";
pub(crate) const START: UnixMicros = UnixMicros::from_secs(START_SECS);

/// A directory of a test's own, removed at its end.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("snapshots-{}-{}", process::id(), COUNT.fetch_add(1, Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("accounts")
    }

    pub(crate) fn refused(&self) -> Option<Vec<u8>> {
        fs::read(self.0.join("accounts.refused")).ok()
    }

    /// A process that starts at an instant in a zone, with what the snapshot says.
    fn start_in(&self, zone: Zone, at: UnixMicros) -> Desk<Memory> {
        let desk = Desk::at(at, zone, Memory::default().with_snapshot(self.file()).unwrap());
        desk.store.begin(Box::new(move || ManualClock::at(at).now()));
        desk
    }

    pub(crate) fn start(&self, micros: u64) -> Desk<Memory> {
        self.start_in(Zone::utc(), START.plus(micros as i64))
    }

    /// The snapshot of an account that has spent 300 µs, and of one with two requests.
    pub(crate) fn write(&self) -> Vec<u8> {
        let desk = self.start(0);
        spend(&desk, 300);
        desk.admit(&mut [desk.requests_of(desk.requests("count"), "key", 9, 2)]);
        save(&desk);
        fs::read(self.file()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn save(desk: &Desk<Memory>) {
    desk.store.save(&SECRET, &[], desk.now()).unwrap();
}

pub(crate) fn budget(desk: &Desk<Memory>) -> Claim {
    desk.timed(desk.time("budget"), "key", 1_000, 0)
}

/// Lets a request run for so many microseconds.
fn spend(desk: &Desk<Memory>, micros: u64) {
    let mut claims = [budget(desk)];
    desk.admit(&mut claims);
    desk.pass(micros);
    desk.settle(&mut claims, micros);
}

#[test]
fn a_restart_keeps_what_was_spent_in_the_window() {
    let place = Place::new();
    place.write();
    let desk = place.start(HOUR / 2);
    assert_eq!(desk.spent(budget(&desk)), 300);
    assert_eq!(desk.spent(desk.request(desk.requests("count"), "key", 9)), 2);
    assert_eq!(desk.store.secret(), Some(SECRET));
}

#[test]
fn what_is_spent_after_a_restart_comes_on_top() {
    let place = Place::new();
    place.write();
    let desk = place.start(1_000);
    spend(&desk, 50);
    save(&desk);
    drop(desk);
    let desk = place.start(2_000);
    assert_eq!(desk.spent(budget(&desk)), 350);
}

#[test]
fn a_budget_that_was_spent_refuses_after_the_restart() {
    let place = Place::new();
    let desk = place.start(0);
    spend(&desk, 1_000);
    save(&desk);
    drop(desk);
    let desk = place.start(2_000);
    assert_eq!(desk.admit(&mut [budget(&desk)]), Verdict::Refused);
}

#[test]
fn a_new_quota_meets_the_old_spend() {
    let place = Place::new();
    place.write();
    let desk = place.start(1_000);
    let of = |quota| desk.timed(desk.time("budget"), "key", quota, 0);
    assert_eq!(desk.admit(&mut [of(300)]), Verdict::Refused);
    assert_eq!(desk.admit(&mut [of(301)]), Verdict::Admitted);
}

#[test]
fn a_request_that_runs_is_saved_with_what_it_has_spent_and_ends_with_its_process() {
    let place = Place::new();
    let desk = place.start(0);
    let mut claims = [budget(&desk)];
    desk.admit(&mut claims);
    desk.pass(120);
    save(&desk);
    drop(desk);
    let desk = place.start(5_000);
    assert_eq!(desk.spent(budget(&desk)), 120);
    desk.pass(500);
    assert_eq!((desk.spent(budget(&desk)), desk.standing(budget(&desk)).admitted), (120, 0));
}

#[test]
fn places_of_running_requests_are_not_saved() {
    let place = Place::new();
    let desk = place.start(0);
    desk.admit(&mut [desk.place(desk.places("cap"), "key", 1)]);
    save(&desk);
    drop(desk);
    let desk = place.start(5);
    assert_eq!(desk.admit(&mut [desk.place(desk.places("cap"), "key", 1)]), Verdict::Admitted);
}

#[test]
fn a_window_that_has_ended_is_not_taken_and_one_that_lasts_is() {
    let place = Place::new();
    let daily = |desk: &Desk<Memory>| {
        desk.request(desk.book("daily", Tally::Charged(Unit::Requests), Some(Period::DAY)), "key", 9)
    };
    let desk = place.start(0);
    spend(&desk, 300);
    desk.admit(&mut [daily(&desk)]);
    save(&desk);
    drop(desk);
    let desk = place.start(HOUR);
    assert_eq!((desk.spent(budget(&desk)), desk.spent(daily(&desk))), (0, 1));
    assert_eq!(place.refused(), None);
}

#[test]
fn a_window_that_ends_before_anybody_asks_is_not_taken() {
    let place = Place::new();
    place.write();
    let desk = place.start(HOUR - 1);
    desk.pass(1);
    assert_eq!(desk.spent(budget(&desk)), 0);
}

#[test]
fn a_snapshot_of_windows_that_have_all_ended_is_old() {
    let place = Place::new();
    let old = place.write();
    let desk = place.start(HOUR);
    assert_eq!((desk.store.secret(), place.refused()), (None, Some(old)));
    assert!(!place.file().exists());
}

/// 2025-03-30 in Paris has 23 hours, from 23:00 to 22:00 UTC.
#[test]
fn a_day_that_the_clocks_shorten_is_the_same_day_after_a_restart() {
    let place = Place::new();
    let midnight = UnixMicros::from_secs(1_743_289_200);
    let start = |hours: i64| {
        place.start_in(tzdata::zone("Europe/Paris").unwrap(), midnight.plus(hours * HOUR as i64))
    };
    let daily = |desk: &Desk<Memory>| {
        desk.request(desk.book("daily", Tally::Charged(Unit::Requests), Some(Period::DAY)), "key", 9)
    };
    let desk = start(0);
    desk.admit(&mut [daily(&desk)]);
    save(&desk);
    drop(desk);
    let desk = start(22);
    assert_eq!(desk.spent(daily(&desk)), 1);
    save(&desk);
    drop(desk);
    assert_eq!(start(23).store.secret(), None);
}

/// The hours of Kathmandu begin a quarter later: the same number of seconds, and another window.
#[test]
fn accounts_of_another_zone_are_not_taken() {
    let place = Place::new();
    place.write();
    let desk = place.start_in(tzdata::zone("Asia/Kathmandu").unwrap(), START.plus(HOUR as i64 / 2));
    assert_eq!(desk.spent(budget(&desk)), 0);
}

/// A zone of the same name whose rules were changed by an update: the window has one end in common.
#[test]
fn a_window_is_the_same_only_if_both_its_ends_are() {
    let place = Place::new();
    let utc = Zone::utc();
    let moved = timebudget::Transition { at: START_SECS + 1_800, offset: 1_800 };
    let updated = Zone::new("UTC", utc.source().clone(), 0, [moved]);
    place.write();
    let desk = place.start_in(updated, START.plus(1_000));
    assert_eq!(desk.spent(budget(&desk)), 0);
}

/// A site that was taken out of the configuration and comes back within its window.
#[test]
fn accounts_that_no_rule_asks_for_are_kept_while_their_window_lasts() {
    let place = Place::new();
    place.write();
    for restart in 1..4 {
        let desk = place.start(restart);
        desk.store.tidy(desk.now());
        save(&desk);
    }
    let desk = place.start(10);
    assert_eq!(desk.spent(budget(&desk)), 300);
}

#[test]
fn accounts_are_counted_once_they_are_tidied() {
    let place = Place::new();
    place.write();
    let desk = place.start(0);
    desk.time("budget");
    desk.store.tidy(desk.now());
    assert_eq!(desk.store.census().accounts, 2);
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    assert_eq!(desk.store.census().accounts, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each request runs on some key for some time, beside some that are never settled.
    #[test]
    fn all_accounts_stand_after_a_restart_as_they_stood_before(
        requests in prop::collection::vec((0..40u32, 0..3u8, 0..900u64, any::<bool>()), 0..120),
    ) {
        let place = Place::new();
        let desk = place.start(0);
        for (key, kind, micros, ends) in &requests {
            let mut claims = [claim(&desk, *key, *kind)];
            desk.admit(&mut claims);
            desk.pass(*micros);
            if *ends {
                desk.settle(&mut claims, *micros);
            }
        }
        save(&desk);
        let spent = |desk: &Desk<Memory>| -> Vec<_> {
            requests.iter().map(|(key, kind, ..)| desk.spent(claim(desk, *key, *kind))).collect()
        };
        let (passed, before) = (desk.now().utc.0 - START.0, spent(&desk));
        drop(desk);
        prop_assert_eq!(spent(&place.start(passed as u64)), before);
    }
}

/// A claim on the account of a key in one of three books.
fn claim(desk: &Desk<Memory>, key: u32, kind: u8) -> Claim {
    let key = key.to_string();
    match kind {
        0 => desk.timed(desk.time("hourly"), &key, Micros::MAX_QUOTA.0, 0),
        1 => desk.request(desk.requests("count"), &key, u64::MAX),
        _ => {
            let daily = desk.book("daily", Tally::Charged(Unit::Time), Some(Period::DAY));
            desk.timed(daily, &key, Micros::MAX_QUOTA.0, 0)
        }
    }
}

#[test]
fn a_restart_keeps_what_was_granted_and_whose_accounts_there_are() {
    let place = Place::new();
    let desk = place.start(0);
    let (spent, granted) = (budget(&desk), desk.request(desk.requests("count"), "key", 2));
    spend(&desk, 300);
    desk.relieve(granted, Relief::Grant(7));
    save(&desk);
    drop(desk);
    let next = place.start(300);
    let books = [next.time("budget"), next.requests("count")];
    assert_eq!((next.read(spent).net, next.read(granted).net), (300, -7));
    let nets: Vec<_> = next.list(&books, 9).iter().map(|account| account.net).collect();
    assert_eq!(nets, [300, -7]);
}
