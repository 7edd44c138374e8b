//! A process in a world without servers: its ledgers, and a clock that the test moves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use smallvec::smallvec;

use super::model::Model;
use crate::model::{Micros, Now, Others, Period, Tick, Unit, UnixMicros, Zone};
use crate::store::redis::ledger::{Due, Ledgers};
use crate::store::redis::script::exchange::{self, Answer, Own, Question};
use crate::store::redis::script::{Account, Arguments};
use crate::store::redis::settings::Settings;
use crate::store::{Book, BookSpec, Charge, Claim, Mode, Part, Settlement, Store as _, Tally, Verdict};

pub(crate) const START: i64 = 1_699_999_200_000_000;
pub(crate) const QUOTA: u64 = 20_000_000;

/// A process in batched mode, whose clocks began at random moments.
pub(crate) struct Process {
    pub(crate) ledgers: Arc<Ledgers>,
    book: Book,
    pub(crate) running: VecDeque<(Vec<Claim>, Tick)>,
    pub(crate) measured: u64,
}

impl Process {
    pub(crate) fn new(uri: &str, name: u64, processes: u32, world: &Arc<AtomicI64>) -> Self {
        let ledgers = Arc::new(Ledgers::new(Settings::of_text(uri), name));
        let clock = Arc::clone(world);
        let origin = name as i64 * 977_777_777;
        let read = move || {
            let passed = clock.load(Relaxed);
            let utc = UnixMicros(START + passed + origin % 7_200_000_000);
            Now { tick: Tick(passed + origin), utc, step: 0 }
        };
        // The ledgers is new, so its clock is not set.
        let _ = ledgers.clock.set(Box::new(read));
        ledgers.hear_processes(processes);
        ledgers.hear_clock(START + world.load(Relaxed), ledgers.now());
        ledgers.heal(ledgers.now());
        let zone = Arc::new(Zone::utc());
        let (tally, period) = (Tally::Charged(Unit::Time), Some(Period::DAY));
        let book = ledgers.memory.open(&BookSpec { site: "site", rule: "rule", tally, period, zone: &zone });
        Self { ledgers, book, running: VecDeque::new(), measured: 0 }
    }

    pub(crate) fn claim(&self, quota: u64, expected: Micros) -> Claim {
        let key = crate::model::KeyHash([1, 2, 3, 4]);
        Claim::new(self.book, key, quota, Charge::Time { expected })
    }

    /// Sends a request, about which the server is asked if need be, by its clock.
    pub(crate) fn start(&mut self, claim: Claim, server: &mut Model, clock: i64) -> Verdict {
        let (mut claims, now) = (vec![claim], self.ledgers.now());
        let verdict = match self.ledgers.admit(&mut claims, Mode::Decide, now).unwrap() {
            Verdict::Open => self.ask(&mut claims, server, clock),
            decided => decided,
        };
        if verdict == Verdict::Admitted {
            self.running.push_back((claims, now.tick));
        }
        verdict
    }

    fn ask(&mut self, claims: &mut [Claim], server: &mut Model, clock: i64) -> Verdict {
        let question = Question { is_forced: false, parts: smallvec![(1, Part::Whole, &claims[0])] };
        let (arguments, own) = self.call_with(&[question]);
        let answer = exchange::answer(server.exchange(&arguments, clock), 1, std::iter::once(1)).unwrap();
        let now = self.ledgers.now();
        self.note_heard(&own, &answer);
        let decided = &answer.verdicts[0];
        // Of a line that is older than the stored one nothing follows.
        let Some(admitted) = decided.admitted else { return Verdict::Refused };
        let verdict = if admitted { Verdict::Admitted } else { Verdict::Refused };
        self.ledgers.conclude(claims, &[0], verdict, &decided.parts, now);
        verdict
    }

    /// Ends the request that runs at a place; returns what it has cost.
    pub(crate) fn finish(&mut self, at: usize) -> Option<Micros> {
        let (mut claims, since) = self.running.remove(at)?;
        let now = self.ledgers.now();
        let cost = now.tick.since(since);
        self.ledgers.settle(&mut claims, &Settlement { cost, ..Settlement::default() }, now);
        self.measured += cost.0;
        Some(cost)
    }

    /// The call that publishes this process's line, be it due or not.
    pub(crate) fn call(&mut self) -> (Arguments, Own) {
        self.call_with(&[])
    }

    fn call_with(&self, questions: &[Question<'_>]) -> (Arguments, Own) {
        let now = self.ledgers.now();
        let (own, _) = self.ledgers.take_line(self.account(), now);
        let number = self.ledgers.take_numbers(1);
        let prefix = &self.ledgers.settings.prefix;
        let arguments = exchange::arguments(prefix, self.ledgers.process, number, &[own], questions, None);
        (arguments, own)
    }

    /// Hears an answer; says whether the server had lost this process's line.
    pub(crate) fn hear(&self, sent: &Own, answer: Vec<i64>) -> bool {
        let answer = exchange::answer(answer, 1, std::iter::empty()).unwrap();
        self.note_heard(sent, &answer)
    }

    fn note_heard(&self, sent: &Own, answer: &Answer) -> bool {
        let (before, line) = answer.accounts[0];
        let now = self.ledgers.now();
        self.ledgers.hear(sent, before, Others { line, read_at: now.tick }, 0, now)
    }

    pub(crate) fn is_due(&self) -> bool {
        self.ledgers.due(self.account(), self.ledgers.now()) == Due::Now
    }

    pub(crate) fn account(&self) -> Account {
        Account::of(&self.claim(QUOTA, Micros::ZERO), Part::Whole)
    }
}
