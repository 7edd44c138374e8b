//! A decision not to serve, and what is said of it.

use std::fmt;
use std::sync::Arc;

use crate::limiter::Limiter;
use crate::limiter::report::{Cause, Report, Tightest, retry_after_secs};
use crate::model::{Limit, Now};
use crate::store::{Claim, Settlement};

/// A decision not to serve a request.
///
/// It displays as the sentences that a client reads; those who write their own, in another language or for another
/// reader, find in its fields all that they are made of.
///
/// # Examples
///
/// ```
/// use timebudget::{Cause, ChargeError, Limit, TimeBudget};
///
/// let budget = TimeBudget::rule("exports", "0s per hour").build()?;
/// # futures_util::FutureExt::now_or_never(async {
/// let charged = budget.limiter().charge("exports", ()).await;
/// let Err(ChargeError::Refused(refusal)) = charged else { panic!("nothing is granted") };
/// let english = refusal.to_string();
/// assert!(english.starts_with("The budget of 0 s of server time is spent. Try again in "), "{english}");
///
/// let french = match (refusal.cause, refusal.limit) {
///     (Cause::Spent, Limit::Time { quota, period }) => format!("Les {quota} par {period} sont épuisées."),
///     _ => "Réessayez plus tard.".to_owned(),
/// };
/// assert_eq!(french, "Les 0 s par hour sont épuisées.");
/// # }).expect("a memory store decides at once");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The name of the first rule, in order, that refuses.
    pub rule: Arc<str>,
    /// Whole seconds after which it is worth to ask again, at least 1.
    ///
    /// The window's end, where the budget is spent: who waits that long is inside the next window. A hint, where only
    /// the requests that run now stand in the way.
    pub retry_after_secs: u64,
    /// What must change until then.
    pub cause: Cause,
    /// The limit that refuses for the longest, as it is for this request: its unit, its quota and its period.
    pub limit: Limit,
    /// Where that limit stands.
    pub report: Report,
    /// The position of the rule.
    pub(crate) position: u16,
}

/// Why a holding was refused, in the few words that an answer is made of. A [`Refusal`] is for those who ask for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The position of the first rule, in order, that refuses.
    pub(crate) rule: u16,
    /// The position among the claims of the one that refuses for the longest.
    longest: u16,
    pub(crate) cause: Cause,
    pub(crate) retry_after_secs: u64,
}

impl Refused {
    /// What the claims of a request on a route were refused for that were just weighed.
    #[inline(always)]
    pub(crate) fn new(limiter: &Limiter, claims: &[Claim], route: u32) -> Self {
        match claims {
            [claim] => {
                let (rule, cause) = (claim.ask.rule, Cause::of(claim));
                let retry_after_secs = retry_after_secs(claim, cause, || limiter.expected(claim, route));
                Self { rule, longest: 0, cause, retry_after_secs }
            }
            claims => Self::of_several(limiter, claims, route),
        }
    }

    #[inline(never)]
    fn of_several(limiter: &Limiter, claims: &[Claim], route: u32) -> Self {
        let wait =
            |claim: &Claim| retry_after_secs(claim, Cause::of(claim), || limiter.expected(claim, route));
        let refusing = || claims.iter().enumerate().filter(|(_, claim)| claim.refuses());
        // The first of those that refuse for the longest. The store refuses only where a claim does; if none did, the first
        // would be described.
        let waits = refusing().rev().map(|(at, claim)| (wait(claim), at));
        let (retry_after_secs, longest) =
            waits.max_by_key(|(wait, _)| *wait).unwrap_or_else(|| (wait(&claims[0]), 0));
        let first = refusing().next().map_or(longest, |(first, _)| first);
        let (rule, cause) = (claims[first].ask.rule, Cause::of(&claims[longest]));
        Self { rule, longest: longest as u16, cause, retry_after_secs }
    }

    /// The claim that refuses for the longest.
    #[inline]
    pub(crate) fn longest<'a>(&self, claims: &'a [Claim]) -> &'a Claim {
        &claims[usize::from(self.longest)]
    }

    /// Where the limit stands that refuses for the longest.
    pub(crate) fn tightest<'a>(&self, claims: &'a [Claim], now: &'a Now) -> Tightest<'a> {
        let tightest = Tightest::at(self.longest(claims), &Settlement::default(), now);
        // Windows end no earlier than that.
        if self.cause == Cause::Crowded { tightest.not_before(self.retry_after_secs) } else { tightest }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    /// Writes which budget is spent, or what else stands in the way, and when to come back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let granted = Granted(self.limit);
        match self.cause {
            Cause::Spent => write!(f, "The budget of {granted} is spent."),
            Cause::Share => {
                write!(f, "Little of the budget of {granted} is left, and your share of it is spent.")
            }
            Cause::Held => {
                write!(f, "What is left of the budget of {granted} is held for running requests.")
            }
            Cause::Crowded => write!(f, "No more than {granted} may run at once."),
        }?;
        let wait = self.retry_after_secs;
        write!(f, " Try again in {wait} second{}.", plural(wait))
    }
}

/// What a limit grants, in words.
struct Granted(Limit);

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Limit::Time { quota, .. } => write!(f, "{quota} of server time"),
            Limit::Requests { .. } | Limit::Concurrent { .. } => {
                let requests = self.0.quota();
                write!(f, "{requests} request{}", plural(requests))
            }
        }
    }
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Micros, Period};

    fn refusal(cause: Cause, limit: Limit, retry_after_secs: u64) -> Refusal {
        let report = Report {
            limit: limit.quota(),
            used: 0,
            remaining: 0,
            reset_secs: retry_after_secs,
            reset_unix_secs: 0,
            unit: limit.unit(),
            rule: 0,
            length: Micros::ZERO,
        };
        Refusal { rule: "a".into(), retry_after_secs, cause, limit, report, position: 0 }
    }

    fn time(quota: u64) -> Limit {
        Limit::Time { quota: Micros(quota), period: Period::HOUR }
    }

    const fn requests(quota: u64) -> Limit {
        Limit::Requests { quota, period: Period::DAY }
    }

    #[test]
    fn a_refusal_is_said_in_units_that_people_use() {
        for (cause, limit, wait, said) in [
            (
                Cause::Spent,
                time(60_000_000),
                5,
                "The budget of 60 s of server time is spent. Try again in 5 seconds.",
            ),
            (Cause::Spent, requests(1), 1, "The budget of 1 request is spent. Try again in 1 second."),
            (Cause::Spent, time(1), 2, "The budget of 1 µs of server time is spent. Try again in 2 seconds."),
            (
                Cause::Share,
                requests(200),
                9,
                "Little of the budget of 200 requests is left, and your share of it is spent. Try again in 9 seconds.",
            ),
            (
                Cause::Held,
                time(1_250_000),
                1,
                "What is left of the budget of 1.25 s of server time is held for running requests. Try again in 1 second.",
            ),
            (
                Cause::Crowded,
                Limit::Concurrent { cap: 1 },
                3,
                "No more than 1 request may run at once. Try again in 3 seconds.",
            ),
        ] {
            assert_eq!(refusal(cause, limit, wait).to_string(), said);
        }
    }

    proptest! {
        #[test]
        fn a_time_is_said_exactly_and_never_as_thousands_of_microseconds(quota in 0..=Micros::MAX_QUOTA.0, shift in 0..53) {
            let quota = quota >> shift;
            let said = refusal(Cause::Spent, time(quota), 1).to_string();
            let amount = said.strip_prefix("The budget of ").and_then(|rest| rest.split_once(" of server time"));
            let (number, unit) = amount.and_then(|(amount, _)| amount.split_once(' ')).expect("an amount");
            let each = match unit { "s" => 6, "ms" => 3, _ => 0 };
            let (whole, part) = number.split_once('.').unwrap_or((number, ""));
            let micros: u64 = format!("{whole}{part:0<each$}").parse().expect("digits");
            prop_assert_eq!(micros, quota, "{}", said);
            prop_assert!(unit != "µs" || micros < 1_000);
            prop_assert!(!said.contains("microsecond"));
        }
    }
}
