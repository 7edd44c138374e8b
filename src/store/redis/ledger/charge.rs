//! From the server's decision to the request's end: what is charged here, and where it then stands.

use smallvec::SmallVec;

use super::{Ledgers, is_timed};
use crate::model::Now;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Outcome;
use crate::store::{Charge, Claim, Counts, Mode, Part, Progress, Settlement, Store as _, Verdict};

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
        for (&at, outcome) in asked.iter().zip(outcomes) {
            self.weigh(claims, at, now);
            claims[at].standing.refuses = outcome.refuses;
            if claims[at].part == Part::Clients {
                claims[at].charge = Charge::Requests { cost: outcome.is_new.into() };
            }
            charged.extend(outcome.is_charged.then_some(at));
        }
        if charged.is_empty() {
            return;
        }
        // What is decided is not decided again: neither whether it counts, nor what is fair.
        let asked_about: SmallVec<[Account; 4]> = charged.iter().map(|at| Account::at(claims, *at)).collect();
        let forced = |at: &usize| Claim { counts: Counts::Served, part: Part::Whole, ..claims[*at] };
        let mut copies: SmallVec<[Claim; 4]> = charged.iter().map(forced).collect();
        // The memory store never fails, and never refuses what it is forced to.
        let _ = self.memory.admit(&mut copies, Mode::Force, now);
        for (at, copy) in charged.iter().zip(copies) {
            claims[*at].key = copy.key;
            claims[*at].ticket = copy.ticket.filter(|_| verdict == Verdict::Admitted);
        }
        for (at, asked_about) in charged.into_iter().zip(asked_about) {
            self.note_charged(claims, at, asked_about, now);
        }
    }

    /// Notes where a claim was charged that the server has charged to the account that it was asked about.
    fn note_charged(&self, claims: &[Claim], at: usize, asked_about: Account, now: Now) {
        let account = Account::at(claims, at);
        let has_moved = account != asked_about;
        self.touch(account, &claims[at], now, has_moved);
        if has_moved {
            self.correct(asked_about, now);
        }
    }

    /// Ends an admitted request, and says where its accounts stand.
    pub(crate) fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        let ran: SmallVec<[bool; 8]> = claims.iter().map(|claim| claim.ticket.is_some()).collect();
        self.memory.settle(claims, settlement, now);
        for at in 0..claims.len() {
            if ran[at] {
                self.note_settled(Account::at(claims, at), &claims[at], settlement, now);
                self.add_others(claims, at, now);
            } else {
                // Settled long ago, or never charged: it is only looked at, and `weigh` adds the others once.
                self.weigh(claims, at, now);
            }
        }
    }

    /// Notes what is to be published of a claim that has ended.
    fn note_settled(&self, account: Account, claim: &Claim, settlement: &Settlement, now: Now) {
        let (changes, returns) = match claim.charge {
            Charge::Requests { .. } => {
                (settlement.returned || settlement.extra_requests > 0, settlement.returned)
            }
            Charge::Time { .. } => (true, settlement.extra_micros < 0),
            Charge::Place => (true, false),
        };
        // First, for whoever publishes the change has to know.
        if returns {
            self.peers.give_back(account, claim.standing.window.start);
        }
        if changes {
            self.touch(account, claim, now, true);
        }
    }

    /// Settles what a request was charged that is not served after all; where else it stands is left as it is.
    pub(crate) fn give_back(&self, claims: &mut [Claim], returned: &Settlement, now: Now) {
        for at in 0..claims.len() {
            if claims[at].ticket.is_none() {
                continue;
            }
            let account = Account::at(claims, at);
            self.memory.settle(&mut claims[at..=at], returned, now);
            self.peers.give_back(account, claims[at].standing.window.start);
            self.touch(account, &claims[at], now, true);
            self.add_others(claims, at, now);
        }
    }

    /// Says where the accounts of an admitted request stand that has come so far.
    pub(crate) fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        self.memory.look(claims, progress, now);
        for at in 0..claims.len() {
            self.add_others(claims, at, now);
        }
    }

    /// Fills in where the account of a claim stands that is not charged, with what is known of the others.
    fn weigh(&self, claims: &mut [Claim], at: usize, now: Now) {
        self.memory.look(&mut claims[at..=at], Progress::default(), now);
        self.add_others(claims, at, now);
    }

    /// Notes that the time of requests has stopped or runs again.
    pub(crate) fn touch_timed(&self, claims: &[Claim], now: Now) {
        for at in (0..claims.len()).filter(|at| is_timed(&claims[*at])) {
            let window = self.memory.window(claims[at].book, now).window;
            self.peers.touch(Account::at(claims, at), window.start, now.tick, true);
        }
    }

    /// Adds what is known of the others' lines to where an account stands.
    pub(super) fn add_others(&self, claims: &mut [Claim], at: usize, now: Now) {
        let others = self.others(Account::at(claims, at), &claims[at], now);
        let Claim { charge, standing, .. } = &mut claims[at];
        standing.admitted = standing.admitted.saturating_add(others.admitted);
        match charge {
            Charge::Place => standing.spent = standing.spent.saturating_add(u64::from(others.admitted)),
            Charge::Time { .. } | Charge::Requests { .. } => {
                standing.spent = standing.spent.saturating_add(others.spent);
                standing.hold = standing.hold.saturating_add(others.hold(standing.left));
                standing.waiting = standing.waiting.saturating_add(others.waiting);
            }
        }
    }
}
