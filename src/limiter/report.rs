//! Where the limits of a request stand, and what is said of it.

use std::sync::Arc;

use crate::limiter::Limiter;
use crate::limiter::share::Share;
use crate::model::{Limit, Micros, Now, Unit};
use crate::store::{Charge, Claim, Settlement, Standing};

/// Where the tightest limit stands: what headers describe.
///
/// For a limit of time all amounts are microseconds; for one of requests, requests.
///
/// # Examples
///
/// ```
/// use timebudget::{Component, TimeBudget, Unit};
///
/// # futures_util::FutureExt::now_or_never(async {
/// let budget = TimeBudget::rule("jobs", "10 per hour").key(Component::Site).build()?;
/// let mut job = budget.charge("jobs", ()).await?;
/// let report = job.report().expect("a rule applies");
/// assert_eq!((report.limit, report.used, report.remaining, report.unit), (10, 1, 9, Unit::Requests));
/// assert!(report.reset_secs <= 3_600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).expect("a memory store answers at once").unwrap();
/// ```
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

/// The same, still where the account stands: only what is asked for is worked out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tightest<'a> {
    claim: &'a Claim,
    used: u64,
    now: &'a Now,
    /// Until when it is not worth to ask again, if that is later than the reset: a cap has none.
    not_before_secs: u64,
}

impl<'a> Tightest<'a> {
    /// The limit with the smallest share remaining, or of equal ones that with the longest window.
    #[inline]
    pub(crate) fn of(
        claims: &'a [Claim],
        settlement: impl Fn(&Claim) -> Settlement,
        now: &'a Now,
    ) -> Option<Self> {
        let tightest = match claims {
            [only] => Some(only).filter(|only| !only.ask.shadow),
            claims => tightest(claims),
        };
        tightest.map(|claim| Self::at(claim, &settlement(claim), now))
    }

    #[inline]
    pub(crate) const fn at(claim: &'a Claim, settlement: &Settlement, now: &'a Now) -> Self {
        Self { claim, used: used(claim, settlement), now, not_before_secs: 0 }
    }

    /// With a reset that is not earlier than in so many seconds: of a cap, which has no window, clients go by either.
    pub(crate) const fn not_before(self, not_before_secs: u64) -> Self {
        Self { not_before_secs, ..self }
    }

    /// What the window grants, in the limit's unit.
    pub(crate) const fn limit(&self) -> u64 {
        self.claim.ask.quota
    }

    /// What this request has cost so far, in the limit's unit; a refused one costs nothing.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// What is left of it after this request and all that run beside it; 0 on a refusal.
    pub(crate) const fn remaining(&self) -> u64 {
        self.claim.remaining()
    }

    /// Whole seconds until the window ends, rounded up, at least 1; of a cap that refuses, until it is worth to ask again.
    pub(crate) fn reset_secs(&self) -> u64 {
        self.left().secs_rounded_up().max(1).max(self.not_before_secs)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z at which that is, rounded up.
    pub(crate) fn reset_unix_secs(&self) -> u64 {
        let left = self.left().0.max(self.not_before_secs.saturating_mul(1_000_000));
        let now = u64::try_from(self.now.wall().0).unwrap_or(0);
        Micros(now.saturating_add(left)).secs_rounded_up()
    }

    /// What the limit counts.
    pub(crate) const fn unit(&self) -> Unit {
        if self.claim.ask.is_timed() { Unit::Time } else { Unit::Requests }
    }

    /// The position of the limit's rule.
    pub(crate) const fn rule(&self) -> u16 {
        self.claim.ask.rule
    }

    const fn left(&self) -> Micros {
        // A cap has no window.
        if let Charge::Place = self.claim.ask.charge { Micros(1) } else { self.claim.standing.left }
    }
}

const fn used(claim: &Claim, settlement: &Settlement) -> u64 {
    let Settlement { cost, extra_micros, extra_requests, returned, .. } = *settlement;
    match claim.ask.charge {
        _ if claim.standing.refuses => 0,
        Charge::Time { .. } => cost.0.saturating_add_signed(extra_micros),
        Charge::Requests { .. } if returned => 0,
        Charge::Requests { cost } => cost.saturating_add(extra_requests),
        Charge::Place => 1,
    }
}

fn tightest(claims: &[Claim]) -> Option<&Claim> {
    let described = claims.iter().filter(|claim| !claim.ask.shadow);
    described.min_by(|one, other| {
        let share = |a: &Claim, b: &Claim| u128::from(a.remaining()) * u128::from(b.ask.quota);
        let length = |claim: &Claim| claim.standing.window.length();
        share(one, other).cmp(&share(other, one)).then_with(|| length(other).cmp(&length(one)))
    })
}

impl From<Tightest<'_>> for Report {
    fn from(tightest: Tightest<'_>) -> Self {
        Self {
            limit: tightest.limit(),
            used: tightest.used(),
            remaining: tightest.remaining(),
            reset_secs: tightest.reset_secs(),
            reset_unix_secs: tightest.reset_unix_secs(),
            unit: tightest.unit(),
            rule: tightest.rule(),
            length: tightest.claim.standing.window.length(),
        }
    }
}

/// Where one of the limits stands that applied to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitReport {
    /// The name of the limit's rule.
    pub rule: Arc<str>,
    /// The limit as it is for this request.
    pub limit: Limit,
    /// Where it stands, in the limit's unit. A limit that refuses has nothing remaining.
    pub report: Report,
    /// Whether it stands in the request's way, which one of a rule in shadow never does.
    pub refuses: bool,
    /// Whether its rule is in shadow.
    pub shadow: bool,
    /// What the client has of it, if it shares the account by a [fair](crate::Rule::fair) rule and somebody has asked, as
    /// a page of where a client stands does.
    pub share: Option<Share>,
}

impl LimitReport {
    /// Where the limit of a claim stands; `None` for a claim of another limiter's.
    pub(crate) fn of(limiter: &Limiter, stands: &Tightest<'_>) -> Option<Self> {
        let claim = stands.claim;
        Some(Self {
            rule: limiter.shared_rule_name(claim.ask.rule),
            limit: with_quota(limiter.limit_of(claim)?, claim.ask.quota),
            report: Report::from(*stands),
            refuses: claim.refuses(),
            shadow: claim.ask.shadow,
            share: None,
        })
    }
}

/// The limit with what it grants this request: accounts are known without it.
pub(crate) fn with_quota(limit: Limit, quota: u64) -> Limit {
    match limit {
        Limit::Time { period, .. } => Limit::Time { quota: Micros(quota), period },
        Limit::Requests { period, .. } => Limit::Requests { quota, period },
        Limit::Concurrent { cap } => Limit::Concurrent { cap: u32::try_from(quota).unwrap_or(cap) },
    }
}

/// A limit that a request was claimed on, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppliedLimit<'a> {
    /// The name of its rule.
    pub(crate) rule: &'a str,
    /// Whether its rule has no other.
    pub(crate) is_only: bool,
    /// The limit as its rule has it.
    pub(crate) limit: Limit,
    /// What the window grants, in the limit's unit.
    pub(crate) quota: u64,
    /// How long the window is; a cap on running requests has none.
    pub(crate) window_secs: Option<u64>,
    /// What is left of it.
    pub(crate) remaining: u64,
    /// After how many seconds more of it can be had; not known of a cap that has room.
    pub(crate) wait_secs: Option<u64>,
    /// Whether it makes its rule refuse the request.
    pub(crate) refuses: bool,
}

impl<'a> AppliedLimit<'a> {
    /// `None` if the claim is on none of its rule's books, which no claim is.
    pub(crate) fn of(limiter: &'a Limiter, claim: &Claim, route: u32) -> Option<Self> {
        let open = &limiter.rules[usize::from(claim.ask.rule)];
        let limit = limiter.limit_of(claim)?;
        let reset = limit.period().map(|_| claim.standing.left.secs_rounded_up().max(1));
        let wait = || retry_after_secs(claim, Cause::of(claim), || limiter.expected(claim, route));
        Some(Self {
            rule: &open.name,
            is_only: open.is_single.is_set(),
            limit,
            quota: claim.ask.quota,
            window_secs: limit.period().map(|_| claim.standing.window.length().secs_rounded_up()),
            remaining: claim.remaining(),
            wait_secs: if claim.refuses() { Some(wait()) } else { reset },
            refuses: claim.refuses(),
        })
    }
}

/// What stands in the way of a refused request.
///
/// Of [`Held`](Self::Held) and [`Crowded`](Self::Crowded), `Retry-After` is a guess: either ends when others end. The other two end with
/// the window, and not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The quota is spent: the window must end.
    Spent,
    /// What is left is held for requests that run now.
    Held,
    /// As many requests run as may at once.
    Crowded,
    /// Little of the quota is left, and the client has spent its share: the window must end.
    Share,
}

impl Cause {
    /// What stands in the way of a claim that refuses.
    #[inline]
    pub(crate) const fn of(claim: &Claim) -> Self {
        let Standing { spent, is_shared_out, .. } = claim.standing;
        match claim.ask.charge {
            Charge::Place => Self::Crowded,
            _ if is_shared_out && spent < claim.ask.quota => Self::Share,
            Charge::Time { .. } if spent < claim.ask.quota => Self::Held,
            Charge::Time { .. } | Charge::Requests { .. } => Self::Spent,
        }
    }
}

/// How long to wait until a claim that refuses for this cause would be admitted.
///
/// `expected` is what a request of its route is expected to cost.
#[inline(always)]
pub(crate) fn retry_after_secs(claim: &Claim, cause: Cause, expected: impl FnOnce() -> Micros) -> u64 {
    let reset = claim.standing.left.secs_rounded_up().max(1);
    if matches!(cause, Cause::Spent | Cause::Share) {
        return reset;
    }
    // Of `admitted` requests that run side by side, the first is expected to end after that part of a request's time.
    let first_ends = Micros(expected().0 / u64::from(claim.standing.admitted.max(1)));
    first_ends.secs_rounded_up().clamp(1, reset)
}
