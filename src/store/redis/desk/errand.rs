//! What is wanted of the desk beside decisions: errands of those who look after accounts, and flushes.
//!
//! An [`Errand`] wants to know where accounts stand, to grant one more, or to reset it. A [`Flush`] waits until everything that was
//! spent here by the moment it began is on the server: a store that is dropped or saved does. Both are answered through a channel,
//! and both fail rather than wait for ever: an errand when its deadline has come, a flush when the connection is lost.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::model::Tick;
use crate::store::redis::desk::{Candidate, Desk};
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Own;
use crate::store::redis::trouble::Trouble;
use crate::store::{Fault, Relief};

/// What somebody wants of accounts who looks after them. One that is dropped has failed.
pub(crate) struct Errand {
    /// Those that are asked about, in one call: at most as many as share one, and in a cluster of one home.
    pub(crate) accounts: Vec<Account>,
    /// What the first of them is to be relieved of.
    pub(crate) relief: Option<Relief>,
    /// Until when it waits.
    pub(crate) due: Tick,
    reply: oneshot::Sender<()>,
}

/// Who waits for an errand.
pub(crate) struct Awaited(oneshot::Receiver<()>);

impl Errand {
    /// Reads where accounts stand, in one call: no more than a server answers at once, and in a cluster of one home.
    pub(crate) fn read(ledgers: &Ledgers, accounts: Vec<Account>) -> (Self, Awaited) {
        Self::new(ledgers, accounts, None)
    }

    /// Relieves an account, and reads where it stands.
    pub(crate) fn relieve(ledgers: &Ledgers, account: Account, relief: Relief) -> (Self, Awaited) {
        Self::new(ledgers, vec![account], Some(relief))
    }

    fn new(ledgers: &Ledgers, accounts: Vec<Account>, relief: Option<Relief>) -> (Self, Awaited) {
        let (reply, awaited) = oneshot::channel();
        let due = Tick(ledgers.now().tick.0.saturating_add(ledgers.settings.deadline.as_micros() as i64));
        (Self { accounts, relief, due, reply }, Awaited(awaited))
    }

    /// From when on it is its turn, where requests wait for the same accounts that have waited in vain later: at once if it is more
    /// than a look.
    const fn turn(&self) -> Tick {
        if self.relief.is_some() { Tick(i64::MIN) } else { self.due }
    }

    /// Tells who waits that it is done; who has stopped waiting does not want to know.
    pub(crate) fn conclude(self) {
        let _ = self.reply.send(());
    }
}

impl Awaited {
    /// # Errors
    ///
    /// The server did not answer, or did not do it.
    pub(crate) async fn done(self) -> Result<(), Fault> {
        self.0.await.map_err(|_| Fault("redis: it does not answer".to_owned()))
    }
}

impl Desk {
    /// Sends the errands whose accounts are not busy.
    ///
    /// Whoever looks after accounts goes before the requests that wait for them, or a crowd of those could keep him from ever finding an
    /// account at rest. Whoever only reads waits for the requests that came before: anybody may read, as often as he likes. Those who
    /// read of the same accounts share a call.
    pub(crate) fn run_errands(&mut self) {
        if self.errands.is_empty() {
            return;
        }
        let (asked, mut calls) = (self.asked_since(), ErrandCalls::default());
        for errand in std::mem::take(&mut self.errands) {
            let waits = |account: &Account| {
                let is_asked = asked.get(account).is_some_and(|due| *due <= errand.turn());
                is_asked || self.queue.is_busy(*account)
            };
            if errand.accounts.iter().any(|account| self.is_avoided(*account)) {
                drop(errand); // Nobody asks its server for now.
            } else if errand.accounts.iter().any(waits) {
                self.errands.push(errand);
            } else {
                self.errands.extend(calls.take(errand));
            }
        }
        for errands in calls.calls {
            let accounts = errands[0].accounts.clone();
            self.call(&accounts, Vec::<Candidate>::new(), errands);
        }
    }

    /// The accounts that requests wait for, and when the first of them will have waited in vain: who came first will first.
    fn asked_since(&self) -> HashMap<Account, Tick> {
        let waiting = self.waiting.iter().filter(|candidate| !candidate.is_forgotten());
        earliest(waiting.flat_map(|candidate| candidate.accounts().map(|account| (account, candidate.due))))
    }

    /// The accounts that errands wait for, and since when, as [`Errand::turn`] says it.
    pub(crate) fn awaited_since(&self) -> HashMap<Account, Tick> {
        let of_errand = |errand: &'_ Errand| {
            let turn = errand.turn();
            errand.accounts.iter().map(move |account| (*account, turn)).collect::<SmallVec<[_; 4]>>()
        };
        earliest(self.errands.iter().flat_map(of_errand))
    }

    /// Drops the errands that have waited in vain.
    pub(crate) fn drop_late_errands(&mut self) {
        let now = self.now.tick;
        self.errands.retain(|errand| errand.due > now);
        for call in self.calls.values_mut() {
            call.errands.retain(|errand| errand.due > now);
        }
    }
}

/// The earliest moment for each account.
fn earliest(all: impl Iterator<Item = (Account, Tick)>) -> HashMap<Account, Tick> {
    let mut earliest: HashMap<Account, Tick> = HashMap::new();
    for (account, at) in all {
        earliest.entry(account).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }
    earliest
}

/// Calls of errands that are about to be made.
#[derive(Default)]
struct ErrandCalls {
    calls: Vec<Vec<Errand>>,
    /// Which of them each account is in.
    of: HashMap<Account, usize>,
}

impl ErrandCalls {
    /// Takes an errand into a call of its own, or one that tells it what it wants; it is returned where an account of its is in a
    /// call that does not.
    fn take(&mut self, errand: Errand) -> Option<Errand> {
        let of: SmallVec<[Option<usize>; 4]> =
            errand.accounts.iter().map(|account| self.of.get(account).copied()).collect();
        if of.iter().all(Option::is_none) {
            self.of.extend(errand.accounts.iter().map(|account| (*account, self.calls.len())));
            self.calls.push(vec![errand]);
            return None;
        }
        let call = of[0].filter(|call| of.iter().all(|other| *other == Some(*call)));
        match call.map(|call| &mut self.calls[call]) {
            Some(call) if errand.relief.is_none() && call[0].relief.is_none() => call.push(errand),
            _ => return Some(errand),
        }
        None
    }
}

/// Somebody who waits until the lines of some accounts are on the server, as they were when the waiting began or later.
pub(crate) struct Flush {
    /// The accounts whose lines are still to be sent, or were and are not answered.
    left: HashSet<Account>,
    /// The calls that were under way when the waiting began: other accounts' lines are in them.
    under_way: HashSet<u64>,
    /// The number of the first line that is late enough: those before it were sent before the waiting began.
    from: u64,
    /// What kept some of them from being stored.
    trouble: Option<Trouble>,
    done: mpsc::Sender<Result<(), Fault>>,
}

impl Flush {
    fn is_over(&self) -> bool {
        self.left.is_empty() && self.under_way.is_empty()
    }

    /// Notes what became of a call with those lines, of which the first had that number.
    fn hear(&mut self, number: u64, sent: &[Own], trouble: Option<&Trouble>) {
        let mut concerns = self.under_way.remove(&number);
        for own in sent.iter().filter(|_| number >= self.from) {
            concerns |= self.left.remove(&own.account);
        }
        if concerns && self.trouble.is_none() {
            self.trouble = trouble.cloned();
        }
    }

    fn answer(self) {
        let told = match self.trouble {
            None => Ok(()),
            Some(trouble) => Err(Fault(format!("redis: what was spent last is not stored: {trouble}"))),
        };
        // Who has stopped waiting does not want to know.
        let _ = self.done.send(told);
    }
}

impl Desk {
    /// Begins to publish every line that the server does not have as it is here, be it due or not.
    ///
    /// It waits for the calls that are under way, too: one of them may carry a line that is older than what was spent since.
    pub(crate) fn flush(&mut self, done: mpsc::Sender<Result<(), Fault>>) {
        let left: HashSet<_> = self.ledgers.unpublished(self.now).into_iter().collect();
        let under_way = self.calls.keys().copied().collect();
        self.flushes.push(Flush { left, under_way, from: self.ledgers.next_number(), trouble: None, done });
        if !self.is_linked {
            self.fail_flushes(&Trouble::Gone);
        }
        self.end_flushes();
        self.look_around();
    }

    /// Whether somebody waits for an account's line.
    pub(crate) fn is_flushed(&self, account: Account) -> bool {
        self.flushes.iter().any(|flush| flush.left.contains(&account))
    }

    /// Notes what became of a call with those lines, of which the first had that number.
    pub(crate) fn note_flushed(&mut self, number: u64, sent: &[Own], trouble: Option<&Trouble>) {
        for flush in &mut self.flushes {
            flush.hear(number, sent, trouble);
        }
        self.end_flushes();
    }

    /// Nothing more is stored for now.
    pub(crate) fn fail_flushes(&mut self, trouble: &Trouble) {
        for flush in self.flushes.iter_mut().filter(|flush| !flush.is_over()) {
            flush.left.clear();
            flush.under_way.clear();
            flush.trouble = Some(trouble.clone());
        }
        self.end_flushes();
    }

    fn end_flushes(&mut self) {
        for flush in self.flushes.extract_if(.., |flush| flush.is_over()) {
            flush.answer();
        }
    }
}
