//! Processes and their desks around a model of the server, on one clock that the test moves.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};

use tokio::sync::oneshot;

use super::model::Model;
use super::process::{Process, START};
use crate::store::redis::desk::{Answered, Candidate, Command, Desk, Event, Queue};
use crate::store::redis::trouble::Trouble;
use crate::store::{Claim, Fault, Mode, Verdict};

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
        while let Some((at, command)) = self.next_command() {
            let now = START + self.clock.load(Relaxed);
            if let Some(event) = self.peers[at].answered(command, &mut self.server, &self.weather, now) {
                self.peers[at].tell([event]);
            }
        }
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
