//! The memory store: the promises of every store, and its own about room and memory.

use timebudget::store::memory::Memory;
use timebudget::store::{Charge, Claim, Mode, Store, Tally, Verdict};
use timebudget::{Micros, Period, Unit};

#[path = "store/acceptance.rs"]
mod acceptance;
#[path = "store/desk.rs"]
mod desk;
#[path = "kit/journal.rs"]
mod journal;
#[path = "store/laws.rs"]
mod laws;
#[path = "store/mistrust.rs"]
mod mistrust;
#[path = "store/naive.rs"]
mod naive;
#[path = "store/overflow.rs"]
mod overflow;
#[path = "store/sequences.rs"]
mod sequences;
#[path = "store/snapshots.rs"]
mod snapshots;

use desk::{Desk, HOUR};

acceptance!(Memory::default());
acceptance_of_accounts!(Memory::default());

#[test]
fn accounts_that_exist_are_kept_while_their_window_lasts_also_in_a_full_store() {
    let desk = Desk::new(Memory::new(1));
    let book = desk.requests("crowd");
    desk.admit(&mut [desk.request(book, "old", 2)]);
    for stranger in 0..1_000 {
        desk.admit(&mut [desk.request(book, &stranger.to_string(), 10)]);
    }
    assert_eq!(desk.spent(desk.request(book, "old", 2)), 1);
    assert_eq!(desk.admit(&mut [desk.request(book, "old", 2)]), Verdict::Admitted);
}

#[test]
fn room_is_made_by_the_end_of_the_window() {
    let desk = Desk::new(Memory::new(1));
    let book = desk.requests("crowd");
    desk.admit(&mut [desk.request(book, "first", 1)]);
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    desk.admit(&mut [desk.request(book, "second", 1)]);
    assert_eq!((desk.store.census().accounts, desk.store.census().overflowed), (1, 0));
}

#[test]
fn tidying_drops_the_accounts_of_shards_that_nobody_asks_for() {
    let desk = Desk::new(Memory::default());
    let book = desk.requests("crowd");
    for name in 0..5_000 {
        desk.admit(&mut [desk.request(book, &name.to_string(), 1)]);
    }
    assert_eq!(desk.store.census().accounts, 5_000);
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    assert_eq!(desk.store.census().accounts, 0);
}

#[test]
fn only_accounts_with_running_requests_are_carried_over() {
    let desk = Desk::new(Memory::default());
    let book = desk.time("crowd");
    let mut running = [desk.timed(book, "running", 1_000, 0)];
    desk.admit(&mut running);
    for name in 0..100 {
        let mut claims = [desk.timed(book, &name.to_string(), 1_000, 0)];
        desk.admit(&mut claims);
        desk.settle(&mut claims, 0);
    }
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    assert_eq!(desk.store.census().accounts, 1);
    desk.settle(&mut running, HOUR);
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    assert_eq!(desk.store.census().accounts, 0);
}

#[test]
fn an_account_of_running_requests_is_gone_once_none_runs() {
    let desk = Desk::new(Memory::default());
    let book = desk.places("crowd");
    let mut claims: Vec<_> = (0..2_000).map(|name: u32| [desk.place(book, &name.to_string(), 1)]).collect();
    for claim in &mut claims {
        desk.admit(claim);
    }
    assert_eq!(desk.store.census().accounts, 2_000);
    for claim in &mut claims {
        desk.settle(claim, 0);
    }
    assert_eq!(desk.store.census().accounts, 0);
}

#[test]
fn a_refused_newcomer_takes_no_room() {
    let desk = Desk::new(Memory::default());
    desk.admit(&mut [desk.request(desk.requests("closed"), "anybody", 0)]);
    assert_eq!(desk.store.census().accounts, 0);
}

#[test]
fn books_of_the_same_name_in_other_periods_do_not_share_accounts() {
    let desk = Desk::new(Memory::default());
    let hourly = desk.book("rule", Tally::Charged(Unit::Requests), Some(Period::HOUR));
    let daily = desk.book("rule", Tally::Charged(Unit::Requests), Some(Period::DAY));
    desk.admit(&mut [desk.request(hourly, "key", 5)]);
    assert_eq!(desk.spent(desk.request(daily, "key", 5)), 0);
    assert_eq!(hourly, desk.book("rule", Tally::Charged(Unit::Requests), Some(Period::HOUR)));
}

#[test]
fn a_claim_on_an_account_that_grew_meanwhile_is_settled_on_it() {
    let desk = Desk::new(Memory::default());
    let book = desk.time("crowd");
    let mut early = [desk.timed(book, "early", 1_000, 0)];
    desk.admit(&mut early);
    for name in 0..50_000 {
        let claim = Claim::new(book, desk.key(&name.to_string()), 1, Charge::Time { expected: Micros(0) });
        desk.store.admit(&mut [claim], Mode::Decide, desk.now()).unwrap();
    }
    desk.pass(70);
    desk.settle(&mut early, 70);
    assert_eq!(early[0].standing.spent, 70);
}
