//! Overrun: how long requests can go on until their budgets are spent, and what ends those that may not go on.

use crate::limiter::alarm::Alarm;
use crate::limiter::holding::Holding;
use crate::limiter::{Limiter, Refused};
use crate::model::{Micros, Overrun, Rule};
use crate::store::{Charge, Claim};

impl Holding {
    /// How long the request can go on, at the present pace, until the first of its budgets of time is spent.
    pub(crate) fn time_left(&mut self, limiter: &Limiter) -> Option<Micros> {
        self.first_spent(limiter, |_| true)
    }

    /// How long until the first budget is spent whose rule cuts what runs.
    pub(crate) fn cut_in(&mut self, limiter: &Limiter) -> Option<Micros> {
        if self.may_be_cut { self.first_spent(limiter, cuts) } else { None }
    }

    fn first_spent(&mut self, limiter: &Limiter, is_about: impl Fn(&Rule) -> bool) -> Option<Micros> {
        if self.is_over() {
            return None;
        }
        self.look(limiter);
        let extra = self.extra();
        let claims = self.claims.iter().filter(|claim| limiter.spends_time_of(claim, &is_about));
        claims.map(|claim| claim.lasts(extra)).min()
    }

    /// What the request is charged on top when it ends.
    fn extra(&self) -> u64 {
        u64::try_from(self.settlement.extra_micros).unwrap_or(0)
    }

    /// Ends the request, of which [a budget is spent](Self::cut_in), and says so as a refusal does.
    pub(crate) fn cut(&mut self, limiter: &Limiter) -> Refused {
        let extra = self.extra();
        let is_spent = |claim: &Claim| limiter.spends_time_of(claim, cuts) && claim.lasts(extra).0 == 0;
        let spent: Vec<bool> = self.claims.iter().map(is_spent).collect();
        self.now = limiter.now();
        self.is_typical &= self.has_outrun_expectations();
        self.is_cut = true;
        self.settle_at(limiter, self.now);
        for (claim, is_spent) in self.claims.iter_mut().zip(spent) {
            claim.standing.refuses = is_spent;
        }
        Refused::new(limiter, self)
    }

    /// Whether the request has taken longer than was expected. Of one that is cut before, nobody knows how long it would have
    /// taken: nothing is learned from it.
    fn has_outrun_expectations(&self) -> bool {
        let ran = self.meter.read(self.now.tick);
        self.claims.iter().all(|claim| match claim.ask.charge {
            Charge::Time { expected } => expected < ran,
            Charge::Requests { .. } | Charge::Place => true,
        })
    }

    /// Tells those who have timers that the line of an account has become steeper or higher, by somebody who has none.
    #[cold]
    pub(crate) fn tell_others(&self, limiter: &Limiter) {
        for claim in self.claims.iter().filter(|claim| claim.ask.is_timed()) {
            limiter.engine.alarms.tell((claim.ask.book, claim.ask.key));
        }
    }

    /// What wakes the request when it is to be cut; `None` if no rule may cut it.
    pub(crate) fn alarm(&self, limiter: &Limiter) -> Option<Alarm> {
        if !self.may_be_cut {
            return None;
        }
        let claims = self.claims.iter().filter(|claim| limiter.spends_time_of(claim, cuts));
        Alarm::new(&limiter.engine, claims.map(|claim| (claim.ask.book, claim.ask.key)))
    }
}

impl Limiter {
    /// Whether a claim is charged the time that its request takes now, by such a rule that is not in shadow.
    fn spends_time_of(&self, claim: &Claim, is_such: impl Fn(&Rule) -> bool) -> bool {
        claim.run.is_on && claim.ask.is_timed() && !claim.ask.shadow && is_such(self.rule_at(claim.ask.rule))
    }
}

fn cuts(rule: &Rule) -> bool {
    rule.overrun == Overrun::Cut
}
