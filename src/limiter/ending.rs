//! How a request ends: what each of its rules is charged or returns, and who is told and taught of it.

use crate::limiter::event::{Ended, What};
use crate::limiter::holding::Holding;
use crate::limiter::report::{Report, Tightest};
use crate::limiter::told::{Told, free};
use crate::limiter::untold::Untold;
use crate::limiter::{Limiter, Positions};
use crate::model::{Micros, NO_ROUTE, Now, Rule, Until};
use crate::store::{Charge, Claim, Progress, Settlement};

impl Holding {
    /// Ends the request, if it has not ended.
    #[inline]
    pub(crate) fn settle(&mut self, limiter: &Limiter, untold: &mut Untold) {
        if !self.is_settled {
            self.settle_now(limiter, untold);
        }
    }

    #[inline(never)]
    fn settle_now(&mut self, limiter: &Limiter, untold: &mut Untold) {
        self.now = limiter.now();
        self.settle_at(limiter, self.now, untold);
    }

    /// Ends the request, if it has not ended, and sees where all its limits stand then.
    #[inline]
    pub(crate) fn settle_and_look(&mut self, limiter: &Limiter, untold: &mut Untold) {
        let now = limiter.now();
        if !self.is_settled {
            self.look_at_what_is_settled(limiter, now);
            self.settle_at(limiter, now, untold);
        }
        self.now = now;
    }

    /// Where the tightest limit of a request that has ended stands, as it was last seen; `None` if no rule applies.
    #[inline]
    pub(crate) fn tightest_at_end(&self) -> Option<Tightest<'_>> {
        Tightest::of(&self.claims, |claim| self.of_claim(claim, self.settlement), &self.now)
    }

    /// Ends the request, if it has not ended, and reports where the tightest limit stands then; `None` if no rule applies.
    pub(crate) fn settle_and_report(&mut self, limiter: &Limiter, untold: &mut Untold) -> Option<Report> {
        self.settle_and_look(limiter, untold);
        self.tightest_at_end().map(Report::from)
    }

    /// Makes the request free.
    pub(crate) fn waive(&mut self, limiter: &Limiter, untold: &mut Untold) {
        if !std::mem::replace(&mut self.is_waived, true) {
            self.return_charges(limiter, |_| true, untold);
        }
    }

    /// The rules that have a claim on the request.
    pub(crate) fn rules(&self) -> Positions {
        let mut rules: Positions = self.claims.iter().map(|claim| claim.ask.rule).collect();
        rules.dedup();
        rules
    }

    /// Says which rules do not charge the answer: what they have charged is returned at once, for a stream may last.
    pub(crate) fn give_back(&mut self, limiter: &Limiter, rules: &[u16], untold: &mut Untold) {
        for claim in self.claims.iter_mut() {
            claim.run.returned |= rules.contains(&claim.ask.rule);
        }
        if !rules.is_empty() {
            self.return_charges(limiter, |claim| claim.run.returned, untold);
        }
    }

    /// Settles some claims and returns what they were charged. Places stay taken.
    fn return_charges(&mut self, limiter: &Limiter, returns: impl Fn(&Claim) -> bool, untold: &mut Untold) {
        if self.is_over() {
            return;
        }
        let now = limiter.now();
        let Progress { cost, paused } = self.meter.progress(now.tick);
        let ending = free(Settlement { cost, paused, ..self.settlement });
        let mut settling = self.settling(limiter, now, cost, untold);
        let ends = |claim: &Claim| claim.ask.charge != Charge::Place && claim.run.is_on && returns(claim);
        for claims in self.claims.chunk_by_mut(|one, other| ends(one) == ends(other)) {
            if ends(&claims[0]) {
                settling.settle(claims, &ending);
            }
        }
    }

    /// Settles the rules whose time runs until the head of the response leaves.
    pub(crate) fn head_left(&mut self, limiter: &Limiter, untold: &mut Untold) {
        if limiter.settles_by_rule {
            self.settle_early(limiter, |rule| rule.until == Until::Head, untold);
        }
    }

    /// Settles the rules whose time does not run on a connection that switches to another protocol.
    pub(crate) fn tunnel_opened(&mut self, limiter: &Limiter, untold: &mut Untold) {
        self.settle_early(limiter, |rule| rule.until != Until::Close, untold);
    }

    fn settle_early(&mut self, limiter: &Limiter, ends: impl Fn(&Rule) -> bool, untold: &mut Untold) {
        if self.is_over() {
            return;
        }
        let now = limiter.now();
        let Progress { cost, paused } = self.meter.progress(now.tick);
        let ending = Settlement { cost, paused, ..self.settlement };
        self.settle_rules(limiter, ending, ends, now, untold);
    }

    /// Looks again where claims stand that the settlement does not visit, such as those of rules that count refusals: what
    /// was seen at admission is as old as the request. A rule in shadow that would have refused still says so.
    #[inline]
    fn look_at_what_is_settled(&mut self, limiter: &Limiter, now: Now) {
        if (limiter.leaves_unvisited || self.is_waived) && self.claims.iter().any(is_unvisited) {
            self.look_at_unvisited(limiter, now);
        }
    }

    #[cold]
    fn look_at_unvisited(&mut self, limiter: &Limiter, now: Now) {
        for claims in self.claims.chunk_by_mut(|one, other| is_unvisited(one) == is_unvisited(other)) {
            if is_unvisited(&claims[0]) {
                limiter.engine.store.look(claims, Progress::default(), now);
            }
        }
    }

    #[inline(always)]
    pub(crate) fn settle_at(&mut self, limiter: &Limiter, now: Now, untold: &mut Untold) {
        self.is_settled = true;
        if self.claims.is_empty() {
            return;
        }
        let Progress { cost, paused } = self.meter.progress(now.tick);
        (self.settlement.cost, self.settlement.paused) = (cost, paused);
        self.meter.pause(now.tick);
        if self.is_waived {
            self.settlement = free(self.settlement);
        } else {
            self.settlement.charge_something();
        }
        if limiter.settles_apart && (limiter.settles_by_rule || self.has_settled_some(limiter)) {
            return self.settle_apart(limiter, now, untold);
        }
        let claims = &mut *self.claims;
        limiter.engine.store.settle(claims, &self.settlement, now);
        // Not by rule, and so there is somebody to be told.
        if limiter.settles_apart {
            untold.whole(What::Settled);
        }
        if !self.is_waived && self.is_typical {
            limiter.learn(claims, self.route, self.settlement.cost);
        }
        self.tell_of_extra(limiter);
    }

    /// Whether some claims do not run any more, or never did.
    #[inline]
    fn has_settled_some(&self, limiter: &Limiter) -> bool {
        (limiter.leaves_unvisited || self.is_waived) && !self.claims.iter().all(|claim| claim.run.is_on)
    }

    /// Settlements of a part of what runs, when the request has run so long.
    fn settling<'a>(
        &self,
        limiter: &'a Limiter,
        now: Now,
        cost: Micros,
        untold: &'a mut Untold,
    ) -> Settling<'a> {
        let running = self.claims.iter().filter(|claim| claim.run.is_on).count() as u32;
        Settling { limiter, now, told: self.told(), running, ran: self.ran(cost), untold }
    }

    /// Settles where that is more than one call of the store.
    #[inline(never)]
    fn settle_apart(&mut self, limiter: &Limiter, now: Now, untold: &mut Untold) {
        if !self.is_waived && limiter.settles_by_rule {
            self.settle_rules(limiter, self.settlement, |_| true, now, untold);
            return self.tell_of_extra(limiter);
        }
        self.settling(limiter, now, self.settlement.cost, untold).settle(&mut self.claims, &self.settlement);
        self.teach(limiter);
        self.tell_of_extra(limiter);
    }

    /// Tells those whom a rule may cut that the request was charged more than it has run.
    #[inline]
    fn tell_of_extra(&self, limiter: &Limiter) {
        if self.settlement.extra_micros > 1 && limiter.cuts {
            self.tell_others(limiter);
        }
    }

    /// Has the limiter learn what the request has cost.
    #[inline]
    fn teach(&self, limiter: &Limiter) {
        // What a free request took says nothing about what others will be charged.
        if !self.is_waived && self.is_typical {
            limiter.learn(&self.claims, self.route, self.settlement.cost);
        }
    }

    /// Settles rule by rule, for rules that charge different answers, or for a different time.
    fn settle_rules(
        &mut self,
        limiter: &Limiter,
        settlement: Settlement,
        ends: impl Fn(&Rule) -> bool,
        now: Now,
        untold: &mut Untold,
    ) {
        let (is_waived, is_typical, route) = (self.is_waived, self.is_typical, self.route);
        let mut settling = self.settling(limiter, now, settlement.cost, untold);
        for claims in self.claims.chunk_by_mut(|one, other| one.ask.rule == other.ask.rule) {
            let runs = claims.iter().any(|claim| claim.run.is_on);
            if !runs || !ends(limiter.rule_at(claims[0].ask.rule)) {
                continue;
            }
            let mut ending = settlement;
            if is_waived || claims[0].run.returned {
                ending = free(ending);
            } else {
                ending.charge_something();
                if is_typical {
                    limiter.learn(claims, route, ending.cost);
                }
            }
            settling.settle(claims, &ending);
        }
    }
}

/// Settlements of a part of what runs, one after another.
struct Settling<'a> {
    limiter: &'a Limiter,
    now: Now,
    told: Told,
    /// How many of its claims run, those included that are being settled.
    running: u32,
    /// How long it has run.
    ran: Micros,
    untold: &'a mut Untold,
}

impl Settling<'_> {
    /// Settles claims, and notes those that ran until then.
    #[inline]
    fn settle(&mut self, claims: &mut [Claim], settlement: &Settlement) {
        if self.limiter.observer.is_nobody() {
            return self.limiter.engine.store.settle(claims, settlement, self.now);
        }
        for claims in claims.chunk_by_mut(|one, other| one.run.is_on == other.run.is_on) {
            self.settle_alike(claims, settlement);
        }
    }

    /// The same, of claims all of which run, or none.
    #[inline]
    fn settle_alike(&mut self, claims: &mut [Claim], settlement: &Settlement) {
        if claims[0].run.is_on {
            self.running -= claims.len() as u32;
            self.limiter.engine.store.settle(claims, settlement, self.now);
            let ended = if self.running == 0 { Ended::AtLast(self.ran) } else { Ended::No };
            self.untold.settled(Told { ended, ..self.told }, self.now, claims, settlement);
        }
    }
}

impl Limiter {
    /// Learns what a request has cost.
    #[inline]
    fn learn(&self, claims: &[Claim], route: u32, cost: Micros) {
        match claims {
            _ if route == NO_ROUTE => {}
            [claim] if matches!(claim.ask.charge, Charge::Requests { .. }) => {}
            [claim] => self.rules[usize::from(claim.ask.rule)].expectations.record(route, cost),
            claims => self.learn_of_several(claims, route, cost),
        }
    }

    #[inline(never)]
    fn learn_of_several(&self, claims: &[Claim], route: u32, cost: Micros) {
        let mut learned = None;
        for claim in claims.iter().filter(|claim| !matches!(claim.ask.charge, Charge::Requests { .. })) {
            if learned != Some(claim.ask.rule) {
                self.rules[usize::from(claim.ask.rule)].expectations.record(route, cost);
                learned = Some(claim.ask.rule);
            }
        }
    }
}

/// Whether the settlement does not visit a claim, of which it is not known that it refuses.
fn is_unvisited(claim: &Claim) -> bool {
    !claim.run.is_on && !claim.standing.refuses
}
