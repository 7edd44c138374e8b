//! The desk: one task on a thread of its own, through which everything goes to the servers.
//!
//! While a call is under way its accounts are *busy*: requests that arrive for one of them, and publications of its
//! line, wait for the answer and then share the next call. So this process's lines reach the server in order, and its
//! requests are decided one after another however many arrive at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use redis::{RedisResult, Value};
use smallvec::SmallVec;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::MissedTickBehavior;

use super::beat::Heard;
use super::calls::Call;
use super::candidate::Candidate;
use super::core::Core;
use super::flush::Flush;
use super::health::Health;
use super::link::Link;
use super::peers::Account;
use super::random::random;
use super::trouble::Trouble;
use crate::model::units::Tick;
use crate::store::Fault;

/// Candidates, or lines, that share one call at most: what a script does in a fraction of a millisecond.
pub(super) const MOST_IN_A_CALL: usize = 64;

/// How often it is looked for lines to publish.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Requests in a row that have waited in vain before no more are made to wait.
const MOST_MISSES: u32 = 3;

/// What the desk is told.
pub(super) enum Message {
    Ask(Candidate),
    /// The call of that number has been answered, or has failed.
    Done(u64, RedisResult<Value>),
    /// A beat that was sent at that tick has been answered, or has failed.
    Beat(Tick, RedisResult<Value>),
    /// A connection has been made, with the beat that it began with, or could not be made.
    Linked(Result<(Link, Heard), Trouble>),
    /// Publish what is not published yet, and say when it is.
    Flush(std_mpsc::Sender<Result<(), Fault>>),
    /// End.
    Stop,
}

/// Everything that goes to the servers, and what waits to go.
pub(super) struct Desk {
    pub(super) core: Arc<Core>,
    /// This process, to the others: a number that no other one has.
    pub(super) process: [u8; 8],
    inbox: UnboundedReceiver<Message>,
    /// Where the calls send what becomes of them.
    pub(super) own: UnboundedSender<Message>,
    /// `None` while the server does not answer.
    pub(super) link: Option<Link>,
    pub(super) health: Health,
    pub(super) waiting: VecDeque<Candidate>,
    /// The calls under way, by number.
    pub(super) calls: HashMap<u64, Call>,
    /// The accounts of the calls under way.
    pub(super) busy: HashSet<Account>,
    /// Those who wait until lines are stored.
    pub(super) flushes: Vec<Flush>,
    /// The number of the next line and of the next call, neither of which is ever used again.
    pub(super) next_number: u64,
    /// Requests in a row that have waited in vain.
    pub(super) misses: u32,
}

impl Desk {
    /// A desk that tells `started` once it is known whether the server answers.
    pub(super) fn new(
        core: Arc<Core>,
        inbox: UnboundedReceiver<Message>,
        own: UnboundedSender<Message>,
        started: std_mpsc::Sender<()>,
    ) -> Self {
        Self {
            core,
            process: random().to_le_bytes(),
            inbox,
            own,
            link: None,
            health: Health::new(started),
            waiting: VecDeque::new(),
            calls: HashMap::new(),
            busy: HashSet::new(),
            flushes: Vec::new(),
            next_number: 1,
            misses: 0,
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
                    Some(Message::Stop) | None => return,
                    Some(message) => self.receive(message),
                },
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => self.give_up_on_late(),
                _ = look.tick() => self.look_around(),
            }
            self.dispatch();
        }
    }

    fn receive(&mut self, first: Message) {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Ask(candidate) => self.waiting.push_back(candidate),
                Message::Done(number, answer) => self.finish(number, answer),
                Message::Beat(sent_at, answer) => self.hear_beat(sent_at, answer),
                Message::Linked(Ok((link, heard))) => self.heal(link, heard),
                Message::Linked(Err(trouble)) => self.lose(&trouble),
                Message::Flush(done) => self.flush(done),
                Message::Stop => {
                    // To be received first, by the loop; the desk holds the other end, so it cannot be closed.
                    let _ = self.own.send(Message::Stop);
                    return;
                }
            }
            next = self.inbox.try_recv().ok();
        }
    }

    /// Sends what waits for no account that is busy.
    fn dispatch(&mut self) {
        if self.link.is_none() {
            for candidate in std::mem::take(&mut self.waiting) {
                candidate.decide_degraded(&self.core);
            }
        }
        loop {
            let batch = self.take_batch();
            if batch.is_empty() {
                return;
            }
            for batch in self.by_server(batch) {
                self.send(&accounts_of(&batch), batch);
            }
        }
    }

    /// The parts of a batch that one call can carry each: in a cluster a script sees one slot only.
    fn by_server(&self, batch: Vec<Candidate>) -> Vec<Vec<Candidate>> {
        if !self.is_clustered() {
            return vec![batch];
        }
        let mut parts: Vec<Vec<Candidate>> = Vec::new();
        for candidate in batch {
            let key = candidate.accounts().next().map(|account| account.key);
            let of_key =
                |part: &&mut Vec<Candidate>| part[0].accounts().next().map(|account| account.key) == key;
            match parts.iter_mut().find(of_key) {
                Some(part) => part.push(candidate),
                None => parts.push(vec![candidate]),
            }
        }
        parts
    }

    /// Takes the candidates of one call; an account that an earlier candidate waits for is not given to a later one.
    fn take_batch(&mut self) -> Vec<Candidate> {
        let mut wanted: HashSet<Account> = HashSet::new();
        let mut batch = Vec::new();
        for candidate in std::mem::take(&mut self.waiting) {
            if candidate.is_forgotten() {
                continue;
            }
            if candidate.accounts().any(|account| self.is_avoided(account)) {
                candidate.decide_degraded(&self.core);
                continue;
            }
            let taken = |account| self.busy.contains(&account) || wanted.contains(&account);
            if batch.len() < MOST_IN_A_CALL && !candidate.accounts().any(taken) {
                batch.push(candidate);
            } else {
                wanted.extend(candidate.accounts());
                self.waiting.push_back(candidate);
            }
        }
        batch
    }

    /// How long until the first of those that wait has waited in vain.
    fn until_due(&self) -> Option<Duration> {
        let asked = self.calls.values().flat_map(|call| &call.candidates).flatten();
        let first = self.waiting.iter().chain(asked).map(|candidate| candidate.due).min()?;
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
        if self.is_clustered() {
            self.avoid(late.iter().flat_map(Candidate::accounts));
        } else {
            self.misses += late.len() as u32;
        }
        for candidate in late {
            candidate.decide_degraded(&self.core);
        }
        if self.misses >= MOST_MISSES {
            self.lose(&Trouble::Late);
        }
    }
}

fn accounts_of(batch: &[Candidate]) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for account in batch.iter().flat_map(Candidate::accounts) {
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    accounts
}
