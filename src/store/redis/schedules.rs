//! Random schedules over a model of the server: calls that are lost, late, doubled and out of order, servers that
//! forget, processes that die.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use proptest::prelude::*;
use redis::Value;

use super::core::Core;
use super::exchange::{self, Own, Sent};
use super::link::Arguments;
use super::model::Model;
use super::peers::Account;
use super::publish::Due;
use super::settings::Settings;
use crate::model::line::{FROZEN_AFTER, Others};
use crate::model::now::Now;
use crate::model::units::{Micros, Tick, Unit, UnixMicros};
use crate::model::window::Period;
use crate::model::zone::Zone;
use crate::store::{Book, BookSpec, Charge, Claim, Mode, Settlement, Store as _, Tally, Verdict};

const START: i64 = 1_699_999_200_000_000;
const QUOTA: u64 = 20_000_000;
const PROCESSES: usize = 3;

/// A process in batched mode, whose clocks began at random moments.
pub(super) struct Process {
    pub(super) core: Arc<Core>,
    book: Book,
    number: u64,
    name: [u8; 8],
    pub(super) running: VecDeque<(Vec<Claim>, Tick)>,
    pub(super) measured: u64,
}

impl Process {
    pub(super) fn new(uri: &str, name: u64, processes: u32, world: &Arc<AtomicI64>) -> Self {
        let core = Arc::new(Core::new(Settings::of_text(uri)));
        let clock = Arc::clone(world);
        let origin = name as i64 * 977_777_777;
        let read = move || {
            let passed = clock.load(Relaxed);
            let utc = UnixMicros(START + passed + origin % 7_200_000_000);
            Now { tick: Tick(passed + origin), utc, step: 0 }
        };
        // The core is new, so its clock is not set.
        let _ = core.clock.set(Box::new(read));
        core.hear_processes(processes);
        core.hear_clock(START + world.load(Relaxed), core.now());
        core.heal();
        let zone = Arc::new(Zone::utc());
        let (tally, period) = (Tally::Charged(Unit::Time), Some(Period::DAY));
        let book = core.memory.open(&BookSpec { site: "site", rule: "rule", tally, period, zone: &zone });
        Self { core, book, number: 1, name: name.to_le_bytes(), running: VecDeque::new(), measured: 0 }
    }

    pub(super) fn claim(&self, quota: u64, expected: Micros) -> Claim {
        let key = crate::model::key::KeyHash([1, 2, 3, 4]);
        Claim::new(self.book, key, quota, Charge::Time { expected })
    }

    pub(super) fn start(&mut self, claim: Claim) -> Verdict {
        let (mut claims, now) = (vec![claim], self.core.now());
        let verdict = self.core.admit(&mut claims, Mode::Decide, now).unwrap();
        if verdict == Verdict::Admitted {
            self.running.push_back((claims, now.tick));
        }
        verdict
    }

    /// Ends the request that runs at a place; returns what it has cost.
    pub(super) fn finish(&mut self, at: usize) -> Option<Micros> {
        let (mut claims, since) = self.running.remove(at)?;
        let now = self.core.now();
        let cost = now.tick.since(since);
        self.core.settle(&mut claims, &Settlement { cost, ..Settlement::default() }, now);
        self.measured += cost.0;
        Some(cost)
    }

    /// The call that publishes this process's line, be it due or not.
    pub(super) fn call(&mut self) -> (Arguments, Sent) {
        let now = self.core.now();
        let account = Account::of(&self.claim(QUOTA, Micros::ZERO));
        let (arguments, sent) = exchange::arguments(&self.core, self.name, self.number, &[account], &[], now);
        self.number += 1;
        for &(account, window) in &sent {
            self.core.peers.with(account, window, |entry| {
                (entry.sent_at, entry.changed_at, entry.wanted) = (now.tick, None, false);
            });
        }
        (arguments, sent)
    }

    /// Hears an answer; says whether the server had lost this process's line.
    pub(super) fn hear(&self, sent: &Sent, answer: Value) -> bool {
        let answer = exchange::answer(answer, 1, std::iter::empty()).unwrap();
        let (account, window) = sent[0];
        let (own, line) = answer.accounts[0];
        let read_at = self.core.now().tick;
        assert!(own != Own::Newer || !answer.verdicts.iter().any(|(admitted, _)| admitted.is_some()));
        self.core.peers.hear(account, window, own, Others { line, read_at }, 0)
    }

    pub(super) fn is_due(&self) -> bool {
        let account = Account::of(&self.claim(QUOTA, Micros::ZERO));
        self.core.due(account, self.core.now()) == Due::Now
    }
}

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
                self.processes[process].start(claim);
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
        process.core.look(&mut claims, Micros::ZERO, process.core.now());
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
            let verdict = world.processes[process].start(claim);
            prop_assert_eq!(verdict == Verdict::Admitted, spent < QUOTA, "{} spent", spent);
            world.processes[process].finish(0);
            world.sync(process);
        }
    }
}
