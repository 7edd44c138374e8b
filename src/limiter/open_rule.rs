//! A rule with its books open: what the limiter keeps of each rule of its site.

use std::sync::Arc;

use crate::limiter::Claims;
use crate::limiter::engine::{Engine, Expectations};
use crate::model::facts::Facts;
use crate::model::key::KeyHash;
use crate::model::limit::Limit;
use crate::model::rule::{Hold, Rule};
use crate::model::site::Site;
use crate::model::units::{Micros, Unit};
use crate::store::{Book, BookSpec, Charge, Claim, Counts, Mode, Tally};

/// A rule with its books open.
#[derive(Debug)]
pub(super) struct OpenRule {
    pub(super) name: Arc<str>,
    pub(super) limits: Vec<(Limit, Book)>,
    pub(super) expectations: Arc<Expectations>,
    /// Whether it has no condition.
    pub(super) applies_always: bool,
    /// Whether rules that apply otherwise give way to it.
    pub(super) displaces: bool,
    /// The key, where it is the same for all requests.
    pub(super) constant_key: Option<KeyHash>,
}

impl OpenRule {
    pub(super) fn new(rule: &Rule, site: &Site, engine: &Engine) -> Self {
        let open = |limit: &Limit| {
            let tally = match limit {
                Limit::Time { .. } => Tally::Charged(Unit::Time),
                Limit::Requests { .. } => Tally::Charged(Unit::Requests),
                Limit::Concurrent { .. } => Tally::Running,
            };
            let (site, zone) = (site.name.as_str(), &site.zone);
            engine.store.open(&BookSpec { site, rule: &rule.name, tally, period: limit.period(), zone })
        };
        let is_constant = rule.key.is_constant() && !rule.per_method;
        Self {
            name: Arc::from(rule.name.as_str()),
            limits: rule.limits.iter().map(|limit| (*limit, open(limit))).collect(),
            expectations: engine.expectations(&site.name, &rule.name),
            applies_always: rule.when.is_always(),
            displaces: rule.displaces && !rule.otherwise && !rule.shadow && rule.counts != Counts::Refusals,
            constant_key: is_constant.then(|| engine.hasher.hash(&[])),
        }
    }

    #[inline]
    pub(super) fn is_about(&self, rule: &Rule, facts: &dyn Facts) -> bool {
        self.applies_always || rule.when.matches(facts)
    }

    pub(super) fn claim(
        &self,
        rule: &Rule,
        key: KeyHash,
        at: u16,
        facts: &dyn Facts,
        mode: Mode,
        claims: &mut Claims,
    ) {
        let Rule { counts, shadow, cost, .. } = *rule;
        for (limit, book) in &self.limits {
            let charge = match limit {
                Limit::Time { .. } => Charge::Time { expected: self.held(rule.hold, facts) },
                // What is never refused is charged its time, and is not counted.
                _ if mode == Mode::Force => continue,
                Limit::Requests { .. } => Charge::Requests { cost },
                Limit::Concurrent { .. } => Charge::Place,
            };
            claims.push(Claim { rule: at, counts, shadow, ..Claim::new(*book, key, limit.quota(), charge) });
        }
    }

    fn held(&self, hold: Hold, facts: &dyn Facts) -> Micros {
        match hold {
            Hold::Auto => self.expectations.expected(facts.route()),
            Hold::Off => Micros::ZERO,
            Hold::Fixed(span) => span,
        }
    }
}
