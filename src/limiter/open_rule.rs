//! A rule with its books open: what the limiter keeps of each rule of its site, prepared for requests.
//!
//! All that does not depend on the request is worked out once, when the limiter is made: the book of each limit, and what a request
//! asks of it. Limits of tiers, of overrides and of closures have books, too: those of tiers are opened with the tiers, the others
//! when they are first asked for, and they are bounded, since a closure could give another limit to each request.

use std::borrow::Cow;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use foldhash::fast::FixedState;

use crate::limiter::books::{Books, OpenLimit};
use crate::limiter::client::Client;
use crate::limiter::engine::Shared;
use crate::limiter::expectations::Expectations;
use crate::limiter::terms::OpenTiers;
use crate::model::{
    Cost, Counts, Facts, Hold, KeyHash, Limit, LimitSet, Micros, Rule, Site, Source, of_unknown,
};
use crate::store::Book;

/// A rule with its books open.
///
/// It is made once, when its limiter is: names, books and quotas are then at hand, and a request looks nothing up by text.
#[derive(Debug)]
pub(crate) struct OpenRule {
    pub(crate) name: Arc<str>,
    /// What tells it from the rules of all sites, for observers.
    pub(crate) number: u64,
    /// What the rule says for those for whom nobody says something else.
    pub(crate) limits: Vec<OpenLimit>,
    /// The books of all limits that somebody has had of it.
    pub(crate) books: Arc<Books>,
    /// Its position.
    pub(crate) at: usize,
    pub(crate) expectations: Arc<Expectations>,
    pub(crate) key: OpenKey,
    pub(crate) hold: Hold,
    /// Whether it has no condition.
    pub(crate) applies_always: bool,
    /// Whether rules that apply otherwise give way to it.
    pub(crate) displaces: bool,
    /// Whether none of the following is so: its limits are asked for as they are.
    pub(crate) is_plain: Flag,
    /// Whether code, or an override, gives some requests other limits, or none.
    pub(crate) limits_differ: Flag,
    /// Whether it has one limit, whoever asks.
    pub(crate) is_single: Flag,
    /// Whether a closure says what a request costs.
    pub(crate) cost_differs: bool,
    /// Whether none of the clients that share an account may spend more than its share.
    pub(crate) is_fair: bool,
}

/// A flag that is read by requests and may turn while they run, as when tiers change; it costs a request what a plain one does.
///
/// It orders nothing: whoever reads it has to be right whether it has turned already or not.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, is_set: bool) {
        self.0.store(is_set, Relaxed);
    }
}

/// How the key of a request is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OpenKey {
    /// It is the same for all.
    Constant(KeyHash),
    /// It is the client's address, a part of this kind; what it is hashed by, engine and kind, is one number.
    Address { kind: u8, hashed: u64 },
    /// By all that the rule says.
    Other,
}

impl OpenKey {
    fn of(rule: &Rule, engine: &Shared) -> Self {
        match rule.key.kind_of_address() {
            _ if rule.per_method => Self::Other,
            Some(kind) => Self::Address { kind, hashed: engine.number << 8 | u64::from(kind) },
            None if rule.key.is_constant() => Self::Constant(engine.hasher.hash(&[])),
            None => Self::Other,
        }
    }
}

impl OpenRule {
    /// The rule at a position of its site, in the place of a rule of that name and site on the engine if there was one.
    pub(crate) fn new(
        rule: &Rule,
        position: u16,
        site: &Arc<Site>,
        engine: &Arc<Shared>,
        before: Option<&Self>,
    ) -> Self {
        let books = Books::new(position, site).after(before.map(|before| &*before.books));
        let (cost_differs, is_fair) = (matches!(rule.cost, Cost::Computed(_)), rule.fair.is_some());
        let name = || Arc::from(rule.name.as_str());
        let number = || FixedState::default().hash_one((&site.name, &rule.name));
        let expectations = || engine.lessons.of(&site.name, &rule.name);
        Self {
            name: before.map_or_else(name, |before| Arc::clone(&before.name)),
            number: before.map_or_else(number, |before| before.number),
            limits: rule.limits.iter().map(|limit| books.of(limit, &*engine.store)).collect(),
            books: Arc::new(books),
            at: usize::from(position),
            expectations: before.map_or_else(expectations, |before| Arc::clone(&before.expectations)),
            key: OpenKey::of(rule, engine),
            hold: bounded_hold(rule.hold),
            applies_always: rule.when.is_always(),
            displaces: rule.displaces && !rule.otherwise && !rule.shadow && rule.counts != Counts::Refusals,
            is_plain: Flag::default(),
            limits_differ: Flag::default(),
            is_single: Flag::default(),
            cost_differs,
            is_fair,
        }
    }

    /// Follows the terms that are in force from now on.
    ///
    /// A request may still ask by those before, or ask for one thing by these and for another by those: each flag alone says
    /// no more than where to look.
    pub(crate) fn follow(&self, rule: &Rule, terms: &OpenTiers) {
        let is_computed = rule.limits_by.is_some() || terms.tiers.has_overrides();
        let limits_differ = is_computed || rule.exempt_when.is_some();
        self.limits_differ.set(limits_differ);
        self.is_plain.set(!limits_differ && !self.cost_differs && !self.is_fair);
        self.is_single.set(!is_computed && self.most(terms) == 1);
    }

    /// How many limits the rule has for those for whom it has most.
    pub(crate) fn most(&self, terms: &OpenTiers) -> usize {
        self.limits.len().max(terms.most(self.at))
    }

    /// The limits that hold for a request: none for an exempt one, and those that a closure gives in place of others.
    #[cold]
    pub(crate) fn limits_of<'a>(
        &'a self,
        rule: &Rule,
        facts: &dyn Facts,
        client: Option<&'a Client<'_>>,
        engine: &Shared,
    ) -> Cow<'a, [OpenLimit]> {
        if rule.is_exempt(facts) {
            return Cow::Borrowed(&[]);
        }
        let computed = rule.limits_by.as_ref().and_then(|limits| limits.compute(facts));
        match computed {
            Some(limits) => {
                bounded(&limits).iter().map(|limit| self.books.of(limit, &*engine.store)).collect()
            }
            None => self.limits_by_source(rule, client, engine),
        }
    }

    /// The limits that the rule, a client's tier or its override says.
    fn limits_by_source<'a>(
        &'a self,
        rule: &Rule,
        client: Option<&'a Client<'_>>,
        engine: &Shared,
    ) -> Cow<'a, [OpenLimit]> {
        match client.map(|client| (client, client.source(rule))) {
            Some((client, source @ Source::Override(_))) => {
                let limits = client.tiers().limits(rule, source);
                limits.iter().map(|limit| self.books.of(limit, &*engine.store)).collect()
            }
            Some((client, _)) => Cow::Borrowed(self.limits_said(rule, client)),
            None => Cow::Borrowed(&self.limits),
        }
    }

    /// The limits that the rule, or a client's tier, says.
    #[inline]
    pub(crate) fn limits_said<'a>(&'a self, rule: &Rule, client: &'a Client<'_>) -> &'a [OpenLimit] {
        match (client.source(rule), client.terms()) {
            (Source::Tier(tier), Some(terms)) => terms.limits(self.at, tier),
            // Overrides are looked for where there are some.
            _ => &self.limits,
        }
    }

    /// The limit that a book is of, with the quota of those whom the rule says it for, if it does; else of whoever met it first.
    pub(crate) fn limit_of(&self, book: Book) -> Option<Limit> {
        // Nearly all are the rule's own; a chain through the others costs a refusal more than the search.
        let own = self.limits.iter().find(|open| open.ask.book == book);
        own.map(|open| open.limit).or_else(|| self.books.limit_of(book))
    }

    /// What a request on a route is expected to cost of a quota.
    #[inline]
    pub(crate) fn expected(&self, route: u32, quota: Micros) -> Micros {
        self.expectations.expected(route).unwrap_or_else(|| of_unknown(quota))
    }
}

/// A hold within the bounds of what can be granted: what an account holds is added up, and far beyond them it would be less than nothing.
fn bounded_hold(hold: Hold) -> Hold {
    match hold {
        Hold::Fixed(span) => Hold::Fixed(span.min(Micros::MAX_QUOTA)),
        Hold::Auto | Hold::Off => hold,
    }
}

/// Limits as a closure gives them, within the bounds of a site file.
pub(crate) fn bounded(limits: &LimitSet) -> LimitSet {
    let bound = |limit: &Limit| match *limit {
        Limit::Time { quota, period } => Limit::Time { quota: quota.min(Micros::MAX_QUOTA), period },
        Limit::Requests { quota, period } => Limit::Requests { quota: quota.min(Cost::MOST), period },
        Limit::Concurrent { cap } => Limit::Concurrent { cap },
    };
    limits.iter().map(bound).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limiter::samples::{any_request, any_site};
    use crate::limiter::{Claims, Engine, Limiter, Untold};
    use crate::model::Zone;
    use crate::store::Mode;

    proptest! {
        #[test]
        fn a_limiter_in_the_place_of_another_draws_on_the_accounts_that_it_would_draw_on_alone(
            sites in prop::collection::vec((any_site(), 0..2_usize), 2..5),
            request in any_request(),
        ) {
            let engine = Engine::in_memory();
            let zones = ["UTC", "Europe/Paris"].map(|name| Arc::new(crate::tzdata::zone(name).unwrap()));
            let zones: [Arc<Zone>; 2] = zones;
            let claimed = |limiter: &Limiter| {
                let mut claims = Claims::new();
                limiter.claims(&request, Mode::Decide, true, &mut claims, &mut Untold::new());
                claims
            };
            let mut before: Option<Limiter> = None;
            for (site, zone) in sites {
                let (name, zone) = ("demo.example".to_owned(), Arc::clone(&zones[zone]));
                let site = Arc::new(Site { name, zone, ..site });
                let next = Limiter::of(&site, &engine, before.as_ref());
                let alone = Limiter::of(&site, &engine, None);
                prop_assert_eq!(claimed(&next), claimed(&alone));
                for (one, other) in next.rules.iter().zip(&alone.rules) {
                    prop_assert_eq!((&one.name, one.number), (&other.name, other.number));
                    prop_assert!(Arc::ptr_eq(&one.expectations, &other.expectations));
                }
                before = Some(next);
            }
        }
    }
}
