//! Shares of an account: counted and charged with it, or not at all, also under contention.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use timebudget::store::{Ask, Claim, Counts, Mode, Store, Verdict};

use crate::desk::Desk;

/// A request of a client to a quota that all clients share.
pub(crate) fn claims(desk: &Desk<impl Store>, client: &str, quota: u64) -> [Claim; 1] {
    let mut claim = desk.request(desk.requests("fair"), "all", quota);
    claim.ask.client = Some(desk.key(client));
    [claim]
}

/// What is spent of the whole, how many clients there are, and what this one has spent.
fn spent(desk: &Desk<impl Store>, [claim]: [Claim; 1]) -> [u64; 3] {
    let Ask { book, key, client, quota, charge, .. } = claim.ask;
    let client = client.expect("a fair claim");
    [(book, key), (book.of_clients(), key), (book.of_shares(), client)]
        .map(|(book, key)| desk.spent(Claim::new(book, key, quota, charge)))
}

pub(crate) fn parts_add_up_to_the_whole_and_each_client_is_counted_once_under_contention(
    desk: &Desk<impl Store>,
) {
    const QUOTA: u64 = 200;
    let admitted: Vec<_> = (0..4).map(|_| AtomicU64::new(1)).collect();
    for client in 0..4 {
        assert_eq!(desk.admit(&mut claims(desk, &client.to_string(), QUOTA)), Verdict::Admitted);
    }
    thread::scope(|scope| {
        for thread in 0..8 {
            let admitted = &admitted;
            scope.spawn(move || {
                for _ in 0..100 {
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
        let [whole, clients, own] = spent(desk, claims(desk, &client.to_string(), QUOTA));
        assert_eq!((whole, clients, own), (QUOTA, 4, admitted.load(Ordering::Relaxed)));
        sum += own;
    }
    assert_eq!(sum, QUOTA);
}

pub(crate) fn a_refused_client_is_not_counted_and_owns_nothing(desk: &Desk<impl Store>) {
    assert_eq!(desk.admit(&mut claims(desk, "a", 1)), Verdict::Admitted);
    assert_eq!(desk.admit(&mut claims(desk, "b", 1)), Verdict::Refused);
    assert_eq!(spent(desk, claims(desk, "b", 1)), [1, 1, 0]);
    assert_eq!(desk.store.census().accounts, 3);
}

pub(crate) fn once_four_fifths_are_spent_nobody_spends_more_than_an_equal_share(desk: &Desk<impl Store>) {
    for _ in 0..8 {
        assert_eq!(desk.admit(&mut claims(desk, "a", 10)), Verdict::Admitted);
    }
    assert_eq!(desk.admit(&mut claims(desk, "b", 10)), Verdict::Admitted, "a newcomer");
    let mut refused = claims(desk, "a", 10);
    assert_eq!(desk.admit(&mut refused), Verdict::Refused, "eight times two clients are more than ten");
    assert!(refused.iter().all(|claim| claim.standing.refuses && claim.standing.is_shared_out));
    assert_eq!(desk.admit(&mut claims(desk, "b", 10)), Verdict::Admitted);
    assert_eq!(desk.admit(&mut claims(desk, "c", 10)), Verdict::Refused, "ten of ten");
}

pub(crate) fn a_client_alone_may_spend_everything(desk: &Desk<impl Store>) {
    let verdicts: Vec<_> = (0..6).map(|_| desk.admit(&mut claims(desk, "a", 5))).collect();
    assert_eq!(verdicts[..5], [Verdict::Admitted; 5]);
    assert_eq!(verdicts[5], Verdict::Refused);
}

pub(crate) fn a_client_whose_refused_time_is_not_counted_is_not_counted_either(desk: &Desk<impl Store>) {
    let mut gate = desk.request(desk.requests("gate"), "all", 0);
    let mut fair = desk.timed(desk.time("fair"), "all", 1_000, 0);
    (fair.ask.client, fair.ask.counts, gate.ask.rule) = (Some(desk.key("a")), Counts::All, 1);
    for _ in 0..3 {
        assert_eq!(desk.admit(&mut [fair, gate]), Verdict::Refused);
    }
    assert_eq!(spent(desk, [fair]), [0, 0, 0]);
}
