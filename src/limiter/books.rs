//! The books of a rule: one for each limit that somebody has had of it, opened in the store when it is first granted.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::model::{Cost, KeyHash, Limit, Micros, Rule, Site, Unit};
use crate::store::{Ask, Book, BookSpec, Charge, Store, Tally};

/// A limit with its book open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLimit {
    pub(crate) limit: Limit,
    /// What it asks of every request, of no key, and of time as if nothing were expected.
    pub(crate) ask: Ask,
}

/// The books of a rule, by what their accounts are known by: never by a quota, so that who is given another one meets
/// what was spent. A tier's multiple of a limit draws on the account of the limit itself: whoever changes the tier takes along
/// what was spent.
///
/// A book stays open as long as the limiter lives. So the periods of the limits that a closure gives are to be few.
///
/// Closures may grant whatever limits they like, so books are opened when one is first granted; they are few, since quotas are not
/// part of a book.
pub(crate) struct Books {
    site: Arc<Site>,
    /// The rule's position in it.
    position: u16,
    /// What the rule asks of every request, of no book.
    ask: Ask,
    open: RwLock<Vec<OpenLimit>>,
    /// Those that the rule had before, so that the store need not be asked which they are.
    before: Vec<(Limit, Book)>,
}

impl Books {
    /// Those of the rule at a position of a site.
    pub(crate) fn new(position: u16, site: &Arc<Site>) -> Self {
        let rule = &site.rules[usize::from(position)];
        // What a closure says is put in for each request.
        let cost = if let Cost::Fixed(cost) = rule.cost { cost } else { 1 };
        let ask = Ask::new(NO_BOOK, NO_KEY, 0, Charge::Requests { cost });
        Self {
            site: Arc::clone(site),
            position,
            ask: Ask { rule: position, counts: rule.counts, shadow: rule.shadow, ..ask },
            open: RwLock::new(Vec::with_capacity(rule.limits.len())),
            before: Vec::new(),
        }
    }

    /// The same in the place of others of the same site and rule on one engine.
    ///
    /// In another zone the books are others. Zones are mostly shared, so two that are no one are not compared.
    pub(crate) fn after(self, before: Option<&Self>) -> Self {
        match before.filter(|before| Arc::ptr_eq(&before.site.zone, &self.site.zone)) {
            Some(before) => {
                let open = before.open.read();
                Self { before: open.iter().map(|open| (open.limit, open.ask.book)).collect(), ..self }
            }
            None => self,
        }
    }

    /// A limit with its book open, in the store of the engine that the rule is on.
    pub(crate) fn of(&self, limit: &Limit, store: &dyn Store) -> OpenLimit {
        let known = self.open.read().iter().find(|open| open.limit.shares_accounts_with(limit)).copied();
        let open = known.unwrap_or_else(|| self.open(limit, store));
        OpenLimit { limit: *limit, ask: Ask { quota: limit.quota(), ..open.ask } }
    }

    /// The limit that has a book, with the quota of whoever met it first.
    #[cold]
    pub(crate) fn limit_of(&self, book: Book) -> Option<Limit> {
        self.open.read().iter().find(|open| open.ask.book == book).map(|open| open.limit)
    }

    /// The limits whose books are open.
    pub(crate) fn all(&self) -> Vec<OpenLimit> {
        self.open.read().clone()
    }

    fn rule(&self) -> &Rule {
        &self.site.rules[usize::from(self.position)]
    }

    /// Two threads that open one book at once are given the same by the store, which is listed twice then.
    fn open(&self, limit: &Limit, store: &dyn Store) -> OpenLimit {
        let (tally, charge) = match limit {
            Limit::Time { .. } => (Tally::Charged(Unit::Time), Charge::Time { expected: Micros::ZERO }),
            Limit::Requests { .. } => (Tally::Charged(Unit::Requests), self.ask.charge),
            Limit::Concurrent { .. } => (Tally::Running, Charge::Place),
        };
        let (site, rule) = (&self.site, self.rule());
        let spec = || BookSpec {
            site: &site.name,
            rule: &rule.name,
            tally,
            period: limit.period(),
            zone: &site.zone,
        };
        let known = self.before.iter().find(|(known, _)| known.shares_accounts_with(limit));
        let book = known.map_or_else(|| store.open(&spec()), |(_, book)| *book);
        let ask = Ask { book, charge, ..self.ask };
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
        f.debug_struct("Books").field("rule", &self.rule().name).finish_non_exhaustive()
    }
}
