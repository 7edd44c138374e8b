//! A rule with its books open: what the limiter keeps of each rule of its site, prepared for requests.

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::limiter::client::Client;
use crate::limiter::engine::Shared;
use crate::limiter::expectations::Expectations;
use crate::limiter::open_limits::{Books, LimitsBySource, OpenLimit, bounded};
use crate::model::{Cost, Counts, Facts, Hold, KeyHash, Limit, Micros, Rule, Site, Source, of_unknown};
use crate::store::Book;

/// A rule with its books open.
#[derive(Debug)]
pub(crate) struct OpenRule {
    pub(crate) name: Arc<str>,
    /// What tells it from the rules of all sites, for observers.
    pub(crate) number: u64,
    pub(crate) limits: LimitsBySource,
    /// The books of limits that a closure gives.
    pub(crate) computed: Option<Arc<Books>>,
    pub(crate) expectations: Arc<Expectations>,
    pub(crate) key: OpenKey,
    pub(crate) hold: Hold,
    /// Whether it has no condition.
    pub(crate) applies_always: bool,
    /// Whether rules that apply otherwise give way to it.
    pub(crate) displaces: bool,
    /// Whether none of the following is so: its limits are asked for as they are.
    pub(crate) is_plain: bool,
    /// Whether code gives some requests other limits, or none.
    pub(crate) limits_differ: bool,
    /// Whether a closure says what a request costs.
    pub(crate) cost_differs: bool,
    /// Whether none of the clients that share an account may spend more than its share.
    pub(crate) is_fair: bool,
}

/// How the key of a request is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OpenKey {
    /// It is the same for all.
    Constant(KeyHash),
    /// It is the client's address, a part of this kind.
    Address(u8),
    /// By all that the rule says.
    Other,
}

impl OpenKey {
    fn of(rule: &Rule, engine: &Shared) -> Self {
        match rule.key.kind_of_address() {
            _ if rule.per_method => Self::Other,
            Some(kind) => Self::Address(kind),
            None if rule.key.is_constant() => Self::Constant(engine.hasher.hash(&[])),
            None => Self::Other,
        }
    }
}

impl OpenRule {
    /// The rule at a position of its site.
    pub(crate) fn new(rule: &Rule, position: u16, site: &Site, engine: &Arc<Shared>) -> Self {
        let books = Books::new(rule, position, site, engine);
        let has_overrides = !site.tiers.overrides().is_empty();
        let limits_differ = rule.limits_by.is_some() || rule.exempt_when.is_some() || has_overrides;
        let (cost_differs, is_fair) = (matches!(rule.cost, Cost::Computed(_)), rule.fair.is_some());
        Self {
            name: Arc::from(rule.name.as_str()),
            number: FixedState::default().hash_one((&site.name, &rule.name)),
            limits: LimitsBySource::open(rule, &site.tiers, |limit| books.of(limit)),
            computed: (rule.limits_by.is_some() || has_overrides).then(|| Arc::new(books)),
            expectations: engine.expectations(&site.name, &rule.name),
            key: OpenKey::of(rule, engine),
            hold: rule.hold,
            applies_always: rule.when.is_always(),
            displaces: rule.displaces && !rule.otherwise && !rule.shadow && rule.counts != Counts::Refusals,
            is_plain: !limits_differ && !cost_differs && !is_fair,
            limits_differ,
            cost_differs,
            is_fair,
        }
    }

    #[inline]
    pub(crate) fn is_about(&self, rule: &Rule, facts: &dyn Facts) -> bool {
        self.applies_always || rule.when.matches(facts)
    }

    /// The limits that hold for a request: none for an exempt one, and those that a closure gives in place of others.
    #[cold]
    pub(crate) fn limits_of(
        &self,
        rule: &Rule,
        facts: &dyn Facts,
        client: Option<&Client<'_>>,
    ) -> Cow<'_, [OpenLimit]> {
        if rule.is_exempt(facts) {
            return Cow::Borrowed(&[]);
        }
        let computed = rule.limits_by.as_ref().and_then(|limits| limits.compute(facts));
        match (&self.computed, computed) {
            (Some(books), Some(limits)) => bounded(&limits).iter().map(|limit| books.of(limit)).collect(),
            (Some(books), None) => self.limits_by_source(books, rule, client),
            _ => Cow::Borrowed(self.limits_said(rule, client)),
        }
    }

    /// The limits that the rule, a client's tier or its override says.
    fn limits_by_source(
        &self,
        books: &Books,
        rule: &Rule,
        client: Option<&Client<'_>>,
    ) -> Cow<'_, [OpenLimit]> {
        match client.map(|client| (client, client.source(rule))) {
            Some((client, source @ Source::Override(_))) => {
                client.tiers().limits(rule, source).iter().map(|limit| books.of(limit)).collect()
            }
            Some((_, source)) => Cow::Borrowed(self.limits.of(source)),
            None => Cow::Borrowed(self.limits.of(Source::Rule)),
        }
    }

    /// The limits that the rule, or a client's tier, says.
    #[inline]
    pub(crate) fn limits_said(&self, rule: &Rule, client: Option<&Client<'_>>) -> &[OpenLimit] {
        match client {
            None => self.limits.of(Source::Rule),
            Some(client) => self.limits.of(client.source(rule)),
        }
    }

    /// The limit that a book is of.
    pub(crate) fn limit_of(&self, book: Book) -> Option<Limit> {
        self.limits.limit_of(book).or_else(|| self.computed.as_ref()?.limit_of(book))
    }

    /// What a request on a route is expected to cost of a quota.
    #[inline]
    pub(crate) fn expected(&self, route: u32, quota: Micros) -> Micros {
        self.expectations.expected(route).unwrap_or_else(|| of_unknown(quota))
    }
}
