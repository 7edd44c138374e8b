//! The decision before the handler, and what is said of it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::limiter::{Claims, Limiter, Refusal, Reservation};
use crate::model::{Facts, Micros, Now, Unit};
use crate::store::{Asking, Charge, Claim, Fault, Settlement};

/// The decision before the handler.
#[derive(Debug)]
pub enum Admission<L: Deref<Target = Limiter> = Arc<Limiter>> {
    /// The request is none of the limiter's business: not decided, not charged, no headers.
    Exempt,
    /// The request may run; it is charged until the reservation is settled or dropped.
    Admitted(Reservation<L>),
    /// The request is not to be served.
    Refused(Refusal),
    /// Others have to be asked first. A limiter over a memory store never says so.
    Pending(Pending<L>),
}

impl<L: Deref<Target = Limiter>> Admission<L> {
    /// Decides over a request with a limiter that the reservation is to hold on to.
    ///
    /// CORS preflights are never refused, since a browser would show its user an error that names no limit; their time
    /// is charged.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed.
    pub fn of(limiter: L, facts: &dyn Facts) -> Result<Self, Fault> {
        let mut reservation = Reservation::vacant(limiter);
        let decision = reservation.admit(facts)?;
        Ok(Self::by(decision, reservation))
    }

    pub(super) fn by(decision: Decision, reservation: Reservation<L>) -> Self {
        match decision {
            Decision::Exempt => Self::Exempt,
            Decision::Admitted => Self::Admitted(reservation),
            Decision::Refused(refusal) => Self::Refused(refusal),
            Decision::Open(question) => Self::Pending(Pending { reservation, question }),
        }
    }

    /// Waits where others have to be asked first: what comes is never [`Admission::Pending`].
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed and is told to refuse then.
    pub async fn decided(self) -> Result<Self, Fault> {
        match self {
            Self::Pending(pending) => pending.decided().await,
            decided => Ok(decided),
        }
    }
}

/// A request about which the store asks others.
///
/// Its time runs already. Dropping it ends the request.
#[derive(Debug)]
#[must_use = "nothing is decided until it is awaited"]
pub struct Pending<L: Deref<Target = Limiter> = Arc<Limiter>> {
    reservation: Reservation<L>,
    question: Question,
}

impl<L: Deref<Target = Limiter>> Pending<L> {
    /// Waits for the decision.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed and is told to refuse then.
    pub async fn decided(self) -> Result<Admission<L>, Fault> {
        let Self { mut reservation, question } = self;
        let answer = question.asking.await?;
        Ok(match reservation.conclude(answer, question.now) {
            Decision::Refused(refusal) => Admission::Refused(refusal),
            _ => Admission::Admitted(reservation),
        })
    }
}

/// What the store asks others, about a request that arrived at `now`.
pub(crate) struct Question {
    pub(crate) asking: Asking,
    pub(crate) now: Now,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The decision before the handler, where the reservation is already in its place.
#[derive(Debug)]
pub(crate) enum Decision {
    Exempt,
    Admitted,
    Refused(Refusal),
    Open(Question),
}

/// Where the tightest limit stands: what headers describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the window grants, in the limit's unit.
    pub limit: u64,
    /// What this request has cost so far, in the limit's unit; a refused one costs nothing.
    pub used: u64,
    /// What is left of it after this request and all that run beside it; 0 on a refusal.
    pub remaining: u64,
    /// Whole seconds until the window ends, rounded up, at least 1; of a cap that refuses, until it is worth to ask again.
    pub reset_secs: u64,
    /// Whole seconds since 1970-01-01T00:00:00Z at which that is, rounded up.
    pub reset_unix_secs: u64,
    /// What the limit counts.
    pub unit: Unit,
    /// The position of the limit's rule.
    pub(crate) rule: u16,
    /// How long the window is.
    pub(crate) length: Micros,
}

impl Report {
    /// Describes the limit with the smallest share remaining, or of equal ones that with the longest window.
    pub(crate) fn of_tightest(
        claims: &Claims,
        settlement: impl Fn(&Claim) -> Settlement,
        now: Now,
    ) -> Option<Self> {
        if let [only] = claims.as_slice() {
            return (!only.ask.shadow).then(|| Self::of(only, &settlement(only), now));
        }
        let described = claims.iter().filter(|claim| !claim.ask.shadow);
        let tightest = described.min_by(|one, other| {
            let share = |a: &Claim, b: &Claim| u128::from(a.remaining()) * u128::from(b.ask.quota);
            let length = |claim: &Claim| claim.standing.window.length();
            share(one, other).cmp(&share(other, one)).then_with(|| length(other).cmp(&length(one)))
        });
        tightest.map(|claim| Self::of(claim, &settlement(claim), now))
    }

    /// With a reset that is not earlier than in so many seconds: of a cap, which has no window, clients go by either.
    pub(super) fn not_before(mut self, secs: u64, now: Now) -> Self {
        self.reset_secs = self.reset_secs.max(secs);
        let then = now.wall().plus(i64::try_from(secs.saturating_mul(1_000_000)).unwrap_or(i64::MAX));
        let then = Micros(u64::try_from(then.0).unwrap_or(0)).secs_rounded_up();
        self.reset_unix_secs = self.reset_unix_secs.max(then);
        self
    }

    pub(super) fn of(claim: &Claim, settlement: &Settlement, now: Now) -> Self {
        let left = if is_cap(claim) { Micros(1) } else { claim.standing.left };
        let ends = u64::try_from(now.wall().0).unwrap_or(0).saturating_add(left.0);
        Self {
            limit: claim.ask.quota,
            used: used(claim, settlement),
            remaining: claim.remaining(),
            reset_secs: left.secs_rounded_up().max(1),
            reset_unix_secs: Micros(ends).secs_rounded_up(),
            unit: if claim.ask.is_timed() { Unit::Time } else { Unit::Requests },
            rule: claim.ask.rule,
            length: claim.standing.window.length(),
        }
    }
}

fn used(claim: &Claim, settlement: &Settlement) -> u64 {
    match claim.ask.charge {
        _ if claim.standing.refuses => 0,
        Charge::Time { .. } => settlement.cost.0.saturating_add_signed(settlement.extra_micros),
        Charge::Requests { .. } if settlement.returned => 0,
        Charge::Requests { cost } => cost.saturating_add(settlement.extra_requests),
        Charge::Place => 1,
    }
}

fn is_cap(claim: &Claim) -> bool {
    claim.ask.charge == Charge::Place
}
