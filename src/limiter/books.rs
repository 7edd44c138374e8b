//! The books of a rule, opened when they are first met.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::limiter::engine::Shared;
use crate::limiter::open_limits::OpenLimit;
use crate::model::{Cost, Limit, LimitSet, Micros, Site, Unit, Zone};
use crate::store::{Book, BookSpec, Tally};

/// The books of a rule, by what their accounts are known by: never by a quota, so that who is given another one meets
/// what was spent.
///
/// A book stays open as long as the limiter lives. So the periods of the limits that a closure gives are to be few.
pub(super) struct Books {
    engine: Arc<Shared>,
    site: String,
    rule: String,
    zone: Arc<Zone>,
    open: RwLock<Vec<OpenLimit>>,
}

impl Books {
    pub(super) fn new(rule: &str, site: &Site, engine: &Arc<Shared>) -> Self {
        Self {
            engine: Arc::clone(engine),
            site: site.name.clone(),
            rule: rule.to_owned(),
            zone: Arc::clone(&site.zone),
            open: RwLock::default(),
        }
    }

    /// A limit with its books open.
    pub(super) fn of(&self, limit: &Limit) -> OpenLimit {
        let known = self.open.read().iter().find(|open| is_one_book(&open.limit, limit)).copied();
        OpenLimit { limit: *limit, ..known.unwrap_or_else(|| self.open(limit)) }
    }

    /// The limit that has a book, with the quota of whoever met it first.
    pub(super) fn limit_of(&self, book: Book) -> Option<Limit> {
        self.open.read().iter().find(|open| open.book == book).map(|open| open.limit)
    }

    /// Two threads that open one book at once are given the same by the store, which is listed twice then.
    fn open(&self, limit: &Limit) -> OpenLimit {
        let tally = match limit {
            Limit::Time { .. } => Tally::Charged(Unit::Time),
            Limit::Requests { .. } => Tally::Charged(Unit::Requests),
            Limit::Concurrent { .. } => Tally::Running,
        };
        let (site, rule, zone) = (self.site.as_str(), self.rule.as_str(), &self.zone);
        let spec = BookSpec { site, rule, tally, period: limit.period(), zone };
        let open = OpenLimit { limit: *limit, book: self.engine.store.open(&spec) };
        self.open.write().push(open);
        open
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// Limits as a closure gives them, within the bounds of a site file.
pub(super) fn bounded(limits: &LimitSet) -> LimitSet {
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
