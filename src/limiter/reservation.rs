//! A reservation: an admitted request that has not been settled.

use std::ops::Deref;
use std::sync::Arc;

use crate::limiter::meter::Meter;
use crate::limiter::{Alarm, Claims, Decision, LimitReport, Limiter, Positions, Question, Refusal, Report};
use crate::model::{Answer, Facts, KeyHash, Micros, Now, Overrun, Rule, Until};
use crate::store::{Charge, Claim, Fault, Mode, Progress, Settlement, Verdict};

/// An admitted request that has not been settled: its time runs.
///
/// Dropping it settles it, whatever became of the request: settlement is synchronous, cannot fail, and happens
/// exactly once.
#[derive(Debug)]
#[must_use = "a reservation that is dropped at once charges next to nothing"]
pub struct Reservation<L: Deref<Target = Limiter> = Arc<Limiter>> {
    pub(super) limiter: L,
    pub(super) claims: Claims,
    pub(super) route: u32,
    meter: Meter,
    settlement: Settlement,
    waived: bool,
    settled: bool,
    /// Whether it may be cut: not what is never refused.
    may_be_cut: bool,
    /// Whether what it costs is what requests of its route are expected to cost.
    is_typical: bool,
}

impl<L: Deref<Target = Limiter>> Reservation<L> {
    /// The place of a reservation, in which nothing is reserved yet. It is large: better filled in its place than moved.
    pub(crate) fn vacant(limiter: L) -> Self {
        Self {
            limiter,
            claims: Claims::new(),
            route: 0,
            meter: Meter::UNUSED,
            settlement: Settlement::default(),
            waived: false,
            settled: true,
            may_be_cut: false,
            is_typical: true,
        }
    }

    /// Decides over a request; if it is admitted, its time runs from now on.
    pub(crate) fn admit(&mut self, facts: &dyn Facts) -> Result<Decision, Fault> {
        let mode = if facts.is_preflight() { Mode::Force } else { Mode::Decide };
        self.decide(facts, mode, true)
    }

    #[inline]
    fn decide(&mut self, facts: &dyn Facts, mode: Mode, spared: bool) -> Result<Decision, Fault> {
        let Some(now) = self.limiter.claims(facts, mode, spared, &mut self.claims) else {
            return Ok(Decision::Exempt);
        };
        self.route = facts.route();
        self.weigh(mode, now)
    }

    /// Decides over a block of code.
    pub(super) fn admit_block(&mut self, position: usize, key: KeyHash) -> Result<Decision, Fault> {
        self.limiter.claim_block(position, key, &mut self.claims);
        self.weigh(Mode::Decide, self.limiter.now())
    }

    #[inline]
    fn weigh(&mut self, mode: Mode, now: Now) -> Result<Decision, Fault> {
        self.may_be_cut = self.limiter.cuts && mode == Mode::Decide;
        match self.limiter.decide(&mut self.claims, mode, now)? {
            Verdict::Admitted => Ok(self.begin(now)),
            Verdict::Refused => Ok(self.refuse(now)),
            Verdict::Open => {
                let asking = self.limiter.engine.store.ask(&self.claims, mode, now);
                Ok(Decision::Open(Question { asking, now }))
            }
        }
    }

    /// Charges a refused request its time, since it is served another page: it cannot be refused again.
    pub(crate) fn admit_rewritten(&mut self, facts: &dyn Facts) -> Result<Decision, Fault> {
        self.claims.clear();
        self.decide(facts, Mode::Force, false)
    }

    /// What others have decided over the request that arrived at `now`: then its time began to run.
    pub(crate) fn conclude(&mut self, (verdict, claims): (Verdict, Vec<Claim>), now: Now) -> Decision {
        self.claims = Claims::from_vec(claims);
        if verdict == Verdict::Admitted { self.begin(now) } else { self.refuse(now) }
    }

    /// A reservation on the same accounts of time, for work on the request's behalf: whatever becomes of the request, its
    /// time runs from now on, and it is never refused.
    pub(crate) fn detached(&self, limiter: &Arc<Limiter>) -> Reservation {
        let mut detached = Reservation::vacant(Arc::clone(limiter));
        detached.is_typical = false;
        detached.claims = self.claims_of_time();
        detached.route = self.route;
        // A store that is told to admit asks nobody. One that cannot even count it leaves the work uncharged.
        let _ = detached.weigh(Mode::Force, detached.limiter.now());
        detached
    }

    /// The request's claims on time, as they were before they were decided.
    fn claims_of_time(&self) -> Claims {
        self.claims.iter().filter(|claim| claim.ask.is_timed()).map(Claim::anew).collect()
    }

    fn begin(&mut self, now: Now) -> Decision {
        self.limiter.log_shadows(&self.claims);
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
        self.limiter.engine.store.pause(&mut self.claims, self.meter.before, now);
    }

    /// Lets the time run again. Without effect on a request that runs.
    pub fn resume(&mut self) {
        if self.is_over() || self.meter.since.is_some() {
            return;
        }
        let now = self.limiter.now();
        self.meter.since = Some(now.tick);
        self.limiter.engine.store.resume(&mut self.claims, self.meter.before, now);
    }

    /// Charges so much on top of the time that the request takes, for work that is done elsewhere.
    ///
    /// It is charged when the request ends, and lost where that [has happened](Self::takes_charges).
    ///
    /// All that is charged to one request comes to at most [`Micros::MAX_QUOTA`], which spends every quota: much more
    /// would take the account past the numbers that it can hold, and so make it look unspent.
    pub fn charge(&mut self, extra: Micros) {
        let charged = self.settlement.extra_micros.saturating_add_unsigned(extra.0);
        self.settlement.extra_micros = charged.min(Micros::MAX_QUOTA.0 as i64);
    }

    /// Whether what is charged now will be: not to a request that has ended or is free, nor where no limit is of time.
    pub fn takes_charges(&self) -> bool {
        let is_open = |claim: &Claim| claim.run.is_on && claim.ask.is_timed();
        !self.waived && !self.settled && self.claims.iter().any(is_open)
    }

    /// Makes the request free: what it was charged is returned at once, it holds nothing any more, and what it does from
    /// now on costs nothing.
    ///
    /// Each limit returns what it was charged in the window that is in force now; what the request has cost windows that
    /// have ended stays there. A place under a cap is taken until the request ends.
    pub fn waive(&mut self) {
        if !std::mem::replace(&mut self.waived, true) {
            self.return_charges(|_| true);
        }
    }

    /// How long the request has run.
    pub fn used(&self) -> Micros {
        self.meter.read(self.limiter.now().tick)
    }

    /// Where the tightest limit stands; `None` if no rule applies.
    pub fn report(&mut self) -> Option<Report> {
        let now = self.limiter.now();
        let progress = self.meter.progress(now.tick);
        if !self.is_over() {
            self.limiter.engine.store.look(&mut self.claims, progress, now);
        }
        let so_far = Settlement { cost: progress.cost, ..self.settlement };
        Report::of_tightest(&self.claims, |claim| self.of_claim(claim, so_far), now)
    }

    /// How long the request can go on, at the pace at which its accounts are spent now, until the first of its budgets of
    /// time is spent; 0 where one is. `None` if no rule limits its time.
    ///
    /// A forecast, to the microsecond: it is less where others begin meanwhile, and more where they end. A window that
    /// ends first leaves the rest to the next one, which grants its quota anew. Of a request that is paused it says how
    /// long it could go on from now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use timebudget::{Admission, Component, Engine, Limiter, ManualClock, Micros, Rule, Site, UnixMicros};
    /// # use timebudget::{Facts, store::memory::Memory, parse_rates};
    /// # struct Request;
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// let clock = std::sync::Arc::new(ManualClock::at(UnixMicros::from_secs(1_700_000_000)));
    /// let engine = Engine::new(Memory::default(), clock.clone());
    /// let rule = Rule::new("budget", Component::Site, parse_rates("60s per day")?);
    /// let limiter = Limiter::new(Site { rules: vec![rule], ..Site::unlimited("demo") }, &engine);
    /// let limiter = std::sync::Arc::new(limiter);
    ///
    /// let Ok(Admission::Admitted(mut first)) = limiter.admit(&Request) else { panic!() };
    /// clock.advance(Duration::from_secs(10));
    /// assert_eq!(first.time_left(), Some(Micros::from_secs(50)));
    /// let Ok(Admission::Admitted(second)) = limiter.admit(&Request) else { panic!() };
    /// assert_eq!(first.time_left(), Some(Micros::from_secs(25)));
    /// # drop(second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn time_left(&mut self) -> Option<Micros> {
        self.first_spent(|_| true)
    }

    /// How long until the request is to be ended by rules that [cut](Overrun::Cut) what runs, at the present pace: 0 if
    /// it is to be ended now, and `None` if no such rule limits its time.
    ///
    /// The middleware does so by itself. Whoever serves requests in another way asks again after that time, and whenever
    /// another request has begun; and drops what runs, and this reservation, once it is 0.
    pub fn cut_in(&mut self) -> Option<Micros> {
        if self.may_be_cut { self.first_spent(|rule| rule.overrun == Overrun::Cut) } else { None }
    }

    /// How long until the first budget is spent of those rules.
    fn first_spent(&mut self, is_about: impl Fn(&Rule) -> bool) -> Option<Micros> {
        if self.is_over() {
            return None;
        }
        let now = self.limiter.now();
        self.limiter.engine.store.look(&mut self.claims, self.meter.progress(now.tick), now);
        let extra = u64::try_from(self.settlement.extra_micros).unwrap_or(0);
        let claims = self.claims.iter().filter(|claim| self.limiter.spends_time_of(claim, &is_about));
        claims.map(|claim| claim.lasts(extra)).min()
    }

    /// Ends the request, of which [a budget is spent](Self::cut_in), and says so in the words of a refusal.
    pub(crate) fn cut(&mut self) -> Refusal {
        let now = self.limiter.now();
        let cuts = |rule: &Rule| rule.overrun == Overrun::Cut;
        let extra = u64::try_from(self.settlement.extra_micros).unwrap_or(0);
        let is_spent = |claim: &Claim| self.limiter.spends_time_of(claim, cuts) && claim.lasts(extra).0 == 0;
        let spent: Positions =
            (0..).zip(&self.claims).filter(|(_, claim)| is_spent(claim)).map(|(at, _)| at).collect();
        self.is_typical &= self.has_outrun_expectations(now);
        self.end(now);
        for at in spent {
            self.claims[usize::from(at)].standing.refuses = true;
        }
        Refusal::of(&self.limiter, &self.claims, self.route, now)
    }

    /// Whether the request has taken longer than was expected: of one that is cut before, nobody knows how long it would
    /// have taken.
    fn has_outrun_expectations(&self, now: Now) -> bool {
        let ran = self.meter.read(now.tick);
        self.claims.iter().all(|claim| match claim.ask.charge {
            Charge::Time { expected } => expected < ran,
            Charge::Requests { .. } | Charge::Place => true,
        })
    }

    /// What wakes the request when it is to be cut; `None` if no rule may cut it.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        if !self.may_be_cut {
            return None;
        }
        let cuts = |rule: &Rule| rule.overrun == Overrun::Cut;
        let claims = self.claims.iter().filter(|claim| self.limiter.spends_time_of(claim, cuts));
        Alarm::new(&self.limiter.engine, claims.map(|claim| (claim.ask.book, claim.ask.key)))
    }

    /// Where each limit stands that applies to the request, also to one that was refused.
    pub fn limits(&mut self) -> Vec<LimitReport> {
        let now = self.limiter.now();
        let mut end = self.settlement;
        if !self.is_over() {
            let progress = self.meter.progress(now.tick);
            end.cost = progress.cost;
            self.limiter.engine.store.look(&mut self.claims, progress, now);
        }
        let of = |claim: &Claim| LimitReport::of(&self.limiter, claim, &self.of_claim(claim, end), now);
        let mut limits: Vec<_> = self.claims.iter().filter_map(of).collect();
        if limits.iter().any(|limit| limit.refuses) {
            // Those that would have admitted the request have charged it nothing either.
            limits.iter_mut().for_each(|limit| limit.report.used = 0);
        }
        limits
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
            self.look_at_what_has_ended(now);
            self.end(now);
        }
        Report::of_tightest(&self.claims, |claim| self.of_claim(claim, self.settlement), now)
    }

    /// Says what the answer is: rules may charge some answers only.
    pub fn answered(&mut self, answer: &dyn Answer) {
        let returned = self.limiter.returning(self.rules(), answer);
        self.give_back(&returned);
    }

    /// The rules that have a claim on the request.
    pub(crate) fn rules(&self) -> Positions {
        let mut rules: Positions = self.claims.iter().map(|claim| claim.ask.rule).collect();
        rules.dedup();
        rules
    }

    /// Says which rules do not charge the answer: what they have charged is returned at once, for a stream may last.
    pub(crate) fn give_back(&mut self, rules: &[u16]) {
        for claim in &mut self.claims {
            claim.run.returned |= rules.contains(&claim.ask.rule);
        }
        if !rules.is_empty() {
            self.return_charges(|claim| claim.run.returned);
        }
    }

    /// Ends the request for some claims, and returns what they were charged. Places stay taken.
    fn return_charges(&mut self, returns: impl Fn(&Claim) -> bool) {
        if self.is_over() {
            return;
        }
        let now = self.limiter.now();
        let Progress { cost, paused } = self.meter.progress(now.tick);
        let ending = free(Settlement { cost, paused, ..self.settlement });
        let ends = |claim: &Claim| claim.ask.charge != Charge::Place && claim.run.is_on && returns(claim);
        for claims in self.claims.chunk_by_mut(|one, other| ends(one) == ends(other)) {
            if ends(&claims[0]) {
                self.limiter.engine.store.settle(claims, &ending, now);
            }
        }
    }

    /// Ends the request for rules whose time runs until the head of the response leaves.
    pub(crate) fn head_left(&mut self) {
        if self.is_over() || !self.limiter.settles_apart {
            return;
        }
        let now = self.limiter.now();
        let Progress { cost, paused } = self.meter.progress(now.tick);
        let ending = Settlement { cost, paused, ..self.settlement };
        self.end_apart(ending, |rule| rule.until == Until::Head, now);
    }

    /// Looks again where claims stand that the end does not visit, such as those of rules that count refusals: what was
    /// seen at admission is as old as the request. A rule in shadow that would have refused still says so.
    fn look_at_what_has_ended(&mut self, now: Now) {
        let unvisited = |claim: &Claim| !claim.run.is_on && !claim.standing.refuses;
        if !self.claims.iter().any(unvisited) {
            return;
        }
        for claims in self.claims.chunk_by_mut(|one, other| unvisited(one) == unvisited(other)) {
            if unvisited(&claims[0]) {
                self.limiter.engine.store.look(claims, Progress::default(), now);
            }
        }
    }

    fn end(&mut self, now: Now) {
        self.settled = true;
        if self.claims.is_empty() {
            return;
        }
        let Progress { cost, paused } = self.meter.progress(now.tick);
        (self.settlement.cost, self.settlement.paused) = (cost, paused);
        self.meter.pause(now.tick);
        if self.waived {
            self.settlement = free(self.settlement);
        } else {
            self.settlement.charge_something();
        }
        if !self.waived && self.limiter.settles_apart {
            return self.end_apart(self.settlement, |_| true, now);
        }
        self.limiter.engine.store.settle(&mut self.claims, &self.settlement, now);
        if !self.waived && self.is_typical {
            // What a free request took says nothing about what others will be charged.
            self.limiter.learn(&self.claims, self.route, self.settlement.cost);
        }
    }

    /// Ends the request rule by rule, for rules that charge different answers, or for a different time.
    fn end_apart(&mut self, settlement: Settlement, ends: impl Fn(&Rule) -> bool, now: Now) {
        let mut claims = std::mem::take(&mut self.claims);
        for claims in claims.chunk_by_mut(|one, other| one.ask.rule == other.ask.rule) {
            let runs = claims.iter().any(|claim| claim.run.is_on);
            if !runs || !ends(self.limiter.rule_at(claims[0].ask.rule)) {
                continue;
            }
            let mut ending = settlement;
            if self.waived || claims[0].run.returned {
                ending = free(ending);
            } else {
                ending.charge_something();
                if self.is_typical {
                    self.limiter.learn(claims, self.route, ending.cost);
                }
            }
            self.limiter.engine.store.settle(claims, &ending, now);
        }
        self.claims = claims;
    }

    /// How a claim ends, where most end like that.
    fn of_claim(&self, claim: &Claim, most: Settlement) -> Settlement {
        if claim.run.returned || self.waived { free(most) } else { most }
    }

    /// The rule of a claim on an account that another reservation has a claim on.
    pub(crate) fn shared_with(&self, other: &Self) -> Option<u16> {
        if !Arc::ptr_eq(&self.limiter.engine, &other.limiter.engine) {
            return None;
        }
        let is_shared = |own: &&Claim| {
            other.claims.iter().any(|claim| (claim.ask.book, claim.ask.key) == (own.ask.book, own.ask.key))
        };
        self.claims.iter().find(is_shared).map(|claim| claim.ask.rule)
    }

    /// Whether a limit applies to the request that is not in shadow.
    pub(crate) fn limits_something(&self) -> bool {
        self.claims.iter().any(|claim| !claim.ask.shadow)
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

/// The end of a request that is charged nothing: each account returns what it was charged in its window.
const fn free(settlement: Settlement) -> Settlement {
    let extra_micros = -(settlement.cost.0 as i64);
    Settlement { extra_micros, extra_requests: 0, returned: true, ..settlement }
}
