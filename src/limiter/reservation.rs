//! A reservation: an admitted request that has not been settled.

use std::ops::Deref;
use std::sync::Arc;

use crate::limiter::{Claims, Decision, Limiter, Question, Refusal, Report};
use crate::model::facts::Facts;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick};
use crate::store::{Charge, Claim, Fault, Mode, Settlement, Standing, Verdict};

/// An admitted request that has not been settled: its time runs.
///
/// Dropping it settles it, whatever became of the request: settlement is synchronous, cannot fail, and happens
/// exactly once.
#[derive(Debug)]
#[must_use = "a reservation that is dropped at once charges next to nothing"]
pub struct Reservation<L: Deref<Target = Limiter> = Arc<Limiter>> {
    limiter: L,
    claims: Claims,
    route: u32,
    meter: Meter,
    settlement: Settlement,
    waived: bool,
    settled: bool,
}

/// How long a request has run, without its pauses.
#[derive(Debug)]
struct Meter {
    /// When it was admitted.
    began: Tick,
    /// When it began to run, or ran again; `None` while it is paused.
    since: Option<Tick>,
    before: Micros,
}

impl<L: Deref<Target = Limiter>> Reservation<L> {
    /// The place of a reservation, in which nothing is reserved yet. It is large: better filled in its place than moved.
    pub(crate) fn vacant(limiter: L) -> Self {
        Self {
            limiter,
            claims: Claims::new(),
            route: 0,
            meter: Meter { began: Tick(0), since: None, before: Micros::ZERO },
            settlement: Settlement::default(),
            waived: false,
            settled: true,
        }
    }

    /// Decides over a request; if it is admitted, its time runs from now on.
    pub(crate) fn admit(&mut self, facts: &dyn Facts) -> Result<Decision, Fault> {
        if self.limiter.is_exempt(facts) {
            return Ok(Decision::Exempt);
        }
        let mode = if facts.is_preflight() { Mode::Force } else { Mode::Decide };
        self.route = facts.route();
        self.limiter.claim(facts, mode, &mut self.claims);
        let now = self.limiter.now();
        match self.limiter.decide(&mut self.claims, mode, now)? {
            Verdict::Admitted => Ok(self.begin(now)),
            Verdict::Refused => Ok(self.refuse(now)),
            Verdict::Open => {
                let asking = self.limiter.engine.store.ask(&self.claims, mode, now);
                Ok(Decision::Open(Question { asking, now }))
            }
        }
    }

    /// What others have decided over the request that arrived at `now`: then its time began to run.
    pub(crate) fn conclude(&mut self, (verdict, claims): (Verdict, Vec<Claim>), now: Now) -> Decision {
        self.claims = Claims::from_vec(claims);
        if verdict == Verdict::Admitted { self.begin(now) } else { self.refuse(now) }
    }

    fn begin(&mut self, now: Now) -> Decision {
        self.meter.began = now.tick;
        self.meter.since = Some(now.tick);
        self.settled = false;
        Decision::Admitted
    }

    fn refuse(&self, now: Now) -> Decision {
        Decision::Refused(Refusal::of(&self.limiter, &self.claims, self.route, now))
    }

    /// The limiter that admitted the request.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Stops the time, since the request waits for its client. Without effect on a request that is paused.
    pub fn pause(&mut self) {
        if self.is_over() || self.meter.since.is_none() {
            return;
        }
        let now = self.limiter.now();
        self.meter.pause(now.tick);
        self.limiter.engine.store.pause(&self.claims, now);
    }

    /// Lets the time run again. Without effect on a request that runs.
    pub fn resume(&mut self) {
        if self.is_over() || self.meter.since.is_some() {
            return;
        }
        let now = self.limiter.now();
        self.meter.since = Some(now.tick);
        self.limiter.engine.store.resume(&self.claims, now);
    }

    /// Charges so much on top of the time that the request takes, for work that is done elsewhere.
    ///
    /// All that is charged to one request comes to at most [`Micros::MAX_QUOTA`], which spends every quota: much more
    /// would take the account past the numbers that it can hold, and so make it look unspent.
    pub fn charge(&mut self, extra: Micros) {
        let charged = self.settlement.extra_micros.saturating_add_unsigned(extra.0);
        self.settlement.extra_micros = charged.min(Micros::MAX_QUOTA.0 as i64);
    }

    /// Makes the request free: what it was charged is returned, to the window that is in force when it ends.
    pub fn waive(&mut self) {
        self.waived = true;
    }

    /// How long the request has run.
    pub fn used(&self) -> Micros {
        self.meter.read(self.limiter.now().tick)
    }

    /// Where the tightest limit stands; `None` if no rule applies.
    pub fn report(&mut self) -> Option<Report> {
        let now = self.limiter.now();
        let cost = self.meter.read(now.tick);
        if !self.is_over() {
            self.limiter.engine.store.look(&mut self.claims, cost, now);
        }
        let so_far = Settlement { cost, ..self.settlement };
        Report::of_tightest(&self.claims, &so_far, now)
    }

    /// Ends the request, if it has not ended.
    pub(crate) fn close(&mut self) {
        if !self.settled {
            self.end(self.limiter.now());
        }
    }

    /// Ends the request and says where the tightest limit stands then; `None` if no rule applies.
    pub fn settle(&mut self) -> Option<Report> {
        let now = self.limiter.now();
        if !self.settled {
            self.end(now);
        }
        Report::of_tightest(&self.claims, &self.settlement, now)
    }

    fn end(&mut self, now: Now) {
        self.settled = true;
        if self.claims.is_empty() {
            return;
        }
        self.settlement.paused = self.meter.since.is_none();
        self.meter.pause(now.tick);
        self.settlement.cost = self.meter.before;
        if self.waived {
            self.waive_at(now);
        } else if self.settlement.cost == Micros::ZERO && self.settlement.extra_micros == 0 {
            self.settlement.extra_micros = 1; // A served request costs at least a microsecond.
        }
        self.limiter.engine.store.settle(&mut self.claims, &self.settlement, now);
        if !self.waived {
            // What a free request took says nothing about what others will be charged.
            self.limiter.learn(&self.claims, self.route, self.settlement.cost);
        }
    }

    /// What was charged to windows that have ended stays there.
    fn waive_at(&mut self, now: Now) {
        let cost = self.settlement.cost;
        self.limiter.engine.store.look(&mut self.claims, cost, now);
        let elapsed = now.tick.since(self.meter.began);
        let timed = self.claims.iter().filter(|claim| matches!(claim.charge, Charge::Time { .. }));
        let returned = timed.map(|claim| charged_to_window(claim, cost, elapsed)).min().unwrap_or(cost);
        self.settlement.extra_micros = -(returned.0 as i64);
        self.settlement.returned = true;
    }

    /// Whether there is nothing to charge: no rule applies, or it is settled.
    fn is_over(&self) -> bool {
        self.settled || self.claims.is_empty()
    }
}

impl<L: Deref<Target = Limiter>> Drop for Reservation<L> {
    fn drop(&mut self) {
        self.close();
    }
}

/// How much of a cost the window in force was surely charged; of a request that began in it, all.
///
/// Of one that began before, nobody knows in which window it was paused. All its pauses are taken to lie in this one, or
/// it would be returned what others have spent here.
fn charged_to_window(claim: &Claim, cost: Micros, elapsed: Micros) -> Micros {
    let Standing { window, left, spent, .. } = claim.standing;
    let lasted = window.length().0.saturating_sub(left.0);
    let paused = elapsed.0.saturating_sub(cost.0);
    let here = if elapsed.0 <= lasted { cost.0 } else { lasted.saturating_sub(paused) };
    Micros(cost.0.min(here).min(spent))
}

impl Meter {
    fn pause(&mut self, at: Tick) {
        self.before = self.read(at);
        self.since = None;
    }

    fn read(&self, at: Tick) -> Micros {
        let running = self.since.map_or(Micros::ZERO, |since| at.since(since));
        Micros(self.before.0 + running.0)
    }
}
