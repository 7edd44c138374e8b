//! Decisions that need nobody's answer: of what is known here, and of what must not wait.

use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::core::{Core, is_timed};
use super::peers::{Account, Ceiling};
use super::settings::{OnFault, SyncMode};
use crate::model::line::Line;
use crate::model::now::Now;
use crate::model::share::equal_share;
use crate::store::{Charge, Claim, Counts, Fault, Mode, Store as _, Verdict};

impl Core {
    /// Decides, unless the server has to be asked.
    pub(super) fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        self.memory.send_newcomers_aside(claims, now);
        self.weigh(claims, now);
        let (healthy, batched) = (self.is_healthy(), self.settings.mode == SyncMode::Batched);
        if mode == Mode::Force || (healthy && batched && claims.iter().all(is_timed)) {
            return Ok(self.decide(claims, mode, now, None));
        }
        if !healthy {
            return self.decide_degraded(claims, mode, now);
        }
        Ok(if self.is_surely_refused(claims, now) { Verdict::Refused } else { Verdict::Open })
    }

    /// Decides while the server cannot be asked.
    pub(super) fn decide_degraded(
        &self,
        claims: &mut [Claim],
        mode: Mode,
        now: Now,
    ) -> Result<Verdict, Fault> {
        self.degraded.fetch_add(1, Relaxed);
        self.weigh(claims, now);
        match self.settings.on_fault {
            OnFault::Local => Ok(self.decide(claims, mode, now, Some(self.outages.load(Relaxed)))),
            OnFault::Allow => Ok(self.decide(claims, Mode::Force, now, None)),
            OnFault::Refuse => Err(Fault("it cannot be asked".to_owned())),
        }
    }

    /// Decides over claims that were weighed, by this process's lines and what is known of the others'.
    ///
    /// What the others have spent is taken off the quotas, for the memory store knows of this process only.
    fn decide(&self, claims: &mut [Claim], mode: Mode, now: Now, outage: Option<u64>) -> Verdict {
        let quotas: SmallVec<[u64; 4]> = claims.iter().map(|claim| claim.quota).collect();
        for claim in claims.iter_mut() {
            claim.quota = self.own_quota(claim, now, outage);
        }
        // The memory store never fails.
        let verdict = self.memory.admit(claims, mode, now).unwrap_or(Verdict::Refused);
        for (claim, quota) in claims.iter_mut().zip(quotas) {
            claim.quota = quota;
            self.touch(claim, now, claim.ticket.is_some());
            self.add_others(claim, now);
        }
        if verdict == Verdict::Refused && outage.is_none() {
            self.want_unless_sure(claims, now);
        }
        verdict
    }

    /// Has the others asked about where they may not need any more what a request was refused for.
    fn want_unless_sure(&self, claims: &[Claim], now: Now) {
        let mut seen: SmallVec<[Claim; 4]> = SmallVec::from_slice(claims);
        if !self.is_surely_refused(&mut seen, now) {
            for claim in claims.iter().filter(|claim| claim.refuses()) {
                self.peers.want(Account::of(claim), claim.standing.window.start, now.tick);
            }
        }
    }

    /// Whether what is settled fills a quota: then nobody needs to be asked.
    ///
    /// What others run is no reason, since it may have ended; nor are places, which others may have left; nor is what
    /// others had spent before somebody returned something. Rules that count refusals have to ask.
    fn is_surely_refused(&self, claims: &mut [Claim], now: Now) -> bool {
        if claims.iter().any(|claim| claim.counts != Counts::Served) {
            return false;
        }
        for claim in claims.iter_mut() {
            let (known, is_certain) = self.peers.others_for_sure(claim, self.returns());
            let now_known = known.at(now.tick);
            // Saturating, for others may have been heard in the meantime.
            let less = |known: u64| claim.standing.spent.saturating_sub(known);
            let settled = if is_certain { known.line.spent } else { 0 };
            let spent = less(now_known.spent).saturating_add(settled);
            claim.standing.refuses = match claim.charge {
                Charge::Time { .. } => spent >= claim.quota,
                Charge::Requests { cost } => spent.saturating_add(cost.max(1)) > claim.quota,
                Charge::Place => less(now_known.admitted.into()) >= claim.quota,
            };
        }
        claims.iter().any(Claim::refuses)
    }

    fn own_quota(&self, claim: &Claim, now: Now, outage: Option<u64>) -> u64 {
        let others = self.others(claim, now);
        let left = claim.quota.saturating_sub(charged(claim, &others));
        let Some(outage) = outage else { return left };
        let own = claim.standing.spent.saturating_add(claim.standing.hold);
        let own = own.saturating_sub(charged(claim, &others));
        let share = equal_share(left.saturating_sub(own), self.processes());
        let drawn = Ceiling { outage, quota: claim.quota, most: own.saturating_add(share) };
        self.peers.with(Account::of(claim), claim.standing.window.start, |entry| {
            let kept = entry.ceiling.filter(|kept| kept.outage == outage && kept.quota == claim.quota);
            entry.ceiling.insert(kept.unwrap_or(drawn)).most.min(left)
        })
    }
}

/// What the others' lines take of a claim's quota.
fn charged(claim: &Claim, others: &Line) -> u64 {
    match claim.charge {
        Charge::Time { .. } => others.spent.saturating_add(others.hold(claim.standing.left)),
        Charge::Requests { .. } => others.spent,
        Charge::Place => u64::from(others.admitted),
    }
}
