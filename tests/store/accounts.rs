//! Promises about accounts that are listed, read, granted more and reset.

use timebudget::Micros;
use timebudget::store::KeyHash;
use timebudget::store::{Book, Listed, Relief, Settlement, Store, Verdict};

use super::shares;
use crate::desk::{Desk, HOUR};

/// What of a listing can be compared: whose account, and what it has spent.
fn nets(listed: &[Listed]) -> Vec<(Book, i64)> {
    listed.iter().map(|account| (account.book, account.net)).collect()
}

/// Admits so many requests of a key.
fn ask(desk: &Desk<impl Store>, book: Book, key: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(desk.admit(&mut [desk.request(book, key, 1_000)]), Verdict::Admitted);
    }
}

pub(crate) fn a_grant_lets_a_full_account_spend_so_much_more<S: Store>(desk: &Desk<S>) {
    let book = desk.requests("rule");
    let claim = desk.request(book, "key", 2);
    ask(desk, book, "key", 2);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    let granted = desk.relieve(claim, Relief::Grant(3));
    assert_eq!((granted.net, granted.standing.spent), (-1, 0));
    let verdicts: Vec<_> = (0..4).map(|_| desk.admit(&mut [claim])).collect();
    assert_eq!(verdicts, [Verdict::Admitted, Verdict::Admitted, Verdict::Admitted, Verdict::Refused]);
}

pub(crate) fn a_grant_ends_with_its_window<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("rule"), "key", 1);
    desk.relieve(claim, Relief::Grant(5));
    desk.pass(HOUR);
    assert_eq!(desk.read(claim).net, 0);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
}

pub(crate) fn a_reset_forgets_what_was_spent_and_nothing_else<S: Store>(desk: &Desk<S>) {
    let book = desk.requests("rule");
    let (claim, other) = (desk.request(book, "key", 2), desk.request(book, "other", 2));
    ask(desk, book, "key", 2);
    ask(desk, book, "other", 2);
    assert_eq!(desk.relieve(claim, Relief::Reset).net, 0);
    assert_eq!((desk.spent(claim), desk.spent(other)), (0, 2));
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [other]), Verdict::Refused);
}

pub(crate) fn a_reset_takes_no_grant_away<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("rule"), "key", 2);
    desk.relieve(claim, Relief::Grant(5));
    assert_eq!(desk.relieve(claim, Relief::Reset).net, -5);
}

pub(crate) fn what_runs_goes_on_running_over_a_grant_and_a_reset<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("rule"), "key", HOUR, 0);
    let mut running = [claim];
    desk.admit(&mut running);
    desk.pass(100);
    assert_eq!(desk.relieve(claim, Relief::Grant(30)).net, 70);
    desk.pass(50);
    assert_eq!((desk.spent(claim), desk.standing(claim).admitted), (120, 1));
    assert_eq!(desk.relieve(claim, Relief::Reset).net, 0);
    desk.pass(20);
    desk.settle(&mut running, 170);
    assert_eq!((desk.spent(claim), desk.standing(claim).admitted), (20, 0));
}

pub(crate) fn what_is_returned_takes_nothing_of_a_grant<S: Store>(desk: &Desk<S>) {
    let claims =
        [desk.timed(desk.time("time"), "key", HOUR, 0), desk.request(desk.requests("requests"), "key", 9)];
    for claim in claims {
        desk.relieve(claim, Relief::Grant(1_000));
    }
    let mut waived = claims;
    desk.admit(&mut waived);
    desk.pass(30);
    let settlement =
        Settlement { cost: Micros(30), extra_micros: -30, returned: true, ..Settlement::default() };
    desk.settle_as(&mut waived, settlement);
    assert_eq!(claims.map(|claim| desk.read(claim).net), [-1_000, -1_000]);
}

pub(crate) fn those_that_have_spent_most_are_listed_first<S: Store>(desk: &Desk<S>) {
    let (book, other) = (desk.requests("rule"), desk.requests("other rule"));
    for spent in 1..=9_usize {
        ask(desk, book, &format!("client {spent}"), spent);
    }
    ask(desk, other, "client 9", 3);
    assert_eq!(nets(&desk.list(&[book], 3)), [(book, 9), (book, 8), (book, 7)]);
    assert_eq!(nets(&desk.list(&[other, book], 1)), [(other, 3), (book, 9)]);
    assert_eq!(desk.list(&[book], 100).len(), 9);
    assert!(desk.list(&[desk.requests("nobody's rule")], 100).is_empty());
}

pub(crate) fn an_account_is_listed_as_it_is_read_and_can_be_changed_by_what_is_listed<S: Store>(
    desk: &Desk<S>,
) {
    let (book, day) = (desk.requests("rule"), desk.time("rule"));
    ask(desk, book, "key", 2);
    let mut running = [desk.timed(day, "key", HOUR, 0)];
    desk.admit(&mut running);
    desk.pass(40);
    for claim in [desk.request(book, "key", 9), running[0]] {
        let listed = desk.list(&[claim.ask.book], 9);
        assert_eq!(listed, [desk.read(claim)]);
        let KeyHash([_, name @ ..]) = desk.key("key");
        assert_eq!(listed[0].key.0[1..], name);
        let account = desk.relieve_key(claim.ask.book, listed[0].key, Relief::Reset);
        assert_eq!((account.net, desk.spent(claim)), (0, 0));
    }
    desk.settle(&mut running, 40);
}

pub(crate) fn a_granted_account_is_listed_too<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("rule"), "key", 2);
    desk.relieve(claim, Relief::Grant(5));
    assert_eq!(nets(&desk.list(&[claim.ask.book], 9)), [(claim.ask.book, -5)]);
}

pub(crate) fn of_a_cap_those_are_listed_by_whom_most_requests_run<S: Store>(desk: &Desk<S>) {
    let book = desk.places("rule");
    let mut running: Vec<_> = ["one", "two", "two"].map(|key| [desk.place(book, key, 9)]).into();
    for claims in &mut running {
        assert_eq!(desk.admit(claims), Verdict::Admitted);
    }
    assert_eq!(nets(&desk.list(&[book], 9)), [(book, 2), (book, 1)]);
    let cap = desk.place(book, "two", 9);
    assert_eq!(desk.relieve(cap, Relief::Reset).net, 2);
    assert_eq!(desk.relieve(cap, Relief::Grant(1)).net, 2);
    running.iter_mut().for_each(|claims| desk.settle(claims, 0));
    assert!(desk.list(&[book], 9).is_empty());
}

pub(crate) fn it_is_told_how_a_fair_account_is_shared_out<S: Store>(desk: &Desk<S>) {
    let told = |client| {
        let [claim] = shares::claims(desk, client, 10);
        let out = desk.read_shares(claim);
        (out.clients, out.spent)
    };
    assert_eq!(told("ann"), (0, 0));
    for client in ["ann", "bob", "ann"] {
        assert_eq!(desk.admit(&mut shares::claims(desk, client, 10)), Verdict::Admitted);
    }
    assert_eq!([told("ann"), told("bob"), told("carol")], [(2, 2), (2, 1), (2, 0)]);
    desk.pass(HOUR);
    assert_eq!(told("ann"), (0, 0), "another window");
}

pub(crate) fn what_clients_have_of_a_fair_account_is_not_listed_with_it<S: Store>(desk: &Desk<S>) {
    let mut claims = shares::claims(desk, "client", 10);
    desk.admit(&mut claims);
    let book = claims[0].ask.book;
    assert_eq!(nets(&desk.list(&[book], 9)), [(book, 1)]);
    assert_eq!(nets(&desk.list(&[book.of_shares()], 9)), [(book.of_shares(), 1)]);
}
