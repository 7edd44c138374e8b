//! What a request holds from admission to settlement: its claims, and the time that it has run.
//!
//! A holding does not know its limiter, which is given to it with each call: the middleware holds the site once and takes
//! holdings from a pool. A [`Reservation`](crate::limiter::Reservation) is a holding with its limiter.
//!
//! It tells nobody anything by itself: what observers and the log are to be told is noted in an [`Untold`], which whoever has the
//! holding tells when nobody changes it any more. So is a store's fault told by whoever is given it.

use std::sync::Arc;

use crate::limiter::decision::{Decision, Question};
use crate::limiter::event::{Ended, Kind, What};
use crate::limiter::meter::Meter;
use crate::limiter::refusal::{Refusal, Refused};
use crate::limiter::report::{AppliedLimit, LimitReport, Report, Tightest};
use crate::limiter::told::{Told, free};
use crate::limiter::untold::Untold;
use crate::limiter::{Claims, Limiter};
use crate::model::{Facts, KeyHash, Limit, Micros, Now, Tick, UnixMicros};
use crate::store::{Book, Claim, Fault, Mode, Settlement, Verdict};

/// What a request holds from admission to settlement.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) claims: Claims,
    /// The route of the request, where a claim of its depends on it.
    pub(crate) route: u32,
    pub(crate) meter: Meter,
    pub(crate) settlement: Settlement,
    /// When it was decided over, or last looked at.
    pub(crate) now: Now,
    pub(crate) is_settled: bool,
    pub(crate) is_waived: bool,
    /// Whether what it costs is what requests of its route are expected to cost.
    pub(crate) is_typical: bool,
    /// Whether it was ended before its time.
    pub(crate) is_cut: bool,
    pub(crate) kind: Kind,
    /// Whether a rule may end it before its time: not what is never refused.
    pub(crate) may_be_cut: bool,
    /// Whether a timer is set for its end where that may come before its time, as the middleware does.
    pub(crate) has_timer: bool,
}

impl Holding {
    /// One in which nothing is held yet. It is large: better filled in its place than moved.
    pub(crate) fn vacant() -> Self {
        Self {
            claims: Claims::new(),
            route: 0,
            meter: Meter::UNUSED,
            settlement: Settlement::default(),
            now: Now { tick: Tick(0), utc: UnixMicros(0), step: 0 },
            is_settled: true,
            is_waived: false,
            is_typical: true,
            is_cut: false,
            kind: Kind::Request,
            may_be_cut: false,
            has_timer: true,
        }
    }

    /// Makes room for the next request. What this one holds is to be settled before.
    pub(crate) fn clear(&mut self) {
        debug_assert!(self.is_settled, "what is not settled would run for ever");
        self.claims.clear();
        self.meter = Meter::UNUSED;
        self.settlement = Settlement::default();
        (self.is_settled, self.is_waived, self.is_cut) = (true, false, false);
        (self.is_typical, self.kind) = (true, Kind::Request);
    }

    /// Hears which route the request has reached, of which its cost is learned.
    pub(crate) fn reached(&mut self, route: u32) {
        self.route = route;
    }

    /// Decides over a request; if it is admitted, its time runs from now on.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        limiter: &Limiter,
        facts: &dyn Facts,
        untold: &mut Untold,
    ) -> Result<Decision, Fault> {
        let mode = Mode::of(facts);
        let asked = limiter.claims(facts, mode, true, &mut self.claims, untold);
        self.decide(limiter, asked, mode, untold)
    }

    /// The same of what was claimed elsewhere, since the application's code was asked, and this was not to be borrowed.
    pub(crate) fn admit_claimed(
        &mut self,
        limiter: &Limiter,
        (claims, asked): (Claims, Option<(Now, u32)>),
        mode: Mode,
        untold: &mut Untold,
    ) -> Result<Decision, Fault> {
        self.claims = claims;
        self.decide(limiter, asked, mode, untold)
    }

    /// Decides over what was claimed, if anything was asked at all.
    #[inline]
    fn decide(
        &mut self,
        limiter: &Limiter,
        asked: Option<(Now, u32)>,
        mode: Mode,
        untold: &mut Untold,
    ) -> Result<Decision, Fault> {
        match asked {
            None => Ok(Decision::Exempt),
            Some((now, route)) => {
                self.route = route;
                self.weigh(limiter, mode, now, untold)
            }
        }
    }

    /// Decides over a block of code.
    pub(crate) fn admit_block(
        &mut self,
        limiter: &Limiter,
        position: usize,
        key: KeyHash,
        untold: &mut Untold,
    ) -> Result<Decision, Fault> {
        self.kind = Kind::Block;
        limiter.claim_block(position, key, &mut self.claims);
        self.weigh(limiter, Mode::Decide, limiter.now(), untold)
    }

    #[inline]
    fn weigh(
        &mut self,
        limiter: &Limiter,
        mode: Mode,
        now: Now,
        untold: &mut Untold,
    ) -> Result<Decision, Fault> {
        self.may_be_cut = limiter.cuts && mode == Mode::Decide;
        match limiter.decide(&mut self.claims, mode, now)? {
            Verdict::Open => {
                let asking = limiter.engine.store.ask(&self.claims, mode, now);
                Ok(Decision::Open(Box::new(Question { asking, now })))
            }
            verdict => Ok(self.begin(limiter, verdict, now, untold)),
        }
    }

    /// What others have decided over the request that arrived at `now`: then its time began to run.
    pub(crate) fn conclude(
        &mut self,
        limiter: &Limiter,
        (verdict, claims): (Verdict, Vec<Claim>),
        now: Now,
        untold: &mut Untold,
    ) -> Decision {
        self.claims.clear();
        self.claims.extend(&claims);
        self.begin(limiter, verdict, now, untold)
    }

    #[inline]
    fn begin(&mut self, limiter: &Limiter, verdict: Verdict, now: Now, untold: &mut Untold) -> Decision {
        self.now = now;
        let is_seen = if verdict == Verdict::Admitted { limiter.admissions_seen } else { limiter.is_seen };
        if is_seen {
            untold.whole(if verdict == Verdict::Admitted { What::Admitted } else { What::Refused });
        }
        if verdict != Verdict::Admitted {
            return Decision::Refused;
        }
        self.meter.since = Some(now.tick);
        self.is_settled = false;
        self.has_begun(limiter);
        Decision::Admitted
    }

    /// A holding on the same accounts of time, for work on the request's behalf. It has yet to [begin](Self::begin_detached).
    pub(crate) fn detached(&self) -> Self {
        let mut detached = Self::vacant();
        (detached.is_typical, detached.kind) = (false, Kind::Detached);
        let timed = self.claims.iter().filter(|claim| claim.ask.is_timed());
        detached.claims.extend(&timed.map(Claim::anew).collect::<Vec<_>>());
        detached.route = self.route;
        detached
    }

    /// Lets the work run: whatever becomes of the request, its time runs from now on, and it is never refused.
    ///
    /// # Errors
    ///
    /// The store failed. It is told to admit and so asks nobody; if it cannot even count the work, that is not charged.
    pub(crate) fn begin_detached(&mut self, limiter: &Limiter, untold: &mut Untold) -> Result<(), Fault> {
        self.weigh(limiter, Mode::Force, limiter.now(), untold).map(drop)
    }

    /// Stops the time, since the request waits for its client. Without effect on a request that is paused.
    pub(crate) fn pause(&mut self, limiter: &Limiter) {
        if self.is_over() || self.meter.since.is_none() {
            return;
        }
        let now = limiter.now();
        self.meter.pause(now.tick);
        limiter.engine.store.pause(&mut self.claims, self.meter.before, now);
    }

    /// Lets the time run again. Without effect on a request that runs.
    #[inline]
    pub(crate) fn resume(&mut self, limiter: &Limiter) {
        if self.meter.since.is_none() && !self.is_over() {
            let now = limiter.now();
            self.meter.since = Some(now.tick);
            limiter.engine.store.resume(&mut self.claims, self.meter.before, now);
            self.has_begun(limiter);
        }
    }

    /// Its time runs from now on: others are told, unless it sets a timer, which tells them.
    #[inline]
    fn has_begun(&self, limiter: &Limiter) {
        if limiter.cuts && !(self.may_be_cut && self.has_timer) {
            self.tell_others(limiter);
        }
    }

    /// Charges so much on top of the time that the request takes: at most [`Micros::MAX_QUOTA`] in all. Says whether it
    /// [will be](Self::takes_charges), for it is else not told either.
    pub(crate) fn charge(&mut self, extra: Micros) -> bool {
        let takes = self.takes_charges();
        if takes {
            let charged = self.settlement.extra_micros.saturating_add_unsigned(extra.0);
            self.settlement.extra_micros = charged.min(Micros::MAX_QUOTA.0 as i64);
        }
        takes
    }

    /// Whether what is charged now will be.
    pub(crate) fn takes_charges(&self) -> bool {
        let is_open = |claim: &Claim| claim.run.is_on && claim.ask.is_timed();
        !self.is_waived && !self.is_settled && self.claims.iter().any(is_open)
    }

    /// How long the request has run.
    pub(crate) fn used(&self, limiter: &Limiter) -> Micros {
        self.meter.read(limiter.now().tick)
    }

    /// Where the tightest limit stands now; `None` if no rule applies.
    pub(crate) fn tightest(&mut self, limiter: &Limiter) -> Option<Tightest<'_>> {
        let end = self.look(limiter);
        Tightest::of(&self.claims, |claim| self.of_claim(claim, end), &self.now)
    }

    /// Where each limit stands that applies to the request, also to one that was refused.
    pub(crate) fn limits(&mut self, limiter: &Limiter) -> Vec<LimitReport> {
        let end = self.look(limiter);
        let of = |claim: &Claim| {
            LimitReport::of(limiter, &Tightest::at(claim, &self.of_claim(claim, end), &self.now))
        };
        let mut limits: Vec<_> = self.claims.iter().filter_map(of).collect();
        if limits.iter().any(|limit| limit.refuses) {
            // Those that would have admitted the request have charged it nothing either.
            limits.iter_mut().for_each(|limit| limit.report.used = 0);
        }
        limits
    }

    /// The most that a limit of time was charged, or would be if the request ended now; nothing for one that was refused when it came.
    pub(crate) fn charged(&mut self, limiter: &Limiter) -> Micros {
        let end = self.look(limiter);
        if !self.is_cut && self.claims.iter().any(Claim::refuses) {
            return Micros::ZERO;
        }
        let timed = self.claims.iter().filter(|claim| claim.ask.is_timed());
        let used = timed.map(|claim| {
            let end = self.of_claim(claim, end);
            // A claim that has ended its request refuses, and has charged it all the same.
            let ran = || end.cost.0.saturating_add_signed(end.extra_micros);
            if self.is_cut { ran() } else { Tightest::at(claim, &end, &self.now).used() }
        });
        Micros(used.max().unwrap_or(0))
    }

    /// The name of the first rule that has refused it.
    pub(crate) fn refused_by(&self, limiter: &Limiter) -> Option<Arc<str>> {
        let refuses = self.claims.iter().find(|claim| claim.refuses());
        refuses.map(|claim| limiter.shared_rule_name(claim.ask.rule))
    }

    /// Looks where the accounts of a request stand that runs; returns how it would end now.
    pub(crate) fn look(&mut self, limiter: &Limiter) -> Settlement {
        self.now = limiter.now();
        if self.is_over() {
            return self.settlement;
        }
        let progress = self.meter.progress(self.now.tick);
        limiter.engine.store.look(&mut self.claims, progress, self.now);
        Settlement { cost: progress.cost, ..self.settlement }
    }

    /// Tells observers that the request has ended, all of it at once. They may ask about it meanwhile, and so nobody may have
    /// borrowed it to change it.
    #[inline(always)]
    pub(crate) fn tell_of_end(&self, limiter: &Limiter) {
        let told = Told { ended: Ended::AtOnce, ..self.told() };
        limiter.observer.tell(&told.event(limiter, &self.now, &self.claims, &self.settlement, What::Settled));
    }

    /// Tells observers and the log, in the same way, what was decided over the request.
    #[inline]
    pub(crate) fn tell_of_decision(&self, limiter: &Limiter, what: What) {
        let event = |what| self.told().event(limiter, &self.now, &self.claims, &Settlement::NONE, what);
        limiter.observer.tell(&event(what));
        if limiter.has_shadow && self.claims.iter().any(|claim| claim.ask.shadow && claim.standing.refuses) {
            limiter.observer.tell(&event(What::RefusedInShadow));
            if what == What::Admitted {
                limiter.log_shadows(&self.claims);
            }
        }
    }

    #[inline]
    pub(crate) const fn told(&self) -> Told {
        let Self { route, kind, is_cut, .. } = *self;
        Told { route, kind, is_cut, ended: Ended::No }
    }

    /// What it is charged for having run so long, with what is charged on top.
    #[inline]
    pub(crate) const fn ran(&self, cost: Micros) -> Micros {
        if self.is_waived {
            Micros::ZERO
        } else {
            Micros(cost.0.saturating_add_signed(self.settlement.extra_micros))
        }
    }

    /// How a claim ends, where most end like that.
    pub(crate) fn of_claim(&self, claim: &Claim, most: Settlement) -> Settlement {
        if claim.run.returned || self.is_waived { free(most) } else { most }
    }

    /// The rule of a claim on an account that another holding has a claim on.
    pub(crate) fn shared_with(&self, other: &Self) -> Option<u16> {
        let account = |claim: &Claim| (claim.ask.book, claim.ask.key);
        let is_shared = |own: &&Claim| other.claims.iter().any(|claim| account(claim) == account(own));
        self.claims.iter().find(is_shared).map(|claim| claim.ask.rule)
    }

    /// Whether a limit applies to the request that is not in shadow.
    pub(crate) fn limits_something(&self) -> bool {
        self.claims.iter().any(|claim| !claim.ask.shadow)
    }

    /// Why the request was refused, and where the limit stands that refuses it for the longest.
    pub(crate) fn refused(&self, refused: &Refused) -> Tightest<'_> {
        refused.tightest(&self.claims, &self.now)
    }

    /// What it was refused for, as it was last weighed.
    #[inline]
    pub(crate) fn why_refused(&self, limiter: &Limiter) -> Refused {
        Refused::new(limiter, &self.claims, self.route)
    }

    /// The limit that refuses for the longest, as it is for this request.
    fn refusing_limit(&self, limiter: &Limiter, refused: &Refused) -> Limit {
        limiter.granted(refused.longest(&self.claims))
    }

    /// What tells that limit from others, at less cost: its book, and what it grants this request.
    #[inline]
    pub(crate) fn refusing_book(&self, refused: &Refused) -> (Book, u64) {
        let ask = &refused.longest(&self.claims).ask;
        (ask.book, ask.quota)
    }

    /// All that is to be said of a refusal.
    pub(crate) fn refusal(&self, limiter: &Limiter, refused: &Refused) -> Refusal {
        let Refused { rule, cause, retry_after_secs, .. } = *refused;
        Refusal {
            rule: limiter.shared_rule_name(rule),
            position: rule,
            retry_after_secs,
            cause,
            limit: self.refusing_limit(limiter, refused),
            report: Report::from(self.refused(refused)),
        }
    }

    /// All limits that the request was claimed on, but for those in shadow, as they stood when the store last looked.
    pub(crate) fn applied<'a>(&'a self, limiter: &'a Limiter) -> impl Iterator<Item = AppliedLimit<'a>> {
        let claims = self.claims.iter().filter(|claim| !claim.ask.shadow);
        claims.filter_map(|claim| AppliedLimit::of(limiter, claim, self.route))
    }

    /// Tells those who have timers that the line of an account has become steeper or higher, by somebody who has none.
    #[cold]
    pub(crate) fn tell_others(&self, limiter: &Limiter) {
        for claim in self.claims.iter().filter(|claim| claim.ask.is_timed()) {
            limiter.engine.alarms.tell((claim.ask.book, claim.ask.key));
        }
    }

    /// Whether its time runs.
    pub(crate) fn runs(&self) -> bool {
        self.meter.since.is_some() && !self.is_over()
    }

    /// Whether there is nothing to charge: no rule applies, or it is settled.
    pub(crate) fn is_over(&self) -> bool {
        self.is_settled || self.claims.is_empty()
    }
}
