//! Where each limit of a request stands.

use std::sync::Arc;

use crate::limiter::{Limiter, Report};
use crate::model::{Limit, Micros, Now};
use crate::store::{Claim, Settlement};

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
}

impl LimitReport {
    /// Where the limit of a claim stands; `None` for a claim of another limiter's.
    pub(super) fn of(limiter: &Limiter, claim: &Claim, settlement: &Settlement, now: Now) -> Option<Self> {
        Some(Self {
            rule: limiter.shared_rule_name(claim.ask.rule),
            limit: with_quota(limiter.limit_of(claim)?, claim.ask.quota),
            report: Report::of(claim, settlement, now),
            refuses: claim.refuses(),
            shadow: claim.ask.shadow,
        })
    }
}

/// The limit with what it grants this request: accounts are known without it.
pub(super) fn with_quota(limit: Limit, quota: u64) -> Limit {
    match limit {
        Limit::Time { period, .. } => Limit::Time { quota: Micros(quota), period },
        Limit::Requests { period, .. } => Limit::Requests { quota, period },
        Limit::Concurrent { cap } => Limit::Concurrent { cap: u32::try_from(quota).unwrap_or(cap) },
    }
}
