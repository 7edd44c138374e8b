//! The limits of a rule with their books open, for every client that there may be.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::limiter::engine::Shared;
use crate::model::{Cost, KeyHash, Limit, LimitSet, Micros, Rule, Site, Source, Tiers, Unit, Zone};
use crate::store::{Ask, Book, BookSpec, Charge, Tally};

/// Limits with their books open.
pub(crate) type OpenLimits = Vec<OpenLimit>;

/// A limit with its book open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLimit {
    pub(crate) limit: Limit,
    /// What it asks of every request, of no key, and of time as if nothing were expected.
    pub(crate) ask: Ask,
}

/// The limits of a rule, for those whom it says them for and for those who have others.
///
/// An account is known by the rule, unit and period of its limit but not by its quota. So a tier's multiple of a limit
/// draws on the account of the limit itself: whoever changes the tier takes along what was spent.
#[derive(Debug)]
pub(crate) struct LimitsBySource {
    own: OpenLimits,
    /// By the tier's position; empty where nobody's limits differ.
    of_tiers: Vec<OpenLimits>,
    /// How many limits an override has, of the one that has most. Their books are opened when their users ask, for there may
    /// be thousands, and other users do not meet them.
    most_of_overrides: usize,
}

impl LimitsBySource {
    /// Opens the books of all limits that a rule may have.
    pub(crate) fn open(rule: &Rule, tiers: &Tiers, open: impl Fn(&Limit) -> OpenLimit) -> Self {
        let of = |source| tiers.limits(rule, source).iter().map(&open).collect();
        Self {
            own: of(Source::Rule),
            of_tiers: (0..tiers.tiers().len()).map(|at| of(Source::Tier(at))).collect(),
            most_of_overrides: tiers.most_of_overrides(),
        }
    }

    /// The limits from a source.
    #[inline]
    pub(crate) fn of(&self, source: Source) -> &OpenLimits {
        match source {
            Source::Rule => &self.own,
            Source::Tier(at) => &self.of_tiers[at],
            // Those are opened when they are asked for.
            Source::Override(_) => &self.own,
        }
    }

    /// The limit that a book is of, with the quota of those whom the rule says it for, if it does.
    pub(crate) fn limit_of(&self, book: Book) -> Option<Limit> {
        // Nearly all are the rule's own; a chain through the others costs a refusal more than the search.
        let own = self.own.iter().find(|open| open.ask.book == book);
        own.or_else(|| self.of_others(book)).map(|open| open.limit)
    }

    #[cold]
    fn of_others(&self, book: Book) -> Option<&OpenLimit> {
        self.of_tiers.iter().flatten().find(|open| open.ask.book == book)
    }

    /// How many limits the rule has for those for whom it has most.
    pub(crate) fn most(&self) -> usize {
        self.of_tiers.iter().map(Vec::len).fold(self.own.len().max(self.most_of_overrides), usize::max)
    }
}

/// The books of a rule, by what their accounts are known by: never by a quota, so that who is given another one meets
/// what was spent.
///
/// A book stays open as long as the limiter lives. So the periods of the limits that a closure gives are to be few.
pub(crate) struct Books {
    engine: Arc<Shared>,
    site: String,
    rule: String,
    zone: Arc<Zone>,
    /// What the rule asks of every request, of no book.
    ask: Ask,
    open: RwLock<Vec<OpenLimit>>,
}

impl Books {
    pub(crate) fn new(rule: &Rule, position: u16, site: &Site, engine: &Arc<Shared>) -> Self {
        // What a closure says is put in for each request.
        let cost = if let Cost::Fixed(cost) = rule.cost { cost } else { 1 };
        let ask = Ask::new(NO_BOOK, NO_KEY, 0, Charge::Requests { cost });
        Self {
            engine: Arc::clone(engine),
            site: site.name.clone(),
            rule: rule.name.clone(),
            zone: Arc::clone(&site.zone),
            ask: Ask { rule: position, counts: rule.counts, shadow: rule.shadow, ..ask },
            open: RwLock::default(),
        }
    }

    /// A limit with its book open.
    pub(crate) fn of(&self, limit: &Limit) -> OpenLimit {
        let known = self.open.read().iter().find(|open| is_one_book(&open.limit, limit)).copied();
        let open = known.unwrap_or_else(|| self.open(limit));
        OpenLimit { limit: *limit, ask: Ask { quota: limit.quota(), ..open.ask } }
    }

    /// The limit that has a book, with the quota of whoever met it first.
    pub(crate) fn limit_of(&self, book: Book) -> Option<Limit> {
        self.open.read().iter().find(|open| open.ask.book == book).map(|open| open.limit)
    }

    /// The limits whose books are open.
    pub(crate) fn all(&self) -> Vec<OpenLimit> {
        self.open.read().clone()
    }

    /// Two threads that open one book at once are given the same by the store, which is listed twice then.
    fn open(&self, limit: &Limit) -> OpenLimit {
        let (tally, charge) = match limit {
            Limit::Time { .. } => (Tally::Charged(Unit::Time), Charge::Time { expected: Micros::ZERO }),
            Limit::Requests { .. } => (Tally::Charged(Unit::Requests), self.ask.charge),
            Limit::Concurrent { .. } => (Tally::Running, Charge::Place),
        };
        let (site, rule, zone) = (self.site.as_str(), self.rule.as_str(), &self.zone);
        let spec = BookSpec { site, rule, tally, period: limit.period(), zone };
        let ask = Ask { book: self.engine.store.open(&spec), charge, ..self.ask };
        let open = OpenLimit { limit: *limit, ask };
        self.open.write().push(open);
        open
    }
}

/// The book of a limit that is not open yet.
const NO_BOOK: Book = Book { calendar: 0, salt: [0; 3] };

/// The key of no request.
const NO_KEY: KeyHash = KeyHash([0; 4]);

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").field("rule", &self.rule).finish_non_exhaustive()
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

fn is_one_book(one: &Limit, other: &Limit) -> bool {
    one.unit() == other.unit() && one.period() == other.period()
}
