//! The books of limits that a closure gives, opened when they are first met.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::limiter::engine::Engine;
use crate::model::cost::Cost;
use crate::model::limit::Limit;
use crate::model::rule::tightest;
use crate::model::site::Site;
use crate::model::units::{Micros, Unit};
use crate::model::zone::Zone;
use crate::store::{Book, BookSpec, Tally};

/// The books of a rule, by what their accounts are known by: never by a quota, so that who is given another one meets
/// what was spent.
///
/// A book stays open as long as the limiter lives. So the periods that a closure gives are to be few.
pub(super) struct Books {
    engine: Arc<Engine>,
    site: String,
    rule: String,
    zone: Arc<Zone>,
    open: RwLock<Vec<(Limit, Book)>>,
}

impl Books {
    pub(super) fn new(rule: &str, site: &Site, engine: &Arc<Engine>) -> Self {
        Self {
            engine: Arc::clone(engine),
            site: site.name.clone(),
            rule: rule.to_owned(),
            zone: Arc::clone(&site.zone),
            open: RwLock::default(),
        }
    }

    /// The book of a limit.
    pub(super) fn of(&self, limit: &Limit) -> Book {
        let known =
            self.open.read().iter().find(|(other, _)| is_one_book(other, limit)).map(|(_, book)| *book);
        known.unwrap_or_else(|| self.open(limit))
    }

    /// The limit that has a book, with the quota of whoever met it first.
    pub(super) fn limit_of(&self, book: Book) -> Option<Limit> {
        self.open.read().iter().find(|(_, other)| *other == book).map(|(limit, _)| *limit)
    }

    /// Two threads that open one book at once are given the same by the store, which is listed twice then.
    fn open(&self, limit: &Limit) -> Book {
        let book = open(&self.engine, &self.site, &self.rule, &self.zone, limit);
        self.open.write().push((*limit, book));
        book
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// Opens the book of a rule's limit.
pub(super) fn open(engine: &Engine, site: &str, rule: &str, zone: &Arc<Zone>, limit: &Limit) -> Book {
    let tally = match limit {
        Limit::Time { .. } => Tally::Charged(Unit::Time),
        Limit::Requests { .. } => Tally::Charged(Unit::Requests),
        Limit::Concurrent { .. } => Tally::Running,
    };
    engine.store.open(&BookSpec { site, rule, tally, period: limit.period(), zone })
}

/// Limits as a closure gives them, within the bounds of a site file.
pub(super) fn bounded(limits: Vec<Limit>) -> Vec<Limit> {
    let bound = |limit| match limit {
        Limit::Time { quota, period } => Limit::Time { quota: quota.min(Micros::MAX_QUOTA), period },
        Limit::Requests { quota, period } => Limit::Requests { quota: quota.min(Cost::MOST), period },
        Limit::Concurrent { cap } => Limit::Concurrent { cap },
    };
    tightest(limits.into_iter().map(bound).collect())
}

fn is_one_book(one: &Limit, other: &Limit) -> bool {
    one.unit() == other.unit() && one.period() == other.period()
}
