//! A rule with its books open: what the limiter keeps of each rule of its site.

use std::borrow::Cow;
use std::sync::Arc;

use crate::limiter::Claims;
use crate::limiter::books::{self, Books};
use crate::limiter::engine::{Engine, Expectations};
use crate::model::facts::Facts;
use crate::model::key::KeyHash;
use crate::model::limit::Limit;
use crate::model::rule::{Hold, Rule};
use crate::model::site::Site;
use crate::model::units::Micros;
use crate::store::{Book, Charge, Claim, Counts, Mode};

/// A rule with its books open.
#[derive(Debug)]
pub(super) struct OpenRule {
    pub(super) name: Arc<str>,
    pub(super) limits: Vec<(Limit, Book)>,
    /// Whether some requests have other limits, or none.
    limits_differ: bool,
    /// The books of limits that a closure gives.
    pub(super) computed: Option<Books>,
    pub(super) expectations: Arc<Expectations>,
    /// Whether it has no condition.
    pub(super) applies_always: bool,
    /// Whether rules that apply otherwise give way to it.
    pub(super) displaces: bool,
    /// The key, where it is the same for all requests.
    pub(super) constant_key: Option<KeyHash>,
}

impl OpenRule {
    pub(super) fn new(rule: &Rule, site: &Site, engine: &Arc<Engine>) -> Self {
        let open = |limit: &Limit| books::open(engine, &site.name, &rule.name, &site.zone, limit);
        let is_constant = rule.key.is_constant() && !rule.per_method;
        Self {
            name: Arc::from(rule.name.as_str()),
            limits: rule.limits.iter().map(|limit| (*limit, open(limit))).collect(),
            limits_differ: rule.limits_by.is_some() || rule.exempt_when.is_some(),
            computed: rule.limits_by.is_some().then(|| Books::new(&rule.name, site, engine)),
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

    /// The claims of a request on the rule's accounts.
    ///
    /// Always inlined: a call costs a request 30 instructions, and blocks of code, which make them too, are few.
    #[inline(always)]
    pub(super) fn claim(
        &self,
        rule: &Rule,
        key: KeyHash,
        at: u16,
        facts: &dyn Facts,
        mode: Mode,
        claims: &mut Claims,
    ) {
        let Rule { counts, shadow, .. } = *rule;
        let cost = rule.cost.of(facts);
        for (limit, book) in self.limits_for(rule, facts).iter() {
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

    /// The limits that hold for a request.
    #[inline]
    fn limits_for(&self, rule: &Rule, facts: &dyn Facts) -> Cow<'_, [(Limit, Book)]> {
        match self.limits_differ {
            false => Cow::Borrowed(&self.limits),
            true => self.own_limits(rule, facts),
        }
    }

    /// None for an exempt request, and those that a closure gives in place of the rule's.
    #[cold]
    fn own_limits(&self, rule: &Rule, facts: &dyn Facts) -> Cow<'_, [(Limit, Book)]> {
        if rule.is_exempt(facts) {
            return Cow::Borrowed(&[]);
        }
        let computed = rule.limits_by.as_ref().and_then(|limits| limits.of(facts));
        match (&self.computed, computed) {
            (Some(books), Some(limits)) => {
                books::bounded(limits).into_iter().map(|limit| (limit, books.of(&limit))).collect()
            }
            _ => Cow::Borrowed(&self.limits),
        }
    }

    /// The limit that a book is of.
    pub(super) fn limit_of(&self, book: Book) -> Option<Limit> {
        let own = self.limits.iter().find(|(_, other)| *other == book).map(|(limit, _)| *limit);
        own.or_else(|| self.computed.as_ref()?.limit_of(book))
    }

    fn held(&self, hold: Hold, facts: &dyn Facts) -> Micros {
        match hold {
            Hold::Auto => self.expectations.expected(facts.route()),
            Hold::Off => Micros::ZERO,
            Hold::Fixed(span) => span,
        }
    }
}
