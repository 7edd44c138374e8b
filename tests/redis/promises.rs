//! The promises of every store, over one server and over a cluster.
//!
//! The suite moves a clock of its own, and the server's goes on; so the promises about edges and about the machine's
//! wall clock, which the server's clock decides here, are kept by `windows` and `clocks` instead.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use timebudget::store::{Book, BookSpec, Census, Claim, Fault, Mode, Settlement, Store, Verdict, open};
use timebudget::{Micros, Now, Tick, UnixMicros};

use crate::cluster::Cluster;
use crate::desk;
use crate::server::Server;

/// A store that asks at once, with the server that it asks.
struct Asking<S> {
    store: Box<dyn Store>,
    now: Arc<Mutex<Now>>,
    _server: S,
}

impl<S> Asking<S> {
    fn new(uri: &str, server: S) -> Self {
        let store = open(uri).unwrap();
        let start = UnixMicros::from_secs(desk::START_SECS);
        let now = Arc::new(Mutex::new(Now { tick: Tick(0), utc: start, step: 0 }));
        let read = Arc::clone(&now);
        store.begin(Box::new(move || *read.lock().unwrap()));
        Self { store, now, _server: server }
    }

    fn at(&self, now: Now) -> Now {
        *self.now.lock().unwrap() = now;
        now
    }
}

impl<S> Drop for Asking<S> {
    fn drop(&mut self) {
        assert!(thread::panicking() || self.store.census().degraded == 0, "every decision was asked for");
    }
}

impl<S: Send + Sync + 'static> Store for Asking<S> {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.store.open(spec)
    }

    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        match self.store.admit(claims, mode, self.at(now))? {
            Verdict::Open => {
                let (verdict, decided) = wait_for(self.store.ask(claims, mode, now))?;
                claims.copy_from_slice(&decided);
                Ok(verdict)
            }
            decided => Ok(decided),
        }
    }

    fn pause(&self, claims: &[Claim], now: Now) {
        self.store.pause(claims, self.at(now));
    }

    fn resume(&self, claims: &[Claim], now: Now) {
        self.store.resume(claims, self.at(now));
    }

    fn look(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.store.look(claims, cost, self.at(now));
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.store.settle(claims, settlement, self.at(now));
    }

    fn tidy(&self, now: Now) {
        self.store.tidy(self.at(now));
    }

    fn census(&self) -> Census {
        self.store.census()
    }
}

/// Runs a future on this thread, whatever runs on it.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn over_one_server() -> Asking<Server> {
    let server = Server::start();
    Asking::new(&server.uri("deadline=10s"), server)
}

fn over_a_cluster() -> Asking<Cluster> {
    let cluster = Cluster::start(0);
    Asking::new(&cluster.uri("deadline=10s"), cluster)
}

macro_rules! kept_promises {
    ($new_store:expr) => {
        $crate::promises!(
            $new_store,
            decisions {
                all_claims_are_charged_or_none,
                under_contention_too_all_claims_are_charged_or_none,
                a_refusal_leaves_no_trace,
                a_rule_that_counts_all_counts_what_it_would_let_pass,
                a_rule_that_counts_refusals_counts_what_others_refuse,
                a_shadow_rule_counts_and_never_refuses,
                an_exactly_spent_budget_refuses,
                a_quota_of_zero_refuses,
                a_request_that_costs_nothing_is_refused_where_one_would_be,
                a_request_that_costs_two_needs_room_for_two,
                a_forced_request_is_charged_over_its_quota,
                an_account_is_known_by_its_book_and_key_and_not_by_its_quota,
                keys_have_accounts_of_their_own,
                a_cap_admits_as_many_as_run_at_once,
            }
        );
        $crate::promises!(
            $new_store,
            holds {
                running_requests_count_while_they_run,
                the_hold_keeps_a_burst_from_an_almost_spent_budget,
                a_sequential_client_holds_nothing,
                a_request_that_outlasts_its_expectation_holds_what_it_has_run,
                ones_own_hold_is_left_out_of_a_look,
                a_waiting_request_costs_nothing_and_still_holds,
            }
        );
        $crate::promises!(
            $new_store,
            settlements {
                settling_again_does_nothing,
                what_is_on_top_is_charged,
                what_is_returned_was_charged,
                the_standing_after_settlement_has_it_in,
                a_place_is_free_once_it_is_settled,
            }
        );
    };
}

mod one_server {
    use super::over_one_server;
    use crate::{acceptance, desk};
    kept_promises!(over_one_server());
}

mod a_cluster {
    use super::over_a_cluster;
    use crate::{acceptance, desk};
    kept_promises!(over_a_cluster());
}
