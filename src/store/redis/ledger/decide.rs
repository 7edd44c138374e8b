//! Decisions, and what follows from them: what is charged here, and where an account then stands.
//!
//! A decision is made in one of three ways, and the first that can make it does:
//!
//! 1. *Here, because it is known.* What is settled fills the quota, and nobody needs to be asked; or all lines were read within
//!    `sync`, in batched mode, of limits of time.
//! 2. *By the server.* The claims are left as they are and the verdict is [`Verdict::Open`]. What the server has decided, and has
//!    charged already, is then charged here, too.
//! 3. *Here, because it must not wait.* The server cannot be asked, or has not answered in time; `on_store_fault` says whether the
//!    last known lines and an equal share of what is left decide, or everything is admitted, or nothing is.
//!
//! What the others have spent is taken off the quota before the memory store is asked, since that knows of this process only. All
//! amounts are in the unit of the limit: microseconds or requests.

use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use crate::model::{FROZEN_AFTER, Line, Micros, Now, Others, equal_share};
use crate::store::memory::{Beside, account};
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::ledger::peers::Ceiling;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Outcome;
use crate::store::redis::settings::{OnFault, Settings, SyncMode};
use crate::store::{
    Charge, Claim, Counts, Fault, Mode, Part, Progress, Run, Settlement, Store as _, Verdict,
};

impl Ledgers {
    /// Decides, unless the server has to be asked.
    ///
    /// [`Verdict::Open`] means that the server has to be asked. The claims' standings are filled in whatever the verdict.
    ///
    /// # Errors
    ///
    /// A fault if the server cannot be asked and the URI says to refuse then.
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
            let read_at = self.peers.others(Account::from_claim(claim, part), claim).read_at;
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
            self.peers.want(Account::from_claim(claim, Part::Whole), claim.standing.window.start, now.tick);
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
        let account = Account::from_claim(claim, Part::Whole);
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
    ///
    /// A share is equal, by the processes last seen, and of what was left when the outage began.
    fn taken(&self, claim: &Claim, others: &Line, credit: i64, outage: Option<u64>) -> i64 {
        let (charged, quota) = (charged(claim, others), at_most(claim.ask.quota));
        let Some(outage) = outage else { return charged };
        let known = at_most(claim.standing.spent.saturating_add(claim.standing.hold));
        let own = if credit > 0 { credit.saturating_neg() } else { known.saturating_sub(charged) };
        let left = quota.saturating_sub(charged).saturating_sub(own);
        let share = at_most(equal_share(at_least_0(left), self.processes()));
        let drawn = Ceiling { outage, quota: claim.ask.quota, most: own.saturating_add(share) };
        let account = Account::from_claim(claim, Part::Whole);
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

impl Ledgers {
    /// Charges what the server has decided over some of a request's claims, given by their positions.
    ///
    /// Where there is no more room for an account, its shared one is charged, as in memory; then the server, which has
    /// charged the account itself, is told of both.
    pub(crate) fn conclude(
        &self,
        claims: &mut [Claim],
        asked: &[usize],
        verdict: Verdict,
        outcomes: &[Outcome],
        now: Now,
    ) {
        let mut charged: SmallVec<[usize; 4]> = SmallVec::new();
        let mut outcomes = outcomes.iter();
        for &at in asked {
            let claim = &mut claims[at];
            self.weigh(claim, now);
            let parts = claim.ask.parts();
            claim.run.is_new = false;
            for (part, outcome) in parts.iter().zip(outcomes.by_ref().take(parts.len())) {
                claim.standing.refuses |= outcome.refuses;
                claim.standing.is_shared_out |= outcome.refuses && *part == Part::Share;
                claim.run.is_new |= outcome.is_new;
                claim.run.is_on |= outcome.is_charged;
            }
            charged.extend(claim.run.is_on.then_some(at));
        }
        if !charged.is_empty() {
            self.charge_decided(claims, &charged, verdict, now);
        }
    }

    /// Charges here what the server has decided over, and has charged already.
    fn charge_decided(&self, claims: &mut [Claim], charged: &[usize], verdict: Verdict, now: Now) {
        let mut copies: SmallVec<[Claim; 4]> = charged.iter().map(|at| claims[*at]).collect();
        self.memory.charge_decided(&mut copies, now);
        for (&at, copy) in charged.iter().zip(copies) {
            let asked_about: SmallVec<[Account; 3]> = Account::of_claim(&claims[at]).collect();
            claims[at].run = Run { is_on: verdict == Verdict::Admitted, ..copy.run };
            for (account, asked_about) in Account::of_claim(&claims[at]).zip(asked_about) {
                self.note_charged(account, asked_about, &claims[at], now);
            }
        }
    }

    /// Notes which account was charged here where the server has charged the one that it was asked about.
    fn note_charged(&self, account: Account, asked_about: Account, claim: &Claim, now: Now) {
        let has_moved = account != asked_about;
        self.peers.touch(account, claim.standing.window.start, now.tick, has_moved);
        if has_moved {
            self.correct(asked_about, now);
        }
    }

    /// Ends an admitted request, and says where its accounts stand.
    ///
    /// It never waits: what the server has to hear of it is noted, and published with the next call or after 80 ms.
    pub(crate) fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        let ran: SmallVec<[bool; 8]> = claims.iter().map(|claim| claim.run.is_on).collect();
        self.memory.settle(claims, settlement, now);
        for (claim, ran) in claims.iter_mut().zip(ran) {
            if ran {
                self.note_settled(claim, settlement, now);
                self.add_others(claim, now);
            } else {
                // Settled long ago, or never charged: it is only looked at, and `weigh` adds the others once.
                self.weigh(claim, now);
            }
        }
    }

    /// Notes what is to be published of a claim that has ended.
    fn note_settled(&self, claim: &Claim, settlement: &Settlement, now: Now) {
        let (changes, returns) = match claim.ask.charge {
            Charge::Requests { .. } => {
                (settlement.returned || settlement.extra_requests > 0, settlement.returned)
            }
            Charge::Time { .. } => (true, settlement.extra_micros < 0),
            Charge::Place => (true, false),
        };
        // First, for whoever publishes the change has to know.
        if returns {
            self.note_returned(claim);
        }
        if changes {
            self.touch(claim, now, true);
        }
    }

    fn note_returned(&self, claim: &Claim) {
        for account in Account::of_claim(claim) {
            self.peers.give_back(account, claim.standing.window.start);
        }
    }

    /// Settles what a request was charged that is not served after all; where else it stands is left as it is.
    pub(crate) fn give_back(&self, claims: &mut [Claim], returned: &Settlement, now: Now) {
        for claim in claims.iter_mut().filter(|claim| claim.run.is_on) {
            self.memory.settle(std::slice::from_mut(claim), returned, now);
            self.note_returned(claim);
            self.touch(claim, now, true);
            self.add_others(claim, now);
        }
    }

    /// Says where the accounts of an admitted request stand that has come so far.
    pub(crate) fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        self.memory.look(claims, progress, now);
        claims.iter_mut().for_each(|claim| self.add_others(claim, now));
    }

    /// Fills in where the account of a claim stands that is not charged, with what is known of the others.
    fn weigh(&self, claim: &mut Claim, now: Now) {
        self.memory.look(std::slice::from_mut(claim), Progress::default(), now);
        self.add_others(claim, now);
    }

    /// Notes that the time of requests has stopped or runs again.
    ///
    /// The line's slope has changed, so the others' idea of it is wrong by what runs until they hear of it.
    pub(crate) fn touch_timed(&self, claims: &[Claim], now: Now) {
        for claim in claims.iter().filter(|claim| claim.ask.is_timed()) {
            let window = self.memory.window(claim.ask.book, now).window;
            for account in Account::of_claim(claim) {
                self.peers.touch(account, window.start, now.tick, true);
            }
        }
    }

    /// Adds what is known of the others' lines to where an account stands.
    pub(crate) fn add_others(&self, claim: &mut Claim, now: Now) {
        let others = self.others(claim, Part::Whole, now);
        let account = account(claim, Part::Whole);
        let Claim { ask, standing, .. } = claim;
        standing.admitted = standing.admitted.saturating_add(others.admitted);
        match ask.charge {
            Charge::Place => standing.spent = standing.spent.saturating_add(u64::from(others.admitted)),
            Charge::Time { .. } | Charge::Requests { .. } => {
                let is_granted_here = || self.memory.line(account.0, account.1, now).0.net.min(0);
                // Where nothing seems to be spent here, more may have been granted here than that.
                let granted = if standing.spent == 0 && others.net > 0 { is_granted_here() } else { 0 };
                let beside = others.net.saturating_add(granted);
                standing.spent = standing.spent.saturating_add_signed(beside);
                standing.hold = standing.hold.saturating_add(others.hold(standing.left));
                standing.waiting = standing.waiting.saturating_add(others.waiting);
                standing.running = standing.running.saturating_add(others.running);
            }
        }
    }
}
