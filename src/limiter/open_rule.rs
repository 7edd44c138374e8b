//! A rule with its books open: what the limiter keeps of each rule of its site.

use std::borrow::Cow;
use std::sync::Arc;

use crate::limiter::Claims;
use crate::limiter::books::{self, Books};
use crate::limiter::client::Client;
use crate::limiter::engine::Shared;
use crate::limiter::expectations::Expectations;
use crate::limiter::fair::Fair;
use crate::limiter::open_limits::{LimitsBySource, OpenLimit};
use crate::model::{Cost, Facts, Hold, KeyHash, Limit, Micros, Rule, Site, Source, of_unknown};
use crate::store::{Ask, Book, Charge, Claim, Counts, Mode};

/// A rule with its books open.
#[derive(Debug)]
pub(super) struct OpenRule {
    pub(super) name: Arc<str>,
    pub(super) limits: LimitsBySource,
    /// Whether code gives some requests other limits, or none.
    limits_differ: bool,
    /// The books of limits that a closure gives.
    pub(super) computed: Option<Books>,
    /// How its clients are told apart, if it is fair.
    fair: Option<Fair>,
    pub(super) expectations: Arc<Expectations>,
    /// Whether it has no condition.
    pub(super) applies_always: bool,
    /// Whether rules that apply otherwise give way to it.
    pub(super) displaces: bool,
    /// The key, where it is the same for all requests.
    pub(super) constant_key: Option<KeyHash>,
}

impl OpenRule {
    pub(super) fn new(rule: &Rule, site: &Site, engine: &Arc<Shared>) -> Self {
        let fair = Fair::of(rule, site, engine);
        let books = Books::new(&rule.name, site, engine);
        let is_constant = rule.key.is_constant() && !rule.per_method;
        Self {
            name: Arc::from(rule.name.as_str()),
            limits: LimitsBySource::open(rule, &site.tiers, |limit| books.of(limit)),
            limits_differ: rule.limits_by.is_some() || rule.exempt_when.is_some(),
            computed: rule.limits_by.is_some().then_some(books),
            fair,
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

    /// Claims what the rule's limits are for a client; for one of whom nothing needs to be known, what the rule says.
    ///
    /// Always inlined: a call costs a request 30 instructions, and blocks of code, which make claims too, are few.
    #[inline(always)]
    pub(super) fn claim(
        &self,
        rule: &Rule,
        key: KeyHash,
        at: u16,
        (facts, client): (&dyn Facts, Option<&Client<'_>>),
        mode: Mode,
        claims: &mut Claims,
    ) {
        let limits = self.limits_for(rule, facts, client);
        self.claim_limits(&limits, (rule, rule.cost.of(facts)), key, at, facts, mode, claims);
    }

    /// Claims the rule's own limits for a block of code: nothing exempts it, and no closure, which would look at a request
    /// that there is not, gives it other limits or another cost.
    #[cold]
    pub(super) fn claim_block(
        &self,
        rule: &Rule,
        key: KeyHash,
        at: u16,
        facts: &dyn Facts,
        claims: &mut Claims,
    ) {
        let cost = match rule.cost {
            Cost::Fixed(cost) => cost,
            Cost::Computed(_) => 1,
        };
        let limits = self.limits.of(Source::Rule);
        self.claim_limits(limits, (rule, cost), key, at, facts, Mode::Decide, claims);
    }

    /// Claims limits, of a rule that charges each request so much.
    #[expect(clippy::too_many_arguments, reason = "what a claim is made of, in registers")]
    #[inline(always)]
    fn claim_limits(
        &self,
        limits: &[OpenLimit],
        (rule, cost): (&Rule, u64),
        key: KeyHash,
        at: u16,
        facts: &dyn Facts,
        mode: Mode,
        claims: &mut Claims,
    ) {
        let Rule { counts, shadow, .. } = *rule;
        let client = self.fair.and_then(|fair| fair.key(rule, key, facts));
        for open in limits {
            let OpenLimit { limit, book, .. } = open;
            let charge = match limit {
                Limit::Time { quota, .. } => Charge::Time { expected: self.held(rule.hold, facts, *quota) },
                // What is never refused is charged its time, and is not counted.
                _ if mode == Mode::Force => continue,
                Limit::Requests { .. } => Charge::Requests { cost },
                Limit::Concurrent { .. } => Charge::Place,
            };
            // Places are not shared out: who runs has one, however many others wait.
            let client = client.filter(|_| charge != Charge::Place);
            let quota = limit.quota();
            claims.push(Claim::of(Ask { book: *book, key, client, quota, charge, rule: at, counts, shadow }));
        }
    }

    /// The limits that hold for a request.
    #[inline]
    fn limits_for(
        &self,
        rule: &Rule,
        facts: &dyn Facts,
        client: Option<&Client<'_>>,
    ) -> Cow<'_, [OpenLimit]> {
        let source = client.map_or(Source::Rule, |client| client.source(rule));
        match self.limits_differ {
            false => Cow::Borrowed(self.limits.of(source)),
            true => self.own_limits(rule, facts, source),
        }
    }

    /// None for an exempt request, and those that a closure gives in place of others.
    #[cold]
    fn own_limits(&self, rule: &Rule, facts: &dyn Facts, source: Source) -> Cow<'_, [OpenLimit]> {
        if rule.is_exempt(facts) {
            return Cow::Borrowed(&[]);
        }
        let computed = rule.limits_by.as_ref().and_then(|limits| limits.of(facts));
        match (&self.computed, computed) {
            (Some(books), Some(limits)) => {
                books::bounded(&limits).iter().map(|limit| books.of(limit)).collect()
            }
            _ => Cow::Borrowed(self.limits.of(source)),
        }
    }

    /// The limit that a book is of.
    pub(super) fn limit_of(&self, book: Book) -> Option<Limit> {
        self.limits.limit_of(book).or_else(|| self.computed.as_ref()?.limit_of(book))
    }

    /// What a request on a route is expected to cost of a quota.
    pub(super) fn expected(&self, route: u32, quota: Micros) -> Micros {
        self.expectations.expected(route).unwrap_or_else(|| of_unknown(quota))
    }

    fn held(&self, hold: Hold, facts: &dyn Facts, quota: Micros) -> Micros {
        match hold {
            Hold::Auto => self.expected(facts.route(), quota),
            Hold::Off => Micros::ZERO,
            Hold::Fixed(span) => span,
        }
    }
}
