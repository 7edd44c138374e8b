//! Decisions that need nobody's answer: of what is known here, and of what must not wait.

use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::Ledgers;
use super::peers::Ceiling;
use crate::model::{FROZEN_AFTER, Line, Micros, Now, Others, equal_share};
use crate::store::memory::Beside;
use crate::store::redis::script::Account;
use crate::store::redis::settings::{OnFault, Settings, SyncMode};
use crate::store::{Charge, Claim, Counts, Fault, Mode, Part, Progress, Verdict};

impl Ledgers {
    /// Decides, unless the server has to be asked.
    pub(crate) fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        self.memory.send_newcomers_aside(claims, now);
        self.look(claims, Progress::default(), now);
        let healthy = self.is_healthy();
        if mode == Mode::Force || (healthy && self.is_known(claims, now)) {
            return Ok(self.decide(claims, mode, now, None));
        }
        if !healthy {
            return self.decide_degraded(claims, mode, now);
        }
        Ok(if self.is_surely_refused(claims, now) { Verdict::Refused } else { Verdict::Open })
    }

    /// Whether it can be decided over claims between two exchanges: in batched mode over limits of time, of whose accounts
    /// all were read lately. About one that was not, the server is asked once.
    fn is_known(&self, claims: &[Claim], now: Now) -> bool {
        let Settings { mode, sync, .. } = self.settings;
        if mode != SyncMode::Batched || !claims.iter().all(|claim| claim.ask.is_timed()) {
            return false;
        }
        let most = Micros::from(sync).0 + READ_AFTER.0;
        let is_fresh = |claim: &Claim, part: Part| {
            let read_at = self.peers.others(Account::of(claim, part), claim).read_at;
            // How many clients there are is read with each that is new here.
            let is_number = part == Part::Clients && read_at != Others::UNKNOWN.read_at;
            is_number || now.tick.since(read_at).0 <= most
        };
        claims.iter().all(|claim| claim.ask.parts().iter().all(|part| is_fresh(claim, *part)))
    }

    /// Decides while the server cannot be asked.
    pub(crate) fn decide_degraded(
        &self,
        claims: &mut [Claim],
        mode: Mode,
        now: Now,
    ) -> Result<Verdict, Fault> {
        self.degraded.fetch_add(1, Relaxed);
        self.look(claims, Progress::default(), now);
        claims.iter_mut().for_each(|claim| claim.run.is_degraded = true);
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
        let beside: SmallVec<[Beside; 4]> =
            claims.iter().map(|claim| self.beside(claim, now, outage)).collect();
        let verdict = self.memory.admit_beside(claims, mode, now, &beside);
        for claim in &mut *claims {
            self.touch(claim, now, claim.run.is_on);
            self.add_others(claim, now);
        }
        if verdict == Verdict::Refused && outage.is_none() {
            self.want_unless_sure(claims, now);
        }
        verdict
    }

    /// Has the others asked about where they may not need any more what a request was refused for.
    fn want_unless_sure(&self, claims: &[Claim], now: Now) {
        let is_shared_out = |claim: &Claim| claim.refuses() && claim.standing.is_shared_out;
        let mut seen: SmallVec<[Claim; 4]> = SmallVec::from_slice(claims);
        if claims.iter().any(is_shared_out) || self.is_surely_refused(&mut seen, now) {
            return;
        }
        for claim in claims.iter().filter(|claim| claim.refuses()) {
            self.peers.want(Account::of(claim, Part::Whole), claim.standing.window.start, now.tick);
        }
    }

    /// Whether what is settled fills a quota: then nobody needs to be asked.
    ///
    /// What others run is no reason, since it may have ended; nor are places, which others may have left; nor is what
    /// others had spent before somebody returned something. Rules that count refusals have to ask.
    fn is_surely_refused(&self, claims: &mut [Claim], now: Now) -> bool {
        if claims.iter().any(|claim| claim.ask.counts != Counts::Served) {
            return false;
        }
        let settled = |claim: &Claim| self.settled(claim, now);
        let settled: SmallVec<[u64; 4]> = claims.iter().map(settled).collect();
        for (claim, settled) in claims.iter_mut().zip(settled) {
            claim.standing.refuses = match claim.ask.charge {
                Charge::Time { .. } | Charge::Place => settled >= claim.ask.quota,
                Charge::Requests { cost } => settled.saturating_add(cost.max(1)) > claim.ask.quota,
            };
        }
        claims.iter().any(Claim::refuses)
    }

    /// What the account of a claim that was weighed has certainly spent: all that is spent here, and what the others had
    /// spent when they were heard, but for what their requests then may have seemed to run on after they had ended.
    fn settled(&self, claim: &Claim, now: Now) -> u64 {
        let account = Account::of(claim, Part::Whole);
        let (known, is_certain) = self.peers.others_for_sure(account, claim, self.returns());
        let now_known = known.at(now.tick);
        // Saturating, for others may have been heard in the meantime.
        let less = |known: u64| claim.standing.spent.saturating_sub(known);
        match claim.ask.charge {
            Charge::Place => less(now_known.admitted.into()),
            Charge::Time { .. } | Charge::Requests { .. } => {
                let risen = u64::from(known.line.running).saturating_mul(FROZEN_AFTER.0);
                let certain = if is_certain { known.line.spent.saturating_sub(risen) } else { 0 };
                less(now_known.spent).saturating_add(certain)
            }
        }
    }

    /// What the others' lines are to the accounts of a claim that was weighed.
    fn beside(&self, claim: &Claim, now: Now, outage: Option<u64>) -> Beside {
        let others = self.others(claim, Part::Whole, now);
        let taken = claim.ask.quota - self.own_quota(claim, &others, outage);
        let beside = Beside { spent: others.spent, taken, ..Beside::default() };
        if claim.ask.client.is_none() {
            return beside;
        }
        let share = self.others(claim, Part::Share, now);
        let clients = self.others(claim, Part::Clients, now).spent;
        Beside { clients, share: share.spent, knows_client: !share.is_empty(), ..beside }
    }

    /// What this process may come to, at most the quota.
    fn own_quota(&self, claim: &Claim, others: &Line, outage: Option<u64>) -> u64 {
        let quota = claim.ask.quota;
        let left = quota.saturating_sub(charged(claim, others));
        let Some(outage) = outage else { return left };
        let own = claim.standing.spent.saturating_add(claim.standing.hold);
        let own = own.saturating_sub(charged(claim, others));
        let share = equal_share(left.saturating_sub(own), self.processes());
        let drawn = Ceiling { outage, quota, most: own.saturating_add(share) };
        let account = Account::of(claim, Part::Whole);
        self.peers.with(account, claim.standing.window.start, |known| {
            let kept = known.ceiling.filter(|kept| kept.outage == outage && kept.quota == quota);
            known.ceiling.insert(kept.unwrap_or(drawn)).most.min(left)
        })
    }
}

/// How much later than each sync the others may be read: by the pace at which it is looked for lines to publish, and a
/// round trip on a busy machine.
const READ_AFTER: Micros = Micros(100_000);

/// What the others' lines take of a claim's quota.
fn charged(claim: &Claim, others: &Line) -> u64 {
    match claim.ask.charge {
        Charge::Time { .. } => others.spent.saturating_add(others.hold(claim.standing.left)),
        Charge::Requests { .. } => others.spent,
        Charge::Place => u64::from(others.admitted),
    }
}
