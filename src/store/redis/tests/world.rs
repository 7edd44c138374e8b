//! Processes and their desks around a model of the server, on one clock that the test moves; and a process by itself.

use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};

use smallvec::smallvec;
use tokio::sync::oneshot;

use crate::model::{Micros, Now, Others, Period, Tick, Unit, UnixMicros, Zone};
use crate::store::redis::desk::{Answered, Candidate, Command, Desk, Event, Queue};
use crate::store::redis::ledger::{Due, Ledgers};
use crate::store::redis::script::exchange::{self, Answer, Own, Question};
use crate::store::redis::script::{Account, Arguments};
use crate::store::redis::settings::Settings;
use crate::store::redis::tests::model::Model;
use crate::store::redis::trouble::Trouble;
use crate::store::{
    Book, BookSpec, Charge, Claim, Fault, Mode, Part, Settlement, Store as _, Tally, Verdict,
};

/// A server, and the processes that share it.
pub(crate) struct World {
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) server: Model,
    /// What the server does with the calls that reach it.
    pub(crate) weather: Weather,
    pub(crate) peers: Vec<Peer>,
}

/// What becomes of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They are answered at once.
    Fine,
    /// They are not answered, but will be when the weather is fine again.
    Slow,
    /// No connection is made, and no call is answered.
    Down(Trouble),
}

/// A process with its desk.
pub(crate) struct Peer {
    pub(crate) process: Process,
    pub(crate) desk: Desk,
    pub(crate) queue: Arc<Queue>,
    clock: Arc<AtomicI64>,
    /// What the desk has said and nobody has done yet, and from when on it is to be done.
    pub(crate) commands: VecDeque<(i64, Command)>,
    /// The calls of the exchange so far, and the bytes of their arguments.
    pub(crate) calls: usize,
    pub(crate) bytes: usize,
    pub(crate) beats: usize,
    pub(crate) connections: usize,
}

impl World {
    /// So many processes, linked to a server.
    pub(crate) fn new(uri: &str, processes: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(0));
        let peers = (0..processes).map(|name| Peer::new(uri, name + 1, processes as u32, &clock)).collect();
        let mut world = Self { clock, server: Model::default(), weather: Weather::Fine, peers };
        world.deliver();
        world
    }

    /// Has everything done that the desks say, until they say nothing.
    pub(crate) fn deliver(&mut self) {
        while self.deliver_one() {}
    }

    /// Has one thing done that a desk says, if there is any.
    pub(crate) fn deliver_one(&mut self) -> bool {
        let Some((at, command)) = self.next_command() else { return false };
        let now = START + self.clock.load(Relaxed);
        if let Some(event) = self.peers[at].answered(command, &mut self.server, &self.weather, now) {
            self.peers[at].tell([event]);
        }
        true
    }

    fn next_command(&mut self) -> Option<(usize, Command)> {
        if self.weather == Weather::Slow {
            return None;
        }
        let now = self.clock.load(Relaxed);
        let next = |(at, peer): (usize, &mut Peer)| {
            let due = peer.commands.iter().position(|(from, _)| *from <= now)?;
            Some((at, peer.commands.remove(due)?.1))
        };
        self.peers.iter_mut().enumerate().find_map(next)
    }

    /// Lets so many microseconds pass, of which every desk hears.
    pub(crate) fn pass(&mut self, micros: i64) {
        const STEP: i64 = 5_000;
        let mut left = micros;
        while left > 0 {
            let step = left.min(STEP);
            left -= step;
            self.clock.fetch_add(step, Relaxed);
            for peer in &mut self.peers {
                peer.tell([]);
            }
            self.deliver();
        }
    }

    /// Lets a process decide over a request, however long that takes.
    pub(crate) fn admit(&mut self, at: usize, claims: &mut Vec<Claim>) -> Result<Verdict, Fault> {
        let now = self.peers[at].process.ledgers.now();
        match self.peers[at].process.ledgers.admit(claims, Mode::Decide, now)? {
            Verdict::Open => {
                let answer = self.peers[at].ask(claims);
                self.answer(answer).map(|(verdict, decided)| {
                    *claims = decided;
                    verdict
                })
            }
            decided => Ok(decided),
        }
    }

    fn answer(&mut self, mut answer: oneshot::Receiver<Answered>) -> Result<(Verdict, Vec<Claim>), Fault> {
        self.deliver();
        for _ in 0..10_000 {
            match answer.try_recv() {
                Ok(answered) => return answered.take(),
                Err(oneshot::error::TryRecvError::Empty) => self.pass(1_000),
                Err(oneshot::error::TryRecvError::Closed) => panic!("nobody will answer"),
            }
        }
        panic!("nobody has answered for ten seconds");
    }
}

impl Peer {
    pub(crate) fn new(uri: &str, name: u64, processes: u32, clock: &Arc<AtomicI64>) -> Self {
        let process = Process::new(uri, name, processes, clock);
        let (started, _) = mpsc::channel();
        let (ledgers, queue) = (Arc::clone(&process.ledgers), Arc::<Queue>::default());
        let desk = Desk::new(ledgers, Arc::clone(&queue), process.ledgers.now(), name, started);
        let (clock, commands) = (Arc::clone(clock), VecDeque::new());
        let mut peer =
            Self { process, desk, queue, clock, commands, calls: 0, bytes: 0, beats: 0, connections: 0 };
        peer.tell([]);
        peer
    }

    /// Tells the desk what happens now.
    pub(crate) fn tell(&mut self, events: impl IntoIterator<Item = Event>) {
        let now = self.clock.load(Relaxed);
        for command in self.desk.handle(self.process.ledgers.now(), events) {
            let from = match &command {
                Command::Connect(pause, _) => now + pause.as_micros() as i64,
                Command::Exchange(..) | Command::Beat(..) => now,
            };
            self.commands.push_back((from, command));
        }
    }

    /// Has the desk ask about a request.
    pub(crate) fn ask(&mut self, claims: &[Claim]) -> oneshot::Receiver<Answered> {
        let (ledgers, (reply, answer)) = (&self.process.ledgers, oneshot::channel());
        let candidate = Candidate::new(ledgers, claims.to_vec(), Mode::Decide, ledgers.now(), reply);
        if self.queue.bring(candidate) {
            self.tell([]);
        }
        answer
    }

    /// Does what the desk has said; what becomes of it, if anything.
    fn answered(
        &mut self,
        command: Command,
        server: &mut Model,
        weather: &Weather,
        now: i64,
    ) -> Option<Event> {
        let sent_at = self.process.ledgers.now().tick;
        Some(match (command, weather) {
            (Command::Connect(..), Weather::Down(trouble)) => {
                self.connections += 1;
                Event::Linked(sent_at, Err(trouble.clone()))
            }
            (Command::Connect(_, greeting), _) => {
                self.connections += 1;
                Event::Linked(sent_at, Ok(server.beat(&greeting.beat, now)))
            }
            (Command::Exchange(number, arguments), weather) => {
                self.calls += 1;
                let texts = arguments.keys().chain(arguments.texts());
                self.bytes += texts.map(<[u8]>::len).sum::<usize>() + arguments.packed().unwrap().len();
                Event::Answered(number, weather.allow(|| server.exchange(&arguments, now))?)
            }
            (Command::Beat(sent_at, arguments), weather) => {
                self.beats += 1;
                Event::Beaten(sent_at, weather.allow(|| server.beat(&arguments, now))?)
            }
        })
    }
}

impl Weather {
    fn allow<T>(&self, call: impl FnOnce() -> T) -> Option<Result<T, Trouble>> {
        match self {
            Self::Fine => Some(Ok(call())),
            Self::Down(trouble) => Some(Err(trouble.clone())),
            Self::Slow => None,
        }
    }
}

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
        Account::from_claim(&self.claim(QUOTA, Micros::ZERO), Part::Whole)
    }
}
