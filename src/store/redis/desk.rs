//! The desk: one task on a thread of its own, through which everything goes to the servers.
//!
//! While a call is under way its accounts are *busy*: requests that arrive for one of them, and publications of its
//! line, wait for the answer and then share the next call. So this process's lines reach the server in order, and its
//! requests are decided one after another however many arrive at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use redis::{RedisResult, Script, Value};
use smallvec::SmallVec;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::MissedTickBehavior;

use super::beat::{self, Beat};
use super::candidate::Candidate;
use super::core::Core;
use super::exchange::{self, Sent};
use super::link::Link;
use super::peers::Account;
use super::random::random;
use super::trouble::Trouble;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick};

/// Candidates, or lines, that share one call at most: what a script does in a fraction of a millisecond.
const MOST_IN_A_CALL: usize = 64;

/// Calls under way at most, when many lines are to be published.
const MOST_CALLS: usize = 16;

/// How often it is looked for lines to publish.
const LOOK_EVERY: Duration = Duration::from_millis(10);

const BEAT_EVERY: Micros = Micros(1_000_000);

/// Requests in a row that have waited in vain before no more are made to wait.
const MOST_MISSES: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What the desk is told.
pub(super) enum Message {
    Ask(Candidate),
    /// A call has been answered, or has failed.
    Done(u64, RedisResult<Value>),
    Beat(Tick, RedisResult<Value>),
    Linked(Result<(Link, Beat, Now), Trouble>),
    /// Publish what is left to publish, and end.
    Stop(std_mpsc::Sender<()>),
}

pub(super) struct Desk {
    pub(super) core: Arc<Core>,
    inbox: UnboundedReceiver<Message>,
    own: UnboundedSender<Message>,
    scripts: Arc<Scripts>,
    /// This process, to the others: a number that no other one has.
    process: [u8; 8],
    link: Option<Link>,
    waiting: VecDeque<Candidate>,
    calls: HashMap<u64, Call>,
    pub(super) busy: HashSet<Account>,
    /// The number of the next line, and of the next call.
    next_number: u64,
    misses: u32,
    pause: Duration,
    era: Vec<u8>,
    beat_at: Tick,
    beating: bool,
    /// What was logged last, until it is over.
    logged: Option<Trouble>,
    /// Told once it is known whether the server answers.
    started: Option<std_mpsc::Sender<()>>,
}

struct Scripts {
    exchange: Script,
    beat: Script,
}

/// A call that is under way.
struct Call {
    sent: Sent,
    sent_at: Tick,
    /// Those that have waited in vain are gone.
    candidates: Vec<Option<Candidate>>,
    /// How many claims each candidate has.
    claims: Vec<usize>,
}

impl Desk {
    pub(super) fn new(
        core: Arc<Core>,
        inbox: UnboundedReceiver<Message>,
        own: UnboundedSender<Message>,
        started: std_mpsc::Sender<()>,
    ) -> Self {
        let scripts = Scripts { exchange: Script::new(exchange::SCRIPT), beat: Script::new(beat::SCRIPT) };
        Self {
            core,
            inbox,
            own,
            scripts: Arc::new(scripts),
            process: random().to_le_bytes(),
            link: None,
            waiting: VecDeque::new(),
            calls: HashMap::new(),
            busy: HashSet::new(),
            next_number: 1,
            misses: 0,
            pause: Duration::ZERO,
            era: Vec::new(),
            beat_at: Tick(0),
            beating: false,
            logged: None,
            started: Some(started),
        }
    }

    /// Works until it is told to stop.
    pub(super) async fn run(mut self) {
        self.connect();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.until_due();
            tokio::select! {
                biased;
                message = self.inbox.recv() => match message {
                    Some(Message::Stop(stopped)) => return self.stop(&stopped).await,
                    Some(message) => self.receive(message),
                    None => return,
                },
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => self.give_up_on_late(),
                _ = look.tick() => self.look_around(),
            }
            self.dispatch();
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Ask(candidate) => self.waiting.push_back(candidate),
            Message::Done(number, answer) => self.finish(number, answer),
            Message::Beat(sent_at, answer) => self.hear_beat(sent_at, answer),
            Message::Linked(Ok((link, beat, at))) => self.heal(link, &beat, at),
            Message::Linked(Err(trouble)) => self.lose(trouble),
            // Handled where it is received.
            Message::Stop(_) => {}
        }
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Ask(candidate) => self.waiting.push_back(candidate),
                Message::Stop(stopped) => drop(self.own.send(Message::Stop(stopped))),
                message => return self.receive(message),
            }
        }
    }

    /// Sends what waits for no account that is busy.
    fn dispatch(&mut self) {
        if self.link.is_none() {
            for candidate in std::mem::take(&mut self.waiting) {
                candidate.decide_degraded(&self.core);
            }
        }
        while self.dispatch_one_call() {}
    }

    /// Sends one call; an account that an earlier candidate waits for is not given to a later one.
    fn dispatch_one_call(&mut self) -> bool {
        let mut wanted: HashSet<Account> = HashSet::new();
        let mut batch = Vec::new();
        let mut rest = VecDeque::new();
        for candidate in std::mem::take(&mut self.waiting) {
            if candidate.reply.is_closed() {
                continue;
            }
            let taken = |account| self.busy.contains(&account) || wanted.contains(&account);
            if batch.len() < MOST_IN_A_CALL && !candidate.accounts().any(taken) {
                batch.push(candidate);
            } else {
                wanted.extend(candidate.accounts());
                rest.push_back(candidate);
            }
        }
        self.waiting = rest;
        if batch.is_empty() {
            return false;
        }
        let mut accounts: Vec<Account> = Vec::new();
        for account in batch.iter().flat_map(Candidate::accounts) {
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        self.send(&accounts, batch);
        true
    }

    /// Calls the exchange, with this process's lines of the accounts and with the candidates.
    pub(super) fn send(&mut self, accounts: &[Account], candidates: Vec<Candidate>) {
        let Some(mut link) = self.link.clone() else { return };
        let now = self.core.now();
        let number = self.next_number;
        self.next_number += accounts.len() as u64;
        let asked = candidates.iter().map(|candidate| (candidate.claims.as_slice(), candidate.mode));
        let (arguments, sent) =
            exchange::arguments(&self.core, self.process, number, accounts, asked, now);
        for &(account, window) in &sent {
            self.busy.insert(account);
            self.core.peers.with(account, window, |entry| {
                entry.sent_at = now.tick;
                entry.changed_at = None;
            });
        }
        let claims = candidates.iter().map(|candidate| candidate.claims.len()).collect();
        let candidates = candidates.into_iter().map(Some).collect();
        self.calls.insert(number, Call { sent, sent_at: now.tick, candidates, claims });
        let (own, scripts) = (self.own.clone(), Arc::clone(&self.scripts));
        tokio::spawn(async move {
            let answer = link.call(&scripts.exchange, exchange::SCRIPT, &arguments).await;
            // The desk ends with the process's last use of the store; then nobody waits for an answer.
            let _ = own.send(Message::Done(number, answer));
        });
    }

    fn finish(&mut self, number: u64, answer: RedisResult<Value>) {
        // Calls over a connection that was given up are forgotten.
        let Some(call) = self.calls.remove(&number) else { return };
        for (account, _) in &call.sent {
            self.busy.remove(account);
        }
        let answer = answer.map_err(|error| Trouble::of(&error));
        let answer = answer.and_then(|value| exchange::answer(value, call.sent.len(), call.claims.iter().copied()));
        match answer {
            Ok(answer) => self.conclude(call, answer),
            Err(trouble) => self.fail(call, trouble),
        }
    }

    fn conclude(&mut self, call: Call, answer: exchange::Answer) {
        self.misses = 0;
        let now = self.core.now();
        let read_at = Tick(call.sent_at.0 + (now.tick.0 - call.sent_at.0) / 2);
        for (&(account, window), others) in call.sent.iter().zip(&answer.others) {
            match others {
                Some(line) => self.core.peers.hear(account, window, *line, read_at),
                None => self.core.peers.touch(account, window, now.tick, true),
            }
        }
        let mut strayed = false;
        for (candidate, (admitted, codes)) in call.candidates.into_iter().zip(answer.verdicts) {
            match (candidate, admitted) {
                (Some(candidate), Some(admitted)) => candidate.conclude(&self.core, admitted, &codes),
                (Some(candidate), None) => candidate.decide_degraded(&self.core),
                (None, _) => strayed = true,
            }
        }
        if strayed {
            self.touch_again(&call.sent, now);
        }
    }

    fn fail(&mut self, call: Call, trouble: Trouble) {
        self.touch_again(&call.sent, self.core.now());
        for candidate in call.candidates.into_iter().flatten() {
            candidate.decide_degraded(&self.core);
        }
        if trouble.is_local() {
            self.log_once(&trouble);
        } else {
            self.lose(trouble);
        }
    }

    /// The server may have stored what is not so: the next publication puts it right.
    fn touch_again(&self, sent: &Sent, now: Now) {
        for &(account, _) in sent {
            let window = self.core.memory.window(account.book, now).window.start;
            self.core.peers.touch(account, window, now.tick, true);
        }
    }

    /// How long until the first of those that wait has waited in vain.
    fn until_due(&self) -> Option<Duration> {
        let called = self.calls.values().flat_map(|call| &call.candidates).flatten();
        let first = self.waiting.iter().chain(called).map(|candidate| candidate.due).min()?;
        Some(first.since(self.core.now().tick).into())
    }

    fn give_up_on_late(&mut self) {
        let now = self.core.now().tick;
        let mut late: SmallVec<[Candidate; 8]> = SmallVec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.due <= now { late.push(waiting) } else { self.waiting.push_back(waiting) }
        }
        for candidate in self.calls.values_mut().flat_map(|call| &mut call.candidates) {
            late.extend(candidate.take_if(|candidate| candidate.due <= now));
        }
        self.misses += late.len() as u32;
        for candidate in late {
            candidate.decide_degraded(&self.core);
        }
        if self.misses >= MOST_MISSES {
            self.lose(Trouble::Late);
        }
    }

    /// Publishes what is due, and beats.
    fn look_around(&mut self) {
        let now = self.core.now();
        if self.link.is_none() {
            return;
        }
        if !self.beating && now.tick.since(self.beat_at) >= BEAT_EVERY {
            self.beat(now.tick);
        }
        let due = self.due_lines(now);
        for accounts in due.chunks(MOST_IN_A_CALL) {
            self.send(accounts, Vec::new());
        }
    }

    pub(super) fn has_room_for_calls(&self, lines: usize) -> bool {
        self.calls.len() + lines / MOST_IN_A_CALL < MOST_CALLS
    }

    fn beat(&mut self, now: Tick) {
        let Some(mut link) = self.link.clone() else { return };
        (self.beating, self.beat_at) = (true, now);
        let arguments = beat::arguments(&self.core.settings, self.process, random());
        let (own, scripts) = (self.own.clone(), Arc::clone(&self.scripts));
        tokio::spawn(async move {
            let answer = link.call(&scripts.beat, beat::SCRIPT, &arguments).await;
            let _ = own.send(Message::Beat(now, answer));
        });
    }

    fn hear_beat(&mut self, sent_at: Tick, answer: RedisResult<Value>) {
        if !std::mem::take(&mut self.beating) {
            return; // Of a connection that was given up.
        }
        match answer.map_err(|error| Trouble::of(&error)).and_then(beat::answer) {
            Ok(beat) => {
                let at = midway(sent_at, self.core.now());
                self.note(&beat, at);
            }
            Err(trouble) => self.lose(trouble),
        }
    }

    /// Notes a beat; a server that has lost its data is told everything again.
    fn note(&mut self, beat: &Beat, at: Now) {
        self.core.hear_beat(beat.clock, at, beat.processes);
        if self.era != beat.era {
            if !self.era.is_empty() {
                log::warn!("redis: it has lost what it knew; this process tells it again what it knows itself");
            }
            self.era.clone_from(&beat.era);
            self.core.peers.touch_all(at.tick);
        }
    }

    fn connect(&mut self) {
        let (core, own, scripts) = (Arc::clone(&self.core), self.own.clone(), Arc::clone(&self.scripts));
        let arguments = beat::arguments(&self.core.settings, self.process, random());
        let pause = self.pause.mul_f64(0.5 + (random() % 1_000) as f64 / 1_000.0);
        self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let linked = link(&core, &scripts, &arguments).await;
            let _ = own.send(Message::Linked(linked));
        });
    }

    fn heal(&mut self, link: Link, beat: &Beat, at: Now) {
        self.link = Some(link);
        (self.misses, self.beating, self.beat_at) = (0, false, at.tick);
        self.note(beat, at);
        self.core.heal();
        self.pause = Duration::ZERO;
        if self.logged.take().is_some() {
            log::info!("redis: it answers again; {} decisions were made without it", self.core.degraded());
        }
        drop(self.started.take());
    }

    /// Asks no more until the server answers again; who waits is decided over without it.
    fn lose(&mut self, trouble: Trouble) {
        self.log_once(&trouble);
        self.core.degrade();
        self.link = None;
        self.beating = false;
        self.busy.clear();
        let now = self.core.now();
        for (_, call) in std::mem::take(&mut self.calls) {
            self.touch_again(&call.sent, now);
            for candidate in call.candidates.into_iter().flatten() {
                candidate.decide_degraded(&self.core);
            }
        }
        drop(self.started.take());
        self.connect();
    }

    fn log_once(&mut self, trouble: &Trouble) {
        if self.logged.as_ref() != Some(trouble) {
            log::warn!("redis: {trouble}; on_store_fault says what is decided until it answers");
            self.logged = Some(trouble.clone());
        }
    }

    /// Publishes everything once more; a server that does not answer is not waited for.
    async fn stop(mut self, stopped: &std_mpsc::Sender<()>) {
        let now = self.core.now();
        self.core.peers.touch_all(now.tick);
        let all = self.core.peers.take_active();
        for accounts in all.chunks(MOST_IN_A_CALL) {
            self.send(accounts, Vec::new());
        }
        while !self.calls.is_empty() {
            match self.inbox.recv().await {
                Some(Message::Done(number, answer)) => self.finish(number, answer),
                Some(Message::Ask(candidate)) => candidate.decide_degraded(&self.core),
                _ => {}
            }
        }
        // Who has stopped waiting does not want to know.
        let _ = stopped.send(());
    }
}

async fn link(core: &Core, scripts: &Scripts, arguments: &super::link::Arguments) -> Result<(Link, Beat, Now), Trouble> {
    let of = |error: redis::RedisError| Trouble::of(&error);
    let mut link = Link::open(&core.settings).await.map_err(of)?;
    let sent_at = core.now().tick;
    let answer = link.call(&scripts.beat, beat::SCRIPT, arguments).await.map_err(of)?;
    let beat = beat::answer(answer)?;
    Ok((link, beat, midway(sent_at, core.now())))
}

/// The moment between a call and its answer.
fn midway(sent_at: Tick, now: Now) -> Now {
    let half = (now.tick.0 - sent_at.0) / 2;
    Now { tick: Tick(now.tick.0 - half), utc: now.utc.plus(-half), ..now }
}
