//! What becomes of newcomers when there is no room for them.

use std::sync::Arc;

use crate::model::{KeyHash, Period, Unit, Zone};
use crate::store::memory::Memory;
use crate::store::redis::ledger::{Due, Ledgers};
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Outcome;
use crate::store::redis::settings::Settings;
use crate::store::{
    Ask, Book, BookSpec, Charge, Claim, Mode, Part, Progress, Settlement, Store as _, Tally, Verdict,
};

const CHARGED: Outcome = Outcome { is_charged: true, refuses: false, is_new: false };

/// Ledgers with room for so many accounts, and a book of requests.
fn ledgers_with_room_for(accounts: usize) -> (Ledgers, Book) {
    let mut ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    ledgers.memory = Memory::new(accounts);
    ledgers.heal(ledgers.now());
    let (tally, period) = (Tally::Charged(Unit::Requests), Some(Period::DAY));
    let zone = Arc::new(Zone::utc());
    let book = ledgers.memory.open(&BookSpec { site: "site", rule: "rule", tally, period, zone: &zone });
    (ledgers, book)
}

fn claim(book: Book, n: u32) -> [Claim; 1] {
    [Claim::new(book, KeyHash([n, n, n, n]), 10, Charge::Requests { cost: 1 })]
}

/// Asked about under its own key and charged to the shared account, a newcomer would never be refused.
#[test]
fn a_newcomer_without_room_is_asked_about_under_the_key_that_it_is_charged_to() {
    let (ledgers, book) = ledgers_with_room_for(1);
    let (mut first, mut second) = (claim(book, 1), claim(book, 2));
    assert_eq!(ledgers.admit(&mut first, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    ledgers.conclude(&mut first, &[0], Verdict::Admitted, &[CHARGED], ledgers.now());
    assert_eq!(ledgers.admit(&mut second, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    assert_eq!(Account::of(&first[0], Part::Whole).key, KeyHash([1, 1, 1, 1]));
    assert_eq!(
        Account::of(&second[0], Part::Whole).key,
        KeyHash([2, 0, 2, 0]),
        "one that others share with it"
    );
    ledgers.conclude(&mut second, &[0], Verdict::Admitted, &[CHARGED], ledgers.now());
    ledgers.look(&mut second, Progress::default(), ledgers.now());
    assert_eq!(second[0].standing.spent, 1);
}

/// Charged as a copy, it was settled in a slot of another shard: somebody else's request was ended.
#[test]
fn a_request_that_has_lost_its_room_while_it_asked_ends_where_it_was_charged() {
    let (ledgers, _) = ledgers_with_room_for(2);
    let zone = Arc::new(Zone::utc());
    let spec = BookSpec { site: "site", rule: "cap", tally: Tally::Running, period: None, zone: &zone };
    let book = ledgers.memory.open(&spec);
    let place = |n: u32| [Claim::new(book, KeyHash([n, n, n, n]), 10, Charge::Place)];
    let mut all: Vec<_> = (1..6).map(place).collect();
    for claims in &mut all {
        assert_eq!(ledgers.admit(claims, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    }
    for claims in &mut all {
        ledgers.conclude(claims, &[0], Verdict::Admitted, &[CHARGED], ledgers.now());
    }
    assert_eq!((ledgers.memory.census().accounts, ledgers.memory.census().shared), (2, 3));
    for claims in all.iter_mut().rev() {
        ledgers.settle(claims, &Settlement::default(), ledgers.now());
    }
    assert_eq!((ledgers.memory.census().accounts, ledgers.memory.census().shared), (0, 0));
}

/// A client's part lies where the account does that the clients share: once that had moved, the server was told nothing of
/// the part that it had charged.
#[test]
fn a_fair_limit_that_has_lost_its_room_while_it_asked_corrects_all_that_the_server_charged() {
    let (ledgers, book) = ledgers_with_room_for(3);
    let fair = |n: u32| {
        let [claim] = claim(book, n);
        [Claim::of(Ask { client: Some(KeyHash([n + 1; 4])), ..claim.ask })]
    };
    let (mut first, mut second) = (fair(10), fair(20));
    for claims in [&mut first, &mut second] {
        assert_eq!(ledgers.admit(claims, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    }
    let asked_about: Vec<_> = Account::all(&second).collect();
    for claims in [&mut first, &mut second] {
        ledgers.conclude(claims, &[0], Verdict::Admitted, &[CHARGED; 3], ledgers.now());
    }
    for account in asked_about {
        assert_ne!(ledgers.due(account, ledgers.now()), Due::Never, "{account:?}");
    }
}
