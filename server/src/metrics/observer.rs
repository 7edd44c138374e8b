//! Counts what is decided and settled. It is called within requests: a few additions each, and no lock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;
use timebudget::store::Fault;
use timebudget::{Event, Observe, ObservedLimit, Route, Unit};

use crate::histogram::Histogram;
use crate::metrics::Notices;
use crate::metrics::counted::OfRule;
use crate::metrics::responses::OfSite;
use crate::metrics::table::Table;

/// The most rules, of all sites, that are told apart.
pub(crate) const MOST_RULES: usize = 4_096;

/// The most pairs of a site and a route that are told apart.
pub(crate) const MOST_ROUTES: usize = 1_000;

/// The most sites of which responses and faults are told apart.
const MOST_SITES: usize = 1_000;

/// What is not told apart.
pub(crate) const OTHER: &str = "other";

/// A site and one of its rules.
pub(crate) type RuleName = (String, String);

/// A site and a route, which is asked for its name when somebody wants to know it.
pub(crate) type RouteName = (String, Route);

/// What has been decided and settled since the process began.
pub(crate) struct Observer {
    /// Without it only notices are given.
    counts: Option<Counts>,
    notices: Notices,
}

pub(crate) struct Counts {
    pub(crate) rules: Table<OfRule, RuleName, { MOST_RULES * 2 }>,
    pub(crate) routes: Table<Histogram, RouteName, 2_048>,
    /// What was answered, by site.
    pub(crate) responses: Table<OfSite, String, 2_048>,
    /// Requests over which nobody could decide, by site.
    pub(crate) faults: Mutex<BTreeMap<String, u64>>,
}

impl Observer {
    pub(crate) fn new(counts: bool, notices: Notices) -> Arc<Self> {
        let counts = counts.then(|| Counts {
            rules: Table::new(MOST_RULES),
            routes: Table::new(MOST_ROUTES),
            responses: Table::new(MOST_SITES),
            faults: Mutex::default(),
        });
        Arc::new(Self { counts, notices })
    }

    /// What was counted.
    pub(crate) const fn counts(&self) -> Option<&Counts> {
        self.counts.as_ref()
    }

    pub(crate) const fn notices(&self) -> &Notices {
        &self.notices
    }
}

impl Counts {
    #[inline]
    fn rule(&self, event: &Event<'_>, limit: &ObservedLimit<'_>, number: u64) -> &OfRule {
        self.rules.line(number, || (event.site().name.clone(), limit.rule().name.clone()))
    }

    /// A rule is of one site, so a rule and a route are a site and a route.
    #[inline]
    fn route(&self, event: &Event<'_>, rule: u64) -> &Histogram {
        let route = u64::from(event.route().number()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The high half of a product is the better mixed one.
        let number = rule ^ route ^ (route >> 32);
        self.routes.line(number, || (event.site().name.clone(), event.route()))
    }
}

impl Observe for Observer {
    /// Requests are counted when they end.
    fn hears_admissions(&self) -> bool {
        false
    }

    fn refused(&self, event: &Event<'_>) {
        let Some(limit) = event.refusing() else { return };
        if let Some(counts) = &self.counts {
            let line = counts.rule(event, &limit, limit.rule_number());
            let count = if event.is_shadow() { &line.shadow_refusals } else { &line.refusals };
            count.fetch_add(1, Relaxed);
        }
        if !event.is_shadow() {
            self.notices.refused(event, &limit);
        }
    }

    #[inline]
    fn settled(&self, event: &Event<'_>) {
        // Of the limits of a rule the first of time is the one whose cost is counted: each is charged the same.
        let (mut counted, mut timed) = (None, None);
        for limit in event.limits() {
            if let Some(counts) = &self.counts {
                let number = limit.rule_number();
                let is_new = counted != Some(number);
                if is_new {
                    if counted.is_none() {
                        counts.route(event, number).add(event.used().0);
                    }
                    counted = Some(number);
                }
                let is_charged = limit.unit() == Unit::Time && timed != Some(number);
                if is_new || is_charged {
                    let line = counts.rule(event, &limit, number);
                    if is_new {
                        line.requests.fetch_add(1, Relaxed);
                        if event.is_cut() {
                            line.cuts.fetch_add(1, Relaxed);
                            line.cut_us.fetch_add(event.used().0, Relaxed);
                        }
                    }
                    if is_charged {
                        line.charged_us.fetch_add(limit.cost(), Relaxed);
                        timed = Some(number);
                    }
                }
            }
            if Notices::is_near(&limit) {
                self.notices.near(event, &limit);
            }
        }
    }

    fn failed(&self, site: &str, _fault: &Fault) {
        let Some(counts) = &self.counts else { return };
        let mut faults = counts.faults.lock();
        let site = if faults.len() < MOST_SITES || faults.contains_key(site) { site } else { OTHER };
        match faults.get_mut(site) {
            Some(count) => *count += 1,
            None => {
                faults.insert(site.to_owned(), 1);
            }
        }
    }
}
