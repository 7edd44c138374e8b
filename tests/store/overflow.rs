//! A memory store without room for more accounts.

use std::fs;

use timebudget::Micros;
use timebudget::store::memory::Memory;
use timebudget::store::{Mode, Settlement, Store, Verdict};

use crate::acceptance::shares::claims;
use crate::desk::{Desk, HOUR};
use crate::journal;
use crate::snapshots::{Place, save};

/// A million addresses that asked once each closed a site to everybody new: all of them shared one account.
#[test]
fn of_20_000_clients_with_one_request_each_on_1_000_places_none_in_a_hundred_is_refused() {
    let desk = Desk::new(Memory::new(1_000));
    let book = desk.requests("crowd");
    let ask = |client: u32| desk.admit(&mut [desk.request(book, &client.to_string(), 100)]);
    let refused = (0..20_000).filter(|client| ask(*client) == Verdict::Refused).count();
    assert!(refused <= 200, "{refused} of 20,000");
    assert_eq!(desk.store.census().accounts, 1_000);
}

#[test]
fn a_newcomer_that_spends_much_is_refused_where_there_is_no_room() {
    let desk = Desk::new(Memory::new(0));
    let book = desk.requests("crowd");
    let ask = |client: &str| desk.admit(&mut [desk.request(book, client, 100)]);
    let admitted = (0..1_000).filter(|_| ask("spender") == Verdict::Admitted).count();
    assert_eq!(admitted, 100);
    let refused = (0..10_000).filter(|client: &u32| ask(&client.to_string()) == Verdict::Refused).count();
    assert!(refused <= 10, "{refused} of 10,000 others draw on the account that it has spent");
}

/// Nobody was told why: a site was closed to everybody new, and its log was empty.
#[test]
fn that_there_is_no_room_is_logged_once_a_window() {
    journal::keep();
    // As many places as no other test has, by which its lines are known.
    let desk = Desk::new(Memory::new(1_117));
    let book = desk.requests("crowd");
    let is_own = |line: &String| line.starts_with("WARN 1117 accounts are held, as many as may be");
    let lines = || journal::lines().into_iter().filter(is_own).count();
    let ask = |clients: u32| {
        for client in 0..clients {
            desk.admit(&mut [desk.request(book, &client.to_string(), 9)]);
        }
    };
    for window in 0..3 {
        ask(1_000);
        assert_eq!(lines(), window, "there is room for these");
        ask(2_000);
        assert_eq!(lines(), window + 1);
        desk.pass(HOUR);
        desk.store.tidy(desk.now());
    }
}

#[test]
fn what_newcomers_share_is_counted_apart_and_gone_with_its_window() {
    let desk = Desk::new(Memory::new(10));
    let book = desk.requests("crowd");
    for client in 0..500 {
        desk.admit(&mut [desk.request(book, &client.to_string(), 100)]);
    }
    let census = desk.store.census();
    assert_eq!((census.accounts, census.overflowed), (10, 490));
    assert!((480..=490).contains(&census.shared), "{census:?}");
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    let census = desk.store.census();
    assert_eq!((census.accounts, census.shared), (0, 0));
}

#[test]
fn the_rest_of_a_decision_is_made_where_there_is_room() {
    let desk = Desk::new(Memory::new(1));
    let (site, crowd) = (desk.requests("site"), desk.requests("crowd"));
    desk.admit(&mut [desk.request(site, "site", 100)]);
    for client in 0..50 {
        let own = desk.request(crowd, &client.to_string(), 1);
        assert_eq!(desk.admit(&mut [desk.request(site, "site", 100), own]), Verdict::Admitted);
        assert_eq!(desk.admit(&mut [desk.request(site, "site", 100), own]), Verdict::Refused);
    }
    assert_eq!(desk.spent(desk.request(site, "site", 100)), 51);
}

#[test]
fn a_request_on_a_shared_account_is_settled_there() {
    let desk = Desk::new(Memory::new(0));
    let mut claims = [desk.timed(desk.time("crowd"), "anybody", 1_000, 50)];
    desk.admit(&mut claims);
    desk.pass(200);
    desk.pause(&mut claims, 200);
    desk.pass(500);
    desk.resume(&mut claims, 200);
    desk.pass(100);
    desk.settle(&mut claims, 300);
    desk.pass(500);
    let mut again = [desk.timed(desk.time("crowd"), "anybody", 1_000, 0)];
    desk.admit(&mut again);
    assert_eq!((again[0].standing.spent, again[0].standing.hold), (300, 0));
}

#[test]
fn a_shared_account_that_runs_over_the_edge_is_carried_over() {
    let desk = Desk::new(Memory::new(0));
    let mut claims = [desk.timed(desk.time("crowd"), "anybody", HOUR, 0)];
    desk.admit(&mut claims);
    desk.pass(HOUR + 70);
    desk.settle(&mut claims, HOUR + 70);
    assert_eq!(claims[0].standing.spent, 70);
    let census = desk.store.census();
    assert_eq!((census.accounts, census.shared), (0, 1), "it still is one that newcomers share");
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    let census = desk.store.census();
    assert_eq!((census.accounts, census.shared), (0, 0));
}

/// Those that newcomers share came back as if each were one client's: they took the room of others.
#[test]
fn after_a_restart_of_a_full_store_what_newcomers_share_is_counted_apart_as_before() {
    let place = Place::new();
    let started = || {
        let desk = Desk::new(Memory::new(10).with_snapshot(place.file()).unwrap());
        let now = desk.now();
        desk.store.begin(Box::new(move || now));
        desk
    };
    let ask = |desk: &Desk<Memory>, clients: std::ops::Range<u32>| {
        let book = desk.requests("crowd");
        clients.for_each(|client| {
            desk.admit(&mut [desk.request(book, &client.to_string(), 9)]);
        });
    };
    let counted = |desk: &Desk<Memory>| (desk.store.census().accounts, desk.store.census().shared);
    let desk = started();
    ask(&desk, 0..100);
    save(&desk);
    let before = counted(&desk);
    assert!(before.0 == 10 && before.1 > 80, "{before:?}");
    drop(desk);
    let desk = started();
    desk.requests("crowd");
    desk.store.tidy(desk.now());
    assert_eq!(counted(&desk), before);
    ask(&desk, 0..100);
    assert_eq!(counted(&desk), before, "all of them are known");
    desk.pass(HOUR);
    desk.store.tidy(desk.now());
    assert_eq!(counted(&desk), (0, 0));
}

#[test]
fn what_newcomers_have_spent_outlives_a_restart() {
    let place = Place::new();
    let full = || Memory::new(0).with_snapshot(place.file()).unwrap();
    let spend = |desk: &Desk<Memory>| desk.admit(&mut [desk.request(desk.requests("crowd"), "anybody", 2)]);
    for verdict in [Verdict::Admitted, Verdict::Admitted, Verdict::Refused] {
        let desk = Desk::new(full());
        let now = desk.now();
        desk.store.begin(Box::new(move || now));
        assert_eq!(spend(&desk), verdict);
        save(&desk);
    }
    assert!(fs::exists(place.file()).unwrap());
}

/// A cap's accounts have no window to end with, so they go with their last request.
#[test]
fn a_cap_makes_room_as_soon_as_its_requests_have_ended() {
    let desk = Desk::new(Memory::new(100));
    let book = desk.places("crowd");
    let mut running: Vec<_> =
        (0..500).map(|client: u32| [desk.place(book, &client.to_string(), 5)]).collect();
    for claims in &mut running {
        assert_eq!(desk.store.admit(claims, Mode::Decide, desk.now()), Ok(Verdict::Admitted));
    }
    assert_eq!(desk.store.census().accounts, 100);
    for claims in &mut running {
        desk.settle_as(claims, Settlement { cost: Micros(1), ..Settlement::default() });
    }
    let census = desk.store.census();
    assert_eq!((census.accounts, census.shared), (0, 0));
    desk.admit(&mut [desk.place(book, "next", 5)]);
    assert_eq!(desk.store.census().accounts, 1);
}

#[test]
fn a_client_for_whom_there_is_no_room_is_refused_once_it_has_spent_its_share() {
    let desk = Desk::new(Memory::new(3));
    assert_eq!(desk.admit(&mut claims(&desk, "a", 10)), Verdict::Admitted);
    for _ in 0..7 {
        assert_eq!(desk.admit(&mut claims(&desk, "b", 10)), Verdict::Admitted);
    }
    assert_eq!(desk.admit(&mut claims(&desk, "b", 10)), Verdict::Refused, "seven of ten, by two");
    assert_eq!(desk.admit(&mut claims(&desk, "a", 10)), Verdict::Admitted);
    assert_eq!(desk.admit(&mut claims(&desk, "c", 10)), Verdict::Admitted);
}
