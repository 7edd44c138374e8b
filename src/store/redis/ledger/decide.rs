//! Decisions that need nobody's answer: of what is known here, and of what must not wait.

use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::Ledgers;
use super::peers::Ceiling;
use crate::model::{FROZEN_AFTER, Line, Micros, Now, Others, equal_share};
use crate::store::memory::{Beside, account};
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
    /// spent when they were heard, but for what their requests then may have seemed to run on after they had ended. If
    /// anybody has returned or granted anything since, nothing is certain.
    fn settled(&self, claim: &Claim, now: Now) -> u64 {
        let account = Account::of(claim, Part::Whole);
        let (known, is_certain) = self.peers.others_for_sure(account, claim, self.returns());
        let now_known = known.at(now.tick);
        match claim.ask.charge {
            // Saturating, for others may have been heard in the meantime.
            Charge::Place => claim.standing.spent.saturating_sub(now_known.admitted.into()),
            Charge::Time { .. } | Charge::Requests { .. } if is_certain => {
                let since = now_known.net.saturating_sub(known.line.net).max(0).unsigned_abs();
                let risen = u64::from(known.line.running).saturating_mul(FROZEN_AFTER.0);
                claim.standing.spent.saturating_sub(since).saturating_sub(risen)
            }
            Charge::Time { .. } | Charge::Requests { .. } => 0,
        }
    }

    /// What the others' lines are to the accounts of a claim that was weighed.
    fn beside(&self, claim: &Claim, now: Now, outage: Option<u64>) -> Beside {
        let others = self.others(claim, Part::Whole, now);
        let credit = self.own_credit(claim, &others, now);
        let taken = self.taken(claim, &others, credit, outage).saturating_sub(credit);
        let spent = at_least_0(others.net.saturating_sub(credit));
        let beside = Beside { spent, taken, ..Beside::default() };
        if claim.ask.client.is_none() {
            return beside;
        }
        let share = self.others(claim, Part::Share, now);
        let clients = at_least_0(self.others(claim, Part::Clients, now).net);
        Beside { clients, share: at_least_0(share.net), knows_client: !share.is_empty(), ..beside }
    }

    /// What was granted here beyond what has been charged here: to the memory store that is nothing that was spent, but it
    /// makes up for what others have.
    fn own_credit(&self, claim: &Claim, others: &Line, now: Now) -> i64 {
        let is_spent_here = i128::from(claim.standing.spent) > i128::from(others.net.max(0));
        if is_spent_here || claim.ask.charge == Charge::Place {
            return 0;
        }
        let (book, key) = account(claim, Part::Whole);
        self.memory.line(book, key, now).0.net.min(0).saturating_neg()
    }

    /// What the others take of a claim's quota: what they have charged, and without a server their shares.
    fn taken(&self, claim: &Claim, others: &Line, credit: i64, outage: Option<u64>) -> i64 {
        let (charged, quota) = (charged(claim, others), at_most(claim.ask.quota));
        let Some(outage) = outage else { return charged };
        let known = at_most(claim.standing.spent.saturating_add(claim.standing.hold));
        let own = if credit > 0 { credit.saturating_neg() } else { known.saturating_sub(charged) };
        let left = quota.saturating_sub(charged).saturating_sub(own);
        let share = at_most(equal_share(at_least_0(left), self.processes()));
        let drawn = Ceiling { outage, quota: claim.ask.quota, most: own.saturating_add(share) };
        let account = Account::of(claim, Part::Whole);
        let most = self.peers.with(account, claim.standing.window.start, |known| {
            let is_drawn = |kept: &Ceiling| kept.outage == outage && kept.quota == claim.ask.quota;
            known.ceiling.insert(known.ceiling.filter(is_drawn).unwrap_or(drawn)).most
        });
        charged.max(quota.saturating_sub(most))
    }
}

/// A number as one that may be below 0.
fn at_most(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that means nothing below 0.
fn at_least_0(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// How much later than each sync the others may be read: by the pace at which it is looked for lines to publish, and a
/// round trip on a busy machine.
const READ_AFTER: Micros = Micros(100_000);

/// What the others' lines take of a claim's quota; below 0 where they were granted more than they were charged.
fn charged(claim: &Claim, others: &Line) -> i64 {
    match claim.ask.charge {
        Charge::Time { .. } => others.net.saturating_add_unsigned(others.hold(claim.standing.left)),
        Charge::Requests { .. } => others.net,
        Charge::Place => i64::from(others.admitted),
    }
}
