//! Promises about decisions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use timebudget::store::{Claim, Counts, Mode, Store, Verdict};

use crate::desk::Desk;

pub(crate) fn all_claims_are_charged_or_none<S: Store>(desk: &Desk<S>) {
    let (wide, narrow) = (desk.requests("wide"), desk.requests("narrow"));
    let pair = || [desk.request(wide, "key", 9), desk.request(narrow, "another key", 1)];
    assert_eq!(desk.admit(&mut pair()), Verdict::Admitted);
    assert_eq!(desk.admit(&mut pair()), Verdict::Refused);
    assert_eq!(pair().map(|claim| desk.spent(claim)), [1, 1]);
}

/// Four threads, each of which takes one of a key of its own and one of a key that all share, in either order.
pub(crate) fn under_contention_too_all_claims_are_charged_or_none<S: Store>(desk: &Desk<S>) {
    let (own, shared) = (desk.requests("own"), desk.requests("shared"));
    let admitted = AtomicU64::new(0);
    let take = |name: &str, turned: bool| {
        let mut claims = [desk.request(own, name, 1_000), desk.request(shared, "all", 500)];
        if turned {
            claims.reverse();
        }
        let verdict = desk.admit(&mut claims);
        admitted.fetch_add(u64::from(verdict == Verdict::Admitted), Relaxed);
    };
    let names = ["a", "b", "c", "d"];
    std::thread::scope(|scope| {
        for name in names {
            scope.spawn(move || (0..400).for_each(|turn| take(name, turn % 2 == 0)));
        }
    });
    let owned: u64 = names.iter().map(|name| desk.spent(desk.request(own, name, 1_000))).sum();
    assert_eq!(admitted.load(Relaxed), 500);
    assert_eq!((owned, desk.spent(desk.request(shared, "all", 500))), (500, 500));
}

pub(crate) fn a_refusal_leaves_no_trace<S: Store>(desk: &Desk<S>) {
    let claims = [
        desk.timed(desk.time("time"), "key", 1_000, 100),
        desk.request(desk.requests("requests"), "key", 10),
        desk.place(desk.places("places"), "key", 10),
        desk.request(desk.requests("closed"), "key", 0),
    ];
    assert_eq!(desk.admit(&mut claims.clone()), Verdict::Refused);
    desk.pass(50);
    for claim in claims {
        let standing = desk.standing(claim);
        assert_eq!((standing.spent, standing.hold, standing.admitted), (0, 0, 0));
    }
}

fn of_rule(rule: u16, counts: Counts, mut claim: Claim) -> Claim {
    (claim.ask.rule, claim.ask.counts) = (rule, counts);
    claim
}

pub(crate) fn a_rule_that_counts_all_counts_what_it_would_let_pass<S: Store>(desk: &Desk<S>) {
    let counted = of_rule(0, Counts::All, desk.request(desk.requests("all"), "key", 2));
    let closed = of_rule(1, Counts::Served, desk.request(desk.requests("closed"), "key", 0));
    for _ in 0..5 {
        assert_eq!(desk.admit(&mut [counted, closed]), Verdict::Refused);
    }
    assert_eq!(desk.spent(counted), 2);
}

pub(crate) fn a_rule_that_counts_refusals_counts_what_others_refuse<S: Store>(desk: &Desk<S>) {
    let ban = of_rule(0, Counts::Refusals, desk.request(desk.requests("ban"), "key", 3));
    let narrow = of_rule(1, Counts::Served, desk.request(desk.requests("narrow"), "key", 2));
    for _ in 0..2 {
        assert_eq!(desk.admit(&mut [ban, narrow]), Verdict::Admitted);
    }
    assert_eq!(desk.spent(ban), 0);
    for _ in 0..3 {
        assert_eq!(desk.admit(&mut [ban, narrow]), Verdict::Refused);
    }
    assert_eq!(desk.spent(ban), 3);
    assert_eq!(desk.admit(&mut [ban]), Verdict::Refused);
    assert_eq!(desk.spent(ban), 3);
}

pub(crate) fn a_shadow_rule_counts_and_never_refuses<S: Store>(desk: &Desk<S>) {
    let mut shadow = desk.request(desk.requests("shadow"), "key", 1);
    shadow.ask.shadow = true;
    let real = of_rule(1, Counts::Served, desk.request(desk.requests("real"), "key", 9));
    for turn in 0..3 {
        let mut claims = [shadow, real];
        assert_eq!(desk.admit(&mut claims), Verdict::Admitted);
        assert_eq!(claims[0].standing.refuses, turn > 0);
    }
    assert_eq!((desk.spent(shadow), desk.spent(real)), (1, 3));
}

pub(crate) fn an_exactly_spent_budget_refuses<S: Store>(desk: &Desk<S>) {
    let claim = desk.timed(desk.time("time"), "key", 100, 0);
    for cost in [99, 1] {
        let mut running = [claim];
        assert_eq!(desk.admit(&mut running), Verdict::Admitted);
        desk.pass(cost);
        desk.settle(&mut running, cost);
    }
    assert_eq!(desk.spent(claim), 100);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
}

pub(crate) fn a_quota_of_zero_refuses<S: Store>(desk: &Desk<S>) {
    let closed = [
        desk.timed(desk.time("time"), "key", 0, 0),
        desk.request(desk.requests("requests"), "key", 0),
        desk.place(desk.places("places"), "key", 0),
    ];
    for claim in closed {
        assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    }
}

pub(crate) fn a_request_that_costs_nothing_is_refused_where_one_would_be<S: Store>(desk: &Desk<S>) {
    let book = desk.requests("requests");
    let free = desk.requests_of(book, "key", 1, 0);
    for _ in 0..3 {
        assert_eq!(desk.admit(&mut [free]), Verdict::Admitted);
    }
    assert_eq!(desk.spent(free), 0);
    assert_eq!(desk.admit(&mut [desk.request(book, "key", 1)]), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [free]), Verdict::Refused);
}

pub(crate) fn a_request_that_costs_two_needs_room_for_two<S: Store>(desk: &Desk<S>) {
    let double = desk.requests_of(desk.requests("requests"), "key", 3, 2);
    assert_eq!(desk.admit(&mut [double]), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [double]), Verdict::Refused);
    assert_eq!(desk.spent(double), 2);
}

pub(crate) fn a_forced_request_is_charged_over_its_quota<S: Store>(desk: &Desk<S>) {
    let claim = desk.request(desk.requests("requests"), "key", 0);
    let verdict = desk.store.admit(&mut [claim], Mode::Force, desk.now());
    assert_eq!((verdict, desk.spent(claim)), (Ok(Verdict::Admitted), 1));
}

pub(crate) fn an_account_is_known_by_its_book_and_key_and_not_by_its_quota<S: Store>(desk: &Desk<S>) {
    let book = desk.requests("requests");
    for _ in 0..4 {
        desk.admit(&mut [desk.request(book, "key", 10)]);
    }
    assert_eq!(desk.admit(&mut [desk.request(book, "key", 4)]), Verdict::Refused);
    assert_eq!(desk.admit(&mut [desk.request(book, "key", 5)]), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [desk.request(desk.requests("other"), "key", 1)]), Verdict::Admitted);
}

pub(crate) fn keys_have_accounts_of_their_own<S: Store>(desk: &Desk<S>) {
    let book = desk.requests("requests");
    for key in 0..1_000 {
        assert_eq!(desk.admit(&mut [desk.request(book, &key.to_string(), 1)]), Verdict::Admitted);
    }
    for key in 0..1_000 {
        assert_eq!(desk.admit(&mut [desk.request(book, &key.to_string(), 1)]), Verdict::Refused);
    }
}

pub(crate) fn a_cap_admits_as_many_as_run_at_once<S: Store>(desk: &Desk<S>) {
    let claim = desk.place(desk.places("places"), "key", 2);
    let mut running = [claim];
    assert_eq!(desk.admit(&mut running), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Admitted);
    assert_eq!(desk.admit(&mut [claim]), Verdict::Refused);
    assert_eq!(desk.spent(claim), 2);
}
