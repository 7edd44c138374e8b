//! A request that waits for a decision.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::core::Core;
use super::peers::Account;
use crate::model::key::KeyHash;
use crate::model::now::Now;
use crate::model::units::Tick;
use crate::store::{Claim, Fault, Mode, Settlement, Verdict};

/// A request that waits for a decision.
///
/// Where accounts of different keys lie on different servers, the servers are asked one after another, and what the
/// first ones have charged is returned if a later one refuses.
pub(super) struct Candidate {
    pub(super) mode: Mode,
    /// When it arrived.
    now: Now,
    /// Until when it waits.
    pub(super) due: Tick,
    claims: Vec<Claim>,
    /// The keys that are to be asked about one by one, the next one last; empty if all are asked about at once.
    keys: SmallVec<[KeyHash; 2]>,
    reply: oneshot::Sender<Answered>,
}

impl Candidate {
    /// A request that arrived at `now`; `apart` says whether its keys are to be asked about one by one.
    pub(super) fn new(
        claims: &[Claim],
        mode: Mode,
        now: Now,
        due: Tick,
        apart: bool,
        reply: oneshot::Sender<Answered>,
    ) -> Self {
        let mut keys: SmallVec<[KeyHash; 2]> = SmallVec::new();
        for claim in claims.iter().rev().filter(|_| apart) {
            if !keys.contains(&claim.key) {
                keys.push(claim.key);
            }
        }
        Self { mode, now, due, claims: claims.to_vec(), keys, reply }
    }

    /// The claims that are to be asked about next.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| self.asks(claim))
    }

    /// The accounts that are to be asked about next.
    pub(super) fn accounts(&self) -> impl Iterator<Item = Account> {
        self.asked().map(Account::of)
    }

    /// Whether nobody waits for the decision any more.
    pub(super) fn is_forgotten(&self) -> bool {
        self.reply.is_closed()
    }

    /// Decides without the server.
    pub(super) fn decide_degraded(mut self, core: &Arc<Core>) {
        self.give_back(core);
        let outcome = core.decide_degraded(&mut self.claims, self.mode, self.now);
        self.answer(core, outcome);
    }

    /// Does as the server has decided; returned if there is another one to ask.
    pub(super) fn conclude(mut self, core: &Arc<Core>, admitted: bool, codes: &[u8]) -> Option<Self> {
        let verdict = if admitted { Verdict::Admitted } else { Verdict::Refused };
        let mut asked: SmallVec<[Claim; 4]> = self.asked().copied().collect();
        core.conclude(&mut asked, verdict, codes, self.now);
        let key = self.keys.last().copied();
        let own = |claim: &&mut Claim| key.is_none_or(|key| claim.key == key);
        for (claim, concluded) in self.claims.iter_mut().filter(own).zip(asked) {
            *claim = concluded;
        }
        self.keys.pop();
        if admitted && !self.keys.is_empty() {
            return Some(self);
        }
        if !admitted {
            self.give_back(core);
        }
        self.answer(core, Ok(verdict));
        None
    }

    fn asks(&self, claim: &Claim) -> bool {
        self.keys.last().is_none_or(|key| claim.key == *key)
    }

    /// Returns what was charged for a request that is not served after all.
    fn give_back(&mut self, core: &Core) {
        if self.claims.iter().any(|claim| claim.ticket.is_some()) {
            let now = core.now();
            let cost = now.tick.since(self.now.tick);
            let extra_micros = -(cost.0 as i64);
            let returned = Settlement { cost, extra_micros, returned: true, ..Settlement::default() };
            core.give_back(&mut self.claims, &returned, now);
        }
    }

    fn answer(self, core: &Arc<Core>, outcome: Result<Verdict, Fault>) {
        let Self { claims, now, reply, .. } = self;
        // Where nobody waits any more, what is dropped here ends the request.
        drop(reply.send(Answered { core: Arc::clone(core), outcome, claims, since: now.tick }));
    }
}

/// A decision on its way to whoever waits for it: dropped before it arrives, it ends the request that it admits.
pub(super) struct Answered {
    core: Arc<Core>,
    outcome: Result<Verdict, Fault>,
    claims: Vec<Claim>,
    since: Tick,
}

impl Answered {
    pub(super) fn take(mut self) -> Result<(Verdict, Vec<Claim>), Fault> {
        let claims = std::mem::take(&mut self.claims);
        self.outcome.clone().map(|verdict| (verdict, claims))
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        if self.outcome == Ok(Verdict::Admitted) && !self.claims.is_empty() {
            let now = self.core.now();
            let settlement = Settlement { cost: now.tick.since(self.since), ..Settlement::default() };
            self.core.settle(&mut self.claims, &settlement, now);
        }
    }
}
