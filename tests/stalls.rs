//! Clients that stall: whatever they do, a budget that is hardly spent is there for the others.

#[path = "kit/asked.rs"]
mod asked;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Component, Engine, Limiter, ManualClock, Reservation, Rule, Site, UnixMicros, parse_rates,
};

use crate::asked::Asked;

const SECOND: u64 = 1_000_000;
const QUOTA: u64 = 60 * SECOND;

#[derive(Clone, Copy, Debug)]
enum Action {
    Start,
    /// So many start, and stall at once.
    Crowd(usize),
    Stall(usize),
    Resume(usize),
    Leave(usize),
    Pass(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Start),
        2 => (1..30usize).prop_map(Action::Crowd),
        6 => (0..40usize).prop_map(Action::Stall),
        1 => (0..40usize).prop_map(Action::Resume),
        1 => (0..40usize).prop_map(Action::Leave),
        3 => (0..3 * SECOND).prop_map(Action::Pass),
    ]
}

/// A request that was admitted, and for how long it has run.
struct Client {
    reservation: Reservation,
    runs: bool,
    ran: u64,
}

/// A site with a budget of a minute per hour, and what is known of its requests.
struct Street {
    clock: Arc<ManualClock>,
    limiter: Arc<Limiter>,
    clients: Vec<Client>,
    settled: u64,
}

impl Street {
    /// A site of which so many requests have been seen, each of so many microseconds.
    fn new(seen: u64, micros: u64) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_699_999_200)));
        let engine = Engine::new(Memory::default(), Arc::clone(&clock));
        let rule = Rule::new("budget", Component::Site, parse_rates("60s per hour").unwrap());
        let limiter = Limiter::new(Site { rules: vec![rule], ..Site::unlimited("street") }, &engine);
        let mut street = Self { clock, limiter: Arc::new(limiter), clients: Vec::new(), settled: 0 };
        for _ in 0..seen {
            street.act(Action::Start);
            street.act(Action::Pass(micros));
            street.act(Action::Leave(0));
        }
        street
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::Crowd(count) => {
                for _ in 0..count {
                    let standing = self.clients.len();
                    self.act(Action::Start);
                    self.act(Action::Stall(standing));
                }
            }
            Action::Pass(micros) => {
                self.clock.advance(Duration::from_micros(micros));
                self.clients.iter_mut().filter(|client| client.runs).for_each(|client| client.ran += micros);
            }
            Action::Leave(which) if which < self.clients.len() => {
                let left = self.clients.swap_remove(which);
                self.settled += left.ran.max(1);
            }
            Action::Stall(which) => self.of(which, false, Reservation::pause),
            Action::Resume(which) => self.of(which, true, Reservation::resume),
            Action::Leave(_) => {}
        }
    }

    fn of(&mut self, which: usize, runs: bool, act: impl Fn(&mut Reservation)) {
        if let Some(client) = self.clients.get_mut(which) {
            act(&mut client.reservation);
            client.runs = runs;
        }
    }

    fn start(&mut self) {
        let nothing_runs = !self.clients.iter().any(|client| client.runs);
        match self.limiter.admit(&Asked::USUAL).unwrap() {
            Admission::Admitted(reservation) => {
                self.clients.push(Client { reservation, runs: true, ran: 0 });
            }
            _ => assert!(
                !nothing_runs || self.spent() >= QUOTA,
                "refused with {} spent, {} stalled and nothing running",
                self.spent(),
                self.clients.len()
            ),
        }
    }

    fn spent(&self) -> u64 {
        self.settled + self.clients.iter().map(|client| client.ran).sum::<u64>()
    }
}

proptest! {
    #[test]
    fn whenever_nothing_runs_and_anything_is_left_the_next_request_is_admitted(
        seen in 0..4u64,
        micros in 1..5 * SECOND,
        actions in prop::collection::vec(action(), 1..200),
    ) {
        let mut street = Street::new(seen, micros);
        for action in actions {
            street.act(action);
            let standing = street.clients.len();
            street.act(Action::Start);
            street.act(Action::Leave(standing));
        }
    }
}

/// 80 clients that stalled once locked all others out of a budget of which a fifteenth was spent.
#[test]
fn a_crowd_that_stalls_leaves_the_budget_to_the_others() {
    let mut street = Street::new(4, SECOND);
    for client in 0..5_000 {
        street.act(Action::Start);
        street.act(Action::Stall(client));
    }
    assert_eq!(street.clients.len(), 5_000);
    street.act(Action::Pass(600 * SECOND));
    for _ in 0..1_000 {
        street.act(Action::Start);
        assert_eq!(street.clients.len(), 5_001);
        street.act(Action::Leave(5_000));
    }
}

/// What waits is held, so that it does not come on top of a budget that is spent; but a crowd takes no more than half.
#[test]
fn beside_a_crowd_that_stalls_half_as_many_run_side_by_side() {
    let side_by_side = |stalled| {
        let mut street = Street::new(4, SECOND);
        street.act(Action::Crowd(stalled));
        for _ in 0..100 {
            street.act(Action::Start);
        }
        street.clients.len() - stalled
    };
    // Of 56 s that are left, a tenth of the budget is held and as much again as what runs.
    assert_eq!([0, 20, 5_000].map(side_by_side), [56, 36, 25]);
}
