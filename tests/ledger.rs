//! The ledger against a naive model that keeps a list of intervals.

use proptest::prelude::*;
use timebudget::store::Ledger;
use timebudget::{Micros, Tick};

#[derive(Clone, Copy, Debug)]
enum Action {
    Start { expected: u64 },
    Pause(usize),
    Resume(usize),
    Finish(usize),
    Add(u64),
    Edge,
    Pass(i64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..1_000_000u64).prop_map(|expected| Action::Start { expected }),
        2 => (0..6usize).prop_map(Action::Pause),
        2 => (0..6usize).prop_map(Action::Resume),
        3 => (0..6usize).prop_map(Action::Finish),
        1 => (0..5_000u64).prop_map(Action::Add),
        1 => Just(Action::Edge),
        6 => (0..2_000_000i64).prop_map(Action::Pass),
    ]
}

/// A request as the model knows it: the intervals in which it ran, the last of which may be open.
#[derive(Debug)]
struct Request {
    expected: u64,
    intervals: Vec<(i64, Option<i64>)>,
}

impl Request {
    fn runs(&self) -> bool {
        matches!(self.intervals.last(), Some((_, None)))
    }

    fn stop(&mut self, at: i64) {
        if let Some((_, end @ None)) = self.intervals.last_mut() {
            *end = Some(at);
        }
    }

    /// What it is still expected to cost.
    fn part(&self, at: i64) -> u64 {
        self.expected + self.ran(i64::MIN, at) as u64
    }

    fn ran(&self, since: i64, at: i64) -> i64 {
        let pieces = self.intervals.iter().map(|&(start, end)| end.unwrap_or(at) - start.max(since));
        pieces.map(|piece| piece.max(0)).sum()
    }
}

#[derive(Debug)]
struct Model {
    window_start: i64,
    added: i64,
    admitted: Vec<Request>,
    settled: Vec<Request>,
}

impl Model {
    fn spent(&self, at: i64) -> i64 {
        let all = self.admitted.iter().chain(&self.settled);
        self.added + all.map(|request| request.ran(self.window_start, at)).sum::<i64>()
    }

    fn hold(&self, at: i64, left: u64) -> u64 {
        let running = self.admitted.iter().filter(|request| request.runs());
        let held: u64 = running.clone().map(|request| request.part(at)).sum();
        held.min(running.count() as u64 * left)
    }

    fn waiting(&self, at: i64) -> u64 {
        let waiting = self.admitted.iter().filter(|request| !request.runs());
        waiting.map(|request| request.part(at)).sum()
    }
}

/// The ledger and the model, at one moment.
#[derive(Debug)]
struct Pair {
    ledger: Ledger,
    model: Model,
    now: i64,
}

impl Pair {
    fn new(now: i64) -> Self {
        let model = Model { window_start: now, added: 0, admitted: Vec::new(), settled: Vec::new() };
        Self { ledger: Ledger::default(), model, now }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start { expected } => self.start(expected),
            Action::Pause(which) => self.pause(which),
            Action::Resume(which) => self.resume(which),
            Action::Finish(which) => self.finish(which),
            Action::Add(amount) => self.add(amount as i64),
            Action::Edge => self.pass_edge(),
            Action::Pass(micros) => self.now += micros,
        }
    }

    fn start(&mut self, expected: u64) {
        self.ledger.start(Tick(self.now), Micros(expected));
        self.model.admitted.push(Request { expected, intervals: vec![(self.now, None)] });
    }

    fn pause(&mut self, which: usize) {
        if let Some(request) = self.model.admitted.get_mut(which).filter(|request| request.runs()) {
            request.stop(self.now);
            self.ledger.pause(Tick(self.now), Micros(request.part(self.now)));
        }
    }

    fn resume(&mut self, which: usize) {
        if let Some(request) = self.model.admitted.get_mut(which).filter(|request| !request.runs()) {
            request.intervals.push((self.now, None));
            self.ledger.resume(Tick(self.now), Micros(request.part(self.now)));
        }
    }

    fn finish(&mut self, which: usize) {
        self.pause(which);
        if which < self.model.admitted.len() {
            let request = self.model.admitted.swap_remove(which);
            self.ledger.settle(Micros(request.part(self.now)));
            self.model.settled.push(request);
        }
    }

    fn add(&mut self, amount: i64) {
        self.ledger.add(amount);
        self.model.added += amount;
    }

    fn pass_edge(&mut self) {
        self.model.window_start = self.now;
        self.model.added = 0;
        self.ledger = match self.ledger.is_idle() {
            true => Ledger::default(),
            false => self.ledger.carried_over(Tick(self.now)),
        };
    }

    fn agree(&self, left: u64) {
        let at = Tick(self.now);
        assert_eq!(self.ledger.spent(at) as i64, self.model.spent(self.now));
        assert_eq!(self.ledger.hold(at, Micros(left)), self.model.hold(self.now, left));
        assert_eq!(self.ledger.waiting, self.model.waiting(self.now));
        assert_eq!(self.ledger.admitted as usize, self.model.admitted.len());
    }
}

proptest! {
    #[test]
    fn the_line_agrees_with_a_list_of_intervals(
        // Late readings too, whose products leave the range of i64.
        begin in prop_oneof![Just(0), Just(-1_000_000), 0..1i64 << 40, Just(i64::MAX / 2)],
        actions in prop::collection::vec((action(), 0..3_000_000u64), 1..120),
    ) {
        let mut pair = Pair::new(begin);
        for (action, left) in actions {
            pair.act(action);
            pair.agree(left);
        }
    }

    #[test]
    fn lines_of_several_processes_are_summed_by_summing_their_numbers(
        starts in prop::collection::vec((0..1_000i64, 0..1_000u64, any::<bool>()), 0..30),
    ) {
        let (mut whole, mut parts) = (Ledger::default(), [Ledger::default(); 2]);
        for (start, expected, left) in starts {
            whole.start(Tick(start), Micros(expected));
            parts[usize::from(left)].start(Tick(start), Micros(expected));
        }
        let [a, b] = parts;
        let sum = Ledger {
            base: a.base + b.base,
            held: a.held + b.held,
            waiting: a.waiting + b.waiting,
            running: a.running + b.running,
            admitted: a.admitted + b.admitted,
        };
        prop_assert_eq!(sum, whole);
    }
}
