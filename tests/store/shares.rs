//! Shares of an account: counted and charged with it, or not at all, also under contention.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use timebudget::Period;
use timebudget::model::units::Unit;
use timebudget::store::memory::Memory;
use timebudget::store::{Claim, Counts, Mode, Part, Store, Tally, Verdict};

use super::desk::Desk;

/// A request of a client to a quota that all clients share.
fn claims(desk: &Desk<Memory>, client: &str, quota: u64) -> [Claim; 3] {
    let book = |tally| desk.book("fair", tally, Some(Period::HOUR));
    let whole = desk.request(desk.requests("fair"), "all", quota);
    let mut clients = desk.request(book(Tally::Clients(Unit::Requests)), "all", u64::MAX);
    let mut own = desk.request(book(Tally::Share(Unit::Requests)), client, quota);
    (clients.part, own.part) = (Part::Clients, Part::Share);
    [whole, clients, own]
}

#[test]
fn parts_add_up_to_the_whole_and_each_client_is_counted_once_under_contention() {
    const QUOTA: u64 = 1_000;
    let desk = Desk::new(Memory::default());
    let admitted: Vec<_> = (0..4).map(|_| AtomicU64::new(1)).collect();
    for client in 0..4 {
        assert_eq!(desk.admit(&mut claims(&desk, &client.to_string(), QUOTA)), Verdict::Admitted);
    }
    thread::scope(|scope| {
        for thread in 0..8 {
            let (desk, admitted) = (&desk, &admitted);
            scope.spawn(move || {
                for _ in 0..500 {
                    let client = thread % 4;
                    let mut claims = claims(desk, &client.to_string(), QUOTA);
                    let verdict = desk.store.admit(&mut claims, Mode::Decide, desk.now()).unwrap();
                    let is_admitted = verdict == Verdict::Admitted;
                    admitted[client].fetch_add(u64::from(is_admitted), Ordering::Relaxed);
                    desk.settle(&mut claims, 1);
                }
            });
        }
    });
    let mut sum = 0;
    for (client, admitted) in admitted.iter().enumerate() {
        let [whole, clients, own] = claims(&desk, &client.to_string(), QUOTA).map(|claim| desk.spent(claim));
        assert_eq!((whole, clients, own), (QUOTA, 4, admitted.load(Ordering::Relaxed)));
        sum += own;
    }
    assert_eq!(sum, QUOTA);
}

#[test]
fn a_refused_client_is_not_counted_and_owns_nothing() {
    let desk = Desk::new(Memory::default());
    assert_eq!(desk.admit(&mut claims(&desk, "a", 1)), Verdict::Admitted);
    assert_eq!(desk.admit(&mut claims(&desk, "b", 1)), Verdict::Refused);
    assert_eq!(claims(&desk, "b", 1).map(|claim| desk.spent(claim)), [1, 1, 0]);
    assert_eq!(desk.store.census().accounts, 3);
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

#[test]
fn a_client_whose_refused_time_is_not_counted_is_not_counted_either() {
    let desk = Desk::new(Memory::default());
    let book = |tally| desk.book("fair", tally, Some(Period::HOUR));
    let mut gate = desk.request(desk.requests("gate"), "all", 0);
    let mut whole = desk.timed(desk.time("fair"), "all", 1_000, 0);
    let mut clients = desk.request(book(Tally::Clients(Unit::Time)), "all", u64::MAX);
    let mut own = desk.timed(book(Tally::Share(Unit::Time)), "a", 1_000, 0);
    (clients.part, own.part, gate.rule) = (Part::Clients, Part::Share, 1);
    for claim in [&mut whole, &mut clients, &mut own] {
        claim.counts = Counts::All;
    }
    for _ in 0..3 {
        assert_eq!(desk.admit(&mut [whole, clients, own, gate]), Verdict::Refused);
    }
    assert_eq!(desk.spent(clients), 0);
}
