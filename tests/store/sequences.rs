//! The memory store against the naive one, over random sequences of what can happen.

use proptest::prelude::*;
use timebudget::store::memory::Memory;
use timebudget::store::{Charge, Claim, Counts, Settlement, Standing, Store, Tally, Verdict};
use timebudget::{Micros, Period, Unit};

use crate::desk::Desk;
use crate::naive::Naive;

const TIME: Tally = Tally::Charged(Unit::Time);
const REQUESTS: Tally = Tally::Charged(Unit::Requests);

/// What is counted, in which windows, and how much one grants.
const BOOKS: [(Tally, Option<Period>, u64); 6] = [
    (TIME, Some(Period::MINUTE), 90_000_000),
    (TIME, Some(Period::HOUR), 5_000_000_000),
    (REQUESTS, Some(Period::MINUTE), 5),
    (REQUESTS, Some(Period::DAY), 40),
    (Tally::Running, None, 4),
    (TIME, Some(Period::DAY), 20_000_000_000),
];

const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Action {
    Admit { books: Vec<(usize, usize)>, expected: u64, cost: u64, shadow: usize, all: usize },
    Pause(usize),
    Resume(usize),
    Settle { which: usize, micros: i64, requests: u64, returned: bool },
    Pass(u64),
    SetWall(i64),
    Tidy,
}

fn action() -> impl Strategy<Value = Action> {
    let some_books = prop::collection::btree_map(0..BOOKS.len(), 0..KEYS.len(), 1..4);
    let admit = (some_books, 0..30_000_000u64, 0..3u64, 0..12usize, 0..12usize).prop_map(
        |(books, expected, cost, shadow, all)| Action::Admit {
            books: books.into_iter().collect(),
            expected,
            cost,
            shadow,
            all,
        },
    );
    let micros = prop_oneof![3 => 0..5_000_000i64, 2 => -90_000_000..0i64];
    let settle = (0..8usize, micros, 0..3u64, any::<bool>())
        .prop_map(|(which, micros, requests, returned)| Action::Settle { which, micros, requests, returned });
    prop_oneof![
        6 => admit,
        2 => (0..8usize).prop_map(Action::Pause),
        2 => (0..8usize).prop_map(Action::Resume),
        4 => settle,
        5 => (0..40_000_000u64).prop_map(Action::Pass),
        1 => (0..9_000_000_000u64).prop_map(Action::Pass),
        1 => (-20_000..20_000i64).prop_map(Action::SetWall),
        1 => Just(Action::Tidy),
    ]
}

/// A request that was admitted by both stores.
struct Running {
    claims: Vec<Claim>,
    number: usize,
    paused: bool,
}

struct Pair {
    desk: Desk<Memory>,
    naive: Naive,
    running: Vec<Running>,
}

impl Pair {
    fn new() -> Self {
        let periods = BOOKS.map(|(_, period, _)| period);
        Self { desk: Desk::new(Memory::default()), naive: Naive::new(&periods), running: Vec::new() }
    }

    fn claim(&self, book: usize, key: usize, expected: u64, cost: u64) -> Claim {
        let (tally, period, quota) = BOOKS[book];
        let charge = match tally {
            Tally::Charged(Unit::Time) => Charge::Time { expected: Micros(expected) },
            Tally::Charged(_) => Charge::Requests { cost },
            Tally::Running => Charge::Place,
        };
        let opened = self.desk.book("rule", tally, period);
        let mut claim = Claim::new(opened, self.desk.key(KEYS[key]), quota, charge);
        claim.ask.rule = book as u16;
        claim
    }

    fn act(&mut self, action: &Action) {
        let now = self.desk.now();
        match action {
            Action::Admit { .. } => self.admit(action),
            Action::Pass(micros) => self.desk.pass(*micros),
            Action::SetWall(secs) => self.desk.clock.set_wall_by(*secs),
            Action::Tidy => self.desk.store.tidy(now),
            Action::Pause(which) | Action::Resume(which) | Action::Settle { which, .. } => {
                if *which < self.running.len() {
                    self.act_on(*which, action);
                }
            }
        }
    }

    fn admit(&mut self, action: &Action) {
        let Action::Admit { books, expected, cost, shadow, all } = action else { return };
        let mut claims = Vec::new();
        for &(book, key) in books {
            let mut claim = self.claim(book, key, *expected, *cost);
            claim.ask.counts = if book == *all { Counts::All } else { Counts::Served };
            claim.ask.shadow = book == *shadow;
            claims.push((book, claim));
        }
        let mut real: Vec<_> = claims.iter().map(|(_, claim)| *claim).collect();
        let (verdict, number) = self.naive.admit(&claims, self.desk.now());
        assert_eq!(self.desk.admit(&mut real), verdict);
        if verdict == Verdict::Admitted {
            self.running.push(Running { claims: real, number, paused: false });
        }
    }

    fn act_on(&mut self, which: usize, action: &Action) {
        let now = self.desk.now();
        let Running { claims, number, paused } = &mut self.running[which];
        match *action {
            Action::Pause(_) if !*paused => {
                self.desk.store.pause(claims, Micros(self.naive.cost(*number, now)), now);
                self.naive.pause(*number, now);
                *paused = true;
            }
            Action::Resume(_) if *paused => {
                self.desk.store.resume(claims, Micros(self.naive.cost(*number, now)), now);
                self.naive.resume(*number, now);
                *paused = false;
            }
            Action::Settle { micros, requests, returned, .. } => {
                let settlement = Settlement {
                    cost: Micros(self.naive.cost(*number, now)),
                    paused: *paused,
                    extra_micros: micros,
                    extra_requests: requests,
                    returned,
                };
                self.desk.settle_as(claims, settlement);
                self.naive.settle(*number, (micros, requests), returned, now);
                self.running.swap_remove(which);
            }
            _ => {}
        }
    }

    fn agree(&mut self) {
        let now = self.desk.now();
        self.naive.observe(now);
        for book in 0..BOOKS.len() {
            for key in 0..KEYS.len() {
                let claim = self.claim(book, key, 0, 1);
                let Standing { spent, hold, waiting, admitted, .. } = self.desk.standing(claim);
                let sum = (spent, hold, waiting, admitted);
                assert_eq!(sum, self.naive.sum(book, &claim, now), "book {book}, key {key}, at {now:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_store_agrees_with_one_that_keeps_every_request(actions in prop::collection::vec(action(), 1..80)) {
        let mut pair = Pair::new();
        pair.agree();
        for action in actions {
            pair.act(&action);
            pair.agree();
        }
    }
}
