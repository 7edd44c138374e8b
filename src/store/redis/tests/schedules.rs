//! Random schedules over a model of the server: calls that are lost, late, doubled and out of order, servers that
//! forget, processes that die.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use proptest::prelude::*;

use super::model::Model;
use super::world::{Process, QUOTA, START};
use crate::model::{FROZEN_AFTER, Micros};
use crate::store::redis::script::Arguments;
use crate::store::{Progress, Verdict};

const PROCESSES: usize = 3;

#[derive(Clone, Debug)]
enum Action {
    Pass(i64),
    Start {
        process: usize,
        expected: u64,
    },
    Finish {
        process: usize,
        which: usize,
    },
    /// Publishes, and hears the answer.
    Sync(usize),
    /// Publishes; the call is delivered later, if ever.
    Send(usize),
    /// Delivers a call that was sent; it may be delivered again, if it is kept.
    Deliver {
        which: usize,
        kept: bool,
    },
    Lose(usize),
    Forget,
    Die(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let process = 0..PROCESSES;
    prop_oneof![
        4 => (1..900_000i64).prop_map(Action::Pass),
        6 => (process.clone(), 0..500_000u64).prop_map(|(process, expected)| Action::Start { process, expected }),
        5 => (process.clone(), 0..4usize).prop_map(|(process, which)| Action::Finish { process, which }),
        5 => process.clone().prop_map(Action::Sync),
        3 => process.clone().prop_map(Action::Send),
        3 => (0..6usize, any::<bool>()).prop_map(|(which, kept)| Action::Deliver { which, kept }),
        1 => (0..6usize).prop_map(Action::Lose),
        1 => Just(Action::Forget),
        1 => process.prop_map(Action::Die),
    ]
}

struct World {
    clock: Arc<AtomicI64>,
    server: Model,
    processes: Vec<Process>,
    under_way: Vec<Arguments>,
    /// How many processes there have been.
    born: u64,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let born = PROCESSES as u64;
        let processes = (0..born).map(|name| Process::new(URI, name + 1, PROCESSES as u32, &clock)).collect();
        Self { clock, server: Model::default(), processes, under_way: Vec::new(), born }
    }

    fn server_time(&self) -> i64 {
        START + self.clock.load(Relaxed)
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Pass(micros) => {
                self.clock.fetch_add(micros, Relaxed);
            }
            Action::Start { process, expected } => {
                let claim = self.processes[process].claim(QUOTA, Micros(expected));
                let now = self.server_time();
                self.processes[process].start(claim, &mut self.server, now);
            }
            Action::Finish { process, which } => {
                self.processes[process].finish(which);
            }
            Action::Sync(process) => self.sync(process),
            Action::Send(process) => self.under_way.push(self.processes[process].call().0),
            Action::Deliver { which, kept } => self.deliver(which, kept),
            Action::Lose(which) if which < self.under_way.len() => drop(self.under_way.remove(which)),
            Action::Lose(_) => {}
            Action::Forget => self.server = Model::default(),
            Action::Die(process) => self.replace(process),
        }
    }

    fn sync(&mut self, process: usize) {
        let now = self.server_time();
        let (arguments, sent) = self.processes[process].call();
        let answer = self.server.exchange(&arguments, now);
        self.processes[process].hear(&sent, answer);
    }

    fn deliver(&mut self, which: usize, kept: bool) {
        let now = self.server_time();
        if which >= self.under_way.len() {
            return;
        }
        self.server.exchange(&self.under_way[which], now);
        if !kept {
            self.under_way.remove(which);
        }
    }

    /// The process dies, and another one takes its place.
    fn replace(&mut self, process: usize) {
        self.born += 1;
        let born = Process::new(URI, self.born, PROCESSES as u32, &self.clock);
        self.processes[process] = born;
    }

    /// All requests end, the dead freeze, and every process syncs twice.
    fn come_to_rest(&mut self) {
        for process in &mut self.processes {
            while process.finish(0).is_some() {}
        }
        self.clock.fetch_add(FROZEN_AFTER.0 as i64 + 1, Relaxed);
        for _ in 0..2 {
            for process in 0..PROCESSES {
                self.sync(process);
            }
        }
    }

    fn seen_by(&self, process: usize) -> u64 {
        let process = &self.processes[process];
        let mut claims = [process.claim(QUOTA, Micros::ZERO)];
        process.ledgers.look(&mut claims, Progress::default(), process.ledgers.now());
        claims[0].standing.spent
    }
}

const URI: &str = "redis://model?mode=batched&sync=250ms";

proptest! {
    // What failed is printed with the seed, and kept beside this file.
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn after_two_syncs_everybody_sees_what_was_measured(actions in prop::collection::vec(action(), 1..80)) {
        let mut world = World::new();
        let lives = actions.iter().filter(|action| !matches!(action, Action::Die(_)));
        lives.for_each(|action| world.act(action));
        world.come_to_rest();
        let measured: u64 = world.processes.iter().map(|process| process.measured).sum();
        prop_assert_eq!(world.server.spent() as u64, measured);
        for process in 0..PROCESSES {
            prop_assert_eq!(world.seen_by(process), measured);
        }
    }

    #[test]
    fn the_dead_leave_what_they_had_told_and_run_no_more(actions in prop::collection::vec(action(), 1..80)) {
        let mut world = World::new();
        for action in &actions {
            let before = world.server.spent();
            world.act(action);
            let forgets = matches!(action, Action::Forget);
            prop_assert!(forgets || world.server.spent() >= before, "nothing is refunded");
        }
        world.come_to_rest();
        let told = world.server.spent() as u64;
        let measured: u64 = world.processes.iter().map(|process| process.measured).sum();
        prop_assert!(told >= measured);
        for process in 0..PROCESSES {
            prop_assert_eq!(world.seen_by(process), told, "nobody runs, and nobody is locked out by the dead");
        }
    }

    #[test]
    fn what_is_spent_is_refused_by_everybody_after_one_sync(actions in prop::collection::vec(action(), 1..80)) {
        let mut world = World::new();
        actions.iter().for_each(|action| world.act(action));
        world.come_to_rest();
        for process in 0..PROCESSES {
            let spent = world.seen_by(process);
            let claim = world.processes[process].claim(QUOTA, Micros::ZERO);
            let now = world.server_time();
            let verdict = world.processes[process].start(claim, &mut world.server, now);
            prop_assert_eq!(verdict == Verdict::Admitted, spent < QUOTA, "{} spent", spent);
            world.processes[process].finish(0);
            world.sync(process);
        }
    }
}
