//! A request that waits for a decision.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::core::Core;
use super::peers::Account;
use crate::model::now::Now;
use crate::model::units::Tick;
use crate::store::{Claim, Fault, Mode, Settlement, Verdict};

/// A request that waits for a decision.
pub(super) struct Candidate {
    pub(super) claims: Vec<Claim>,
    pub(super) mode: Mode,
    /// When it arrived.
    pub(super) now: Now,
    /// Until when it waits.
    pub(super) due: Tick,
    pub(super) reply: oneshot::Sender<Answered>,
}

impl Candidate {
    pub(super) fn accounts(&self) -> impl Iterator<Item = Account> {
        self.claims.iter().map(Account::of)
    }

    /// Decides without the server.
    pub(super) fn decide_degraded(mut self, core: &Arc<Core>) {
        let outcome = core.decide_degraded(&mut self.claims, self.mode, self.now);
        self.answer(core, outcome);
    }

    /// Does as the server has decided.
    pub(super) fn conclude(mut self, core: &Arc<Core>, admitted: bool, codes: &[u8]) {
        let verdict = if admitted { Verdict::Admitted } else { Verdict::Refused };
        core.conclude(&mut self.claims, verdict, codes, self.now);
        self.answer(core, Ok(verdict));
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
