//! A request that waits for a decision.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::model::key::KeyHash;
use crate::model::now::Now;
use crate::model::units::Tick;
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::{Outcome, Question};
use crate::store::{Claim, Fault, Mode, Settlement, Verdict};

/// A request that waits for a decision.
///
/// Where accounts of different homes lie on different servers, the servers are asked one after another, and what the
/// first ones have charged is returned if a later one refuses.
pub(crate) struct Candidate {
    mode: Mode,
    /// When it arrived.
    now: Now,
    /// Until when it waits.
    pub(super) due: Tick,
    claims: Vec<Claim>,
    /// The homes that are to be asked about one by one, the next one last; empty if all are asked about at once.
    homes: SmallVec<[KeyHash; 2]>,
    reply: oneshot::Sender<Answered>,
}

impl Candidate {
    /// A request that arrived at `now`; `is_apart` says whether its homes are to be asked about one by one.
    pub(crate) fn new(
        claims: Vec<Claim>,
        mode: Mode,
        now: Now,
        due: Tick,
        is_apart: bool,
        reply: oneshot::Sender<Answered>,
    ) -> Self {
        let mut homes: SmallVec<[KeyHash; 2]> = SmallVec::new();
        if is_apart {
            for at in (0..claims.len()).rev() {
                let home = Account::at(&claims, at).home;
                if !homes.contains(&home) {
                    homes.push(home);
                }
            }
        }
        Self { mode, now, due, claims, homes, reply }
    }

    /// The accounts that are to be asked about next.
    pub(super) fn accounts(&self) -> impl Iterator<Item = Account> {
        Account::all(&self.claims).filter(|account| self.asks(*account))
    }

    /// The home that is asked about next, where they are asked about one by one.
    pub(super) fn home(&self) -> Option<KeyHash> {
        self.homes.last().copied()
    }

    /// What the server is asked next, where these accounts' lines are sent with it.
    pub(super) fn question(&self, accounts: &[Account]) -> Question<'_> {
        let claims = Account::all(&self.claims).zip(&self.claims);
        let asked = claims.filter(|(account, _)| self.asks(*account));
        let position = |account| accounts.iter().position(|sent| *sent == account);
        // Those of the candidate are among the accounts; 0 would make the script fail, and harm nothing.
        let claims = asked.map(|(account, claim)| (position(account).map_or(0, |at| at + 1), claim));
        Question { is_forced: self.mode == Mode::Force, claims: claims.collect() }
    }

    /// Whether nobody waits for the decision any more.
    pub(super) fn is_forgotten(&self) -> bool {
        self.reply.is_closed()
    }

    /// Decides without the server.
    pub(super) fn decide_degraded(mut self, ledgers: &Arc<Ledgers>, now: Now) {
        self.give_back(ledgers, now);
        let outcome = ledgers.decide_degraded(&mut self.claims, self.mode, self.now);
        self.answer(ledgers, outcome);
    }

    /// Does as the server has decided; returned if there is another one to ask.
    pub(super) fn conclude(
        mut self,
        ledgers: &Arc<Ledgers>,
        admitted: bool,
        outcomes: &[Outcome],
        now: Now,
    ) -> Option<Self> {
        let verdict = if admitted { Verdict::Admitted } else { Verdict::Refused };
        let asked: SmallVec<[usize; 4]> = self.asked().collect();
        ledgers.conclude(&mut self.claims, &asked, verdict, outcomes, self.now);
        self.homes.pop();
        if admitted && !self.homes.is_empty() {
            return Some(self);
        }
        if !admitted {
            self.give_back(ledgers, now);
        }
        self.answer(ledgers, Ok(verdict));
        None
    }

    /// The positions of the claims that are asked about next.
    fn asked(&self) -> impl Iterator<Item = usize> {
        (0..self.claims.len()).filter(|at| self.asks(Account::at(&self.claims, *at)))
    }

    fn asks(&self, account: Account) -> bool {
        self.home().is_none_or(|home| account.home == home)
    }

    /// Returns what was charged for a request that is not served after all.
    fn give_back(&mut self, ledgers: &Ledgers, now: Now) {
        if self.claims.iter().any(|claim| claim.ticket.is_some()) {
            let cost = now.tick.since(self.now.tick);
            let extra_micros = -(cost.0 as i64);
            let returned = Settlement { cost, extra_micros, returned: true, ..Settlement::default() };
            ledgers.give_back(&mut self.claims, &returned, now);
        }
    }

    fn answer(self, ledgers: &Arc<Ledgers>, outcome: Result<Verdict, Fault>) {
        let Self { claims, now, reply, .. } = self;
        // Where nobody waits any more, what is dropped here ends the request.
        drop(reply.send(Answered { ledgers: Arc::clone(ledgers), outcome, claims, since: now.tick }));
    }
}

/// A decision on its way to whoever waits for it: dropped before it arrives, it ends the request that it admits.
pub(crate) struct Answered {
    ledgers: Arc<Ledgers>,
    outcome: Result<Verdict, Fault>,
    claims: Vec<Claim>,
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
        if self.outcome == Ok(Verdict::Admitted) && !self.claims.is_empty() {
            let now = self.ledgers.now();
            let settlement = Settlement { cost: now.tick.since(self.since), ..Settlement::default() };
            self.ledgers.settle(&mut self.claims, &settlement, now);
        }
    }
}
