//! Requests that wait for a decision, and the queue in which they wait until the desk looks at them.
//!
//! A [`Candidate`] owns its request's claims while it waits, and gives them back with the decision. Whatever becomes of it, it is
//! decided exactly once: by the server, here when its deadline has come, or here when it is dropped, because whoever had it has
//! ended or broken.
//!
//! The [`Queue`] is shared by all of the process's threads. It keeps which accounts are *busy*, so that a thread that brings a
//! request for one of those wakes nobody: the request is looked at when the answer that it has to wait for in any case has come.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::model::{KeyHash, Now, Tick};
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::{Outcome, Question};
use crate::store::{Claim, Fault, Mode, Part, Settlement, Verdict};

/// A request that waits for a decision.
///
/// Where accounts of different homes lie on different servers, the servers are asked one after another, and what the
/// first ones have charged is returned if a later one refuses. One that is dropped without a decision, because whoever
/// had it has ended or broken, is decided over without the server: nobody waits for ever.
pub(crate) struct Candidate {
    ledgers: Arc<Ledgers>,
    mode: Mode,
    /// When it arrived.
    now: Now,
    /// Until when it waits.
    pub(crate) due: Tick,
    claims: Vec<Claim>,
    /// The homes that are to be asked about one by one, the next one last; empty if all are asked about at once.
    homes: SmallVec<[KeyHash; 2]>,
    /// Who waits for the decision, until it is made.
    reply: Option<oneshot::Sender<Answered>>,
}

impl Candidate {
    /// A request that arrived at `now` and waits from now on for as long as the settings say, and who is to be told.
    pub(crate) fn new(
        ledgers: &Arc<Ledgers>,
        claims: Vec<Claim>,
        mode: Mode,
        now: Now,
        reply: oneshot::Sender<Answered>,
    ) -> Self {
        let mut homes: SmallVec<[KeyHash; 2]> = SmallVec::new();
        if ledgers.is_clustered() {
            for claim in claims.iter().rev() {
                let home = Account::from_claim(claim, Part::Whole).home;
                if !homes.contains(&home) {
                    homes.push(home);
                }
            }
        }
        // Not from its arrival on: what code between there and here has taken is no time that a server took.
        let due = ledgers.now().tick.0.saturating_add(ledgers.settings.deadline.as_micros() as i64);
        let (ledgers, reply) = (Arc::clone(ledgers), Some(reply));
        Self { ledgers, mode, now, due: Tick(due), claims, homes, reply }
    }

    /// The accounts that are to be asked about next.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account> {
        Account::all(&self.claims).filter(|account| self.asks(*account))
    }

    /// The home that is asked about next, where they are asked about one by one.
    pub(crate) fn home(&self) -> Option<KeyHash> {
        self.homes.last().copied()
    }

    /// What the server is asked next, where these accounts' lines are sent with it.
    pub(crate) fn question(&self, accounts: &[Account]) -> Question<'_> {
        let position = |account| accounts.iter().position(|sent| *sent == account);
        let asked = self.claims.iter().filter(|claim| self.asks(Account::from_claim(claim, Part::Whole)));
        // Those of the candidate are among the accounts; 0 would make the script fail, and harm nothing.
        let place = |claim, part| position(Account::from_claim(claim, part)).map_or(0, |at| at + 1);
        let parts = asked
            .flat_map(|claim| claim.ask.parts().iter().map(move |part| (place(claim, *part), *part, claim)));
        Question { is_forced: self.mode == Mode::Force, parts: parts.collect() }
    }

    /// Whether nobody waits for the decision any more.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Decides here, if an answer that somebody else has waited for says enough by now; else it is returned.
    pub(crate) fn decide_if_known(mut self) -> Option<Self> {
        let is_begun = self.claims.iter().any(|claim| claim.run.is_on);
        if is_begun || self.is_forgotten() {
            return Some(self);
        }
        match self.ledgers.admit(&mut self.claims, self.mode, self.now) {
            Ok(Verdict::Open) => Some(self),
            decided => {
                self.ledgers.memory.note_earlier(&mut self.claims, self.now);
                self.answer(decided);
                None
            }
        }
    }

    /// Decides without the server.
    pub(crate) fn decide_degraded(mut self, now: Now) {
        self.settle_degraded(now);
    }

    /// Does as the server has decided; returned if there is another one to ask.
    pub(crate) fn conclude(mut self, admitted: bool, outcomes: &[Outcome], now: Now) -> Option<Self> {
        let verdict = if admitted { Verdict::Admitted } else { Verdict::Refused };
        let asked: SmallVec<[usize; 4]> = self.asked().collect();
        self.ledgers.conclude(&mut self.claims, &asked, verdict, outcomes, self.now);
        self.homes.pop();
        if admitted && !self.homes.is_empty() {
            return Some(self);
        }
        if !admitted {
            self.give_back(now);
        }
        self.answer(Ok(verdict));
        None
    }

    /// The positions of the claims that are asked about next.
    fn asked(&self) -> impl Iterator<Item = usize> {
        (0..self.claims.len()).filter(|at| self.asks(Account::from_claim(&self.claims[*at], Part::Whole)))
    }

    fn asks(&self, account: Account) -> bool {
        self.home().is_none_or(|home| account.home == home)
    }

    fn settle_degraded(&mut self, now: Now) {
        self.give_back(now);
        let outcome = self.ledgers.decide_degraded(&mut self.claims, self.mode, self.now);
        self.ledgers.memory.note_earlier(&mut self.claims, self.now);
        self.answer(outcome);
    }

    /// In a cluster, earlier servers may have charged what the later ones refuse.
    fn give_back(&mut self, now: Now) {
        give_back(&self.ledgers, &mut self.claims, self.now.tick, now);
    }

    /// At most once: the sender is gone then.
    fn answer(&mut self, outcome: Result<Verdict, Fault>) {
        let Some(reply) = self.reply.take() else { return };
        let (ledgers, claims) = (Arc::clone(&self.ledgers), std::mem::take(&mut self.claims));
        // Where nobody waits any more, what is dropped here ends the request.
        drop(reply.send(Answered { ledgers, outcome, claims, since: self.now.tick }));
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if self.is_forgotten() {
            self.give_back(self.ledgers.now());
        } else {
            self.settle_degraded(self.now);
        }
    }
}

/// Returns what was charged for a request that arrived at `since` and is not served: a server has refused it after others had
/// admitted it, or nobody waits for it any more.
///
/// What it ran meanwhile is taken off again, so it leaves no trace: a client that hangs up while its request is being decided
/// holds no place and spends nothing.
fn give_back(ledgers: &Ledgers, claims: &mut [Claim], since: Tick, now: Now) {
    if claims.iter().any(|claim| claim.run.is_on) {
        let cost = now.tick.since(since);
        let extra_micros = -(cost.0 as i64);
        let returned = Settlement { cost, extra_micros, returned: true, ..Settlement::default() };
        ledgers.give_back(claims, &returned, now);
    }
}

/// A decision on its way to whoever waits for it: dropped before it arrives, it [gives back](give_back) what it has charged.
pub(crate) struct Answered {
    ledgers: Arc<Ledgers>,
    outcome: Result<Verdict, Fault>,
    claims: Vec<Claim>,
    /// When the request arrived.
    since: Tick,
}

impl Answered {
    /// The decision, and the claims as it leaves them.
    pub(crate) fn take(mut self) -> Result<(Verdict, Vec<Claim>), Fault> {
        let claims = std::mem::take(&mut self.claims);
        self.outcome.clone().map(|verdict| (verdict, claims))
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if self.outcome == Ok(Verdict::Admitted) {
            give_back(&self.ledgers, &mut self.claims, self.since, self.ledgers.now());
        }
    }
}

/// Requests that the desk has not looked at yet, and what whoever brings one has to know of it: which accounts are busy.
///
/// To wake the desk costs more than to decide. A request that must wait for an answer in any case is looked at when that has
/// come; so of all who arrive while a call is under way nobody wakes it.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// The accounts of the calls under way.
    busy: Mutex<HashSet<Account, RandomState>>,
}

/// Behind one lock, which is held for a push or a swap only; the accounts that are busy have another one.
#[derive(Default)]
struct Waiting {
    candidates: Vec<Candidate>,
    /// Whether nobody will look at them any more.
    is_closed: bool,
}

impl Queue {
    /// Brings a request; says whether the desk has to be woken for it. Once the queue is closed, it is dropped, and with that
    /// decided.
    ///
    /// Brought first, and looked second: an account that ceases to be busy in between is one that the desk looks for requests
    /// after.
    pub(crate) fn bring(&self, candidate: Candidate) -> bool {
        let accounts: SmallVec<[Account; 4]> = candidate.accounts().collect();
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            drop(waiting);
            return false;
        }
        waiting.candidates.push(candidate);
        drop(waiting);
        let busy = self.busy.lock();
        !accounts.iter().any(|account| busy.contains(account))
    }

    /// Takes those who wait.
    pub(crate) fn take(&self) -> Vec<Candidate> {
        std::mem::take(&mut self.waiting.lock().candidates)
    }

    /// Decides over those who wait and over all who will come, for nobody looks at them any more.
    pub(crate) fn close(&self) {
        self.waiting.lock().is_closed = true;
        drop(self.take());
    }

    pub(crate) fn is_busy(&self, account: Account) -> bool {
        self.busy.lock().contains(&account)
    }

    pub(crate) fn begin(&self, account: Account) {
        self.busy.lock().insert(account);
    }

    pub(crate) fn end(&self, accounts: impl Iterator<Item = Account>) {
        let mut busy = self.busy.lock();
        for account in accounts {
            busy.remove(&account);
        }
    }

    pub(crate) fn end_all(&self) {
        self.busy.lock().clear();
    }
}
