//! From the server's decision to the request's end: what is charged here, and where it then stands.

use smallvec::SmallVec;

use super::Ledgers;
use crate::model::Now;
use crate::store::memory::account;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Outcome;
use crate::store::{Charge, Claim, Part, Progress, Run, Settlement, Store as _, Verdict};

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
