//! What is noted of a request for one rule, and what rules and routes are called.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use timebudget::{AccountId, Event, Kind, Limit, ObservedLimit, Period, Route, Unit, UnixMicros};

/// What is noted of a request for one rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// The rule, by [number](ObservedLimit::rule_number).
    pub(crate) rule: u64,
    pub(crate) account: AccountId,
    pub(crate) at: UnixMicros,
    /// How long the request ran, with what it was charged on top.
    pub(crate) micros: u64,
    /// How many requests it counts as.
    pub(crate) requests: u32,
    pub(crate) route: Route,
    pub(crate) outcome: Outcome,
    /// What the rule limits: time, if one of its limits does.
    pub(crate) unit: Unit,
    /// Whether a request is counted, and not only the time of work on its behalf.
    pub(crate) is_request: bool,
    /// Whether the request is over with it: one record of each is.
    pub(crate) is_last: bool,
    /// How long the request has run altogether, if it is over.
    pub(crate) ran: u64,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It was served.
    Served,
    /// It was refused.
    Refused,
    /// It would have been refused, were the rule not in shadow.
    Shadow,
    /// It was ended before its time, since a budget was spent.
    Cut,
    /// Nobody could decide over it.
    Failed,
}

/// An account of which four fifths are spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    pub(crate) rule: u64,
    pub(crate) account: AccountId,
    pub(crate) unit: Unit,
    pub(crate) period: Option<Period>,
    pub(crate) spent: u64,
    pub(crate) quota: u64,
    pub(crate) at: UnixMicros,
    /// When its window ends.
    pub(crate) until: UnixMicros,
}

/// The site and the name of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RuleName {
    pub(crate) site: Arc<str>,
    pub(crate) rule: Arc<str>,
}

/// What rules are called, by their numbers: a rule that is in force again has the same number.
#[derive(Debug, Default)]
pub(crate) struct RuleNames(Mutex<HashMap<u64, RuleName>>);

impl RuleNames {
    /// The most rules whose names are kept; of the others nothing is recorded by name.
    const MOST: usize = 100_000;

    /// Learns what the rule of a limit is called.
    pub(crate) fn learn(&self, event: &Event<'_>, limit: &ObservedLimit<'_>) {
        let mut names = self.0.lock();
        if names.len() < Self::MOST {
            let name = || RuleName {
                site: Arc::from(event.site().name.as_str()),
                rule: Arc::from(limit.rule().name.as_str()),
            };
            names.entry(limit.rule_number()).or_insert_with(name);
        }
    }

    pub(crate) fn of(&self, rule: u64) -> Option<RuleName> {
        self.0.lock().get(&rule).cloned()
    }
}

impl Record {
    /// Of what a rule has charged a request, by one of its limits.
    #[inline(always)]
    pub(crate) fn of(event: &Event<'_>, limit: &ObservedLimit<'_>, rule: u64, outcome: Outcome) -> Self {
        let unit = limit.unit();
        let requests = match unit {
            Unit::Time => 1,
            _ => u32::try_from(limit.cost()).unwrap_or(u32::MAX),
        };
        Self {
            rule,
            account: limit.account(),
            at: event.at(),
            micros: event.used().0,
            requests,
            route: event.route(),
            outcome,
            unit,
            is_request: event.kind() != Kind::Detached,
            is_last: false,
            ran: 0,
        }
    }

    /// The same, with which the request is over.
    #[inline(always)]
    pub(crate) const fn ending(self, ran: u64) -> Self {
        Self { is_last: true, ran, ..self }
    }

    /// The request itself, whatever rule it was noted by.
    pub(crate) const fn whole(&self) -> Self {
        Self { micros: self.ran, ..*self }
    }

    /// What it cost: microseconds if the rule limits time, else requests.
    pub(crate) const fn cost(&self) -> u64 {
        match self.unit {
            Unit::Time => self.micros,
            _ => self.requests as u64,
        }
    }
}

impl Near {
    /// Whether the account of a limit has spent four fifths of its quota.
    #[inline]
    pub(crate) const fn is_near(limit: &ObservedLimit<'_>) -> bool {
        let quota = limit.quota();
        limit.spent() >= quota - quota / 5 && quota > 0
    }

    pub(crate) fn of(event: &Event<'_>, limit: &ObservedLimit<'_>) -> Self {
        let at = event.at();
        Self {
            rule: limit.rule_number(),
            account: limit.account(),
            unit: limit.unit(),
            period: limit.limit().period(),
            spent: limit.spent(),
            quota: limit.quota(),
            at,
            until: UnixMicros(at.0.saturating_add_unsigned(limit.left().0)),
        }
    }

    /// Whether it is an account that windows end for: a cap is no budget that is spent.
    pub(crate) const fn has_window(limit: &Limit) -> bool {
        !matches!(limit, Limit::Concurrent { .. })
    }
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] = [Self::Served, Self::Refused, Self::Shadow, Self::Cut, Self::Failed];

    /// As it is written down, and said in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Refused => "refused",
            Self::Shadow => "shadow",
            Self::Cut => "cut",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}
