//! What a page of metrics is made of, gathered when somebody asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use timebudget::store::Census;
use timebudget::{AccountStanding, Reloads, TimeBudget, tzdata};

use crate::access::Log;
use crate::gateway::{Counted, OfUpstream};
use crate::histogram::Times;
use crate::metrics::observer::OTHER;
use crate::metrics::responses::CLASSES;
use crate::metrics::{Observer, windows};
use crate::traces::Traces;

/// For how long accounts are waited for: a page without them is better than none.
const WINDOWS_WITHIN: Duration = Duration::from_secs(2);

/// Where metrics come from.
pub(crate) struct Metrics {
    observer: Arc<Observer>,
    budget: TimeBudget,
    log: Option<Arc<Log>>,
    upstreams: Arc<Counted>,
    traces: Option<Traces>,
    started: f64,
    tz_data: String,
}

/// All that a page tells.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// By site and rule.
    pub(crate) rules: BTreeMap<(String, String), RuleCounts>,
    /// By site and route.
    pub(crate) routes: BTreeMap<(String, String), Times>,
    /// By site; as many as there are classes.
    pub(crate) responses: BTreeMap<String, [u64; CLASSES.len()]>,
    pub(crate) upstreams: BTreeMap<String, OfUpstream>,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) windows: Vec<AccountStanding>,
    pub(crate) census: Census,
    pub(crate) reloads: Reloads,
    pub(crate) files_are_wrong: bool,
    pub(crate) wrong_sites: usize,
    pub(crate) lines_written: u64,
    pub(crate) lines_dropped: u64,
    pub(crate) spans_sent: u64,
    pub(crate) spans_lost: u64,
    pub(crate) is_ready: bool,
    /// In seconds since 1970.
    pub(crate) started: f64,
    pub(crate) tz_data: String,
}

/// What has become of a rule's requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RuleCounts {
    pub(crate) requests: u64,
    pub(crate) refusals: u64,
    pub(crate) shadow_refusals: u64,
    pub(crate) charged_us: u64,
    pub(crate) cuts: u64,
    pub(crate) cut_us: u64,
}

impl Metrics {
    pub(crate) fn new(
        observer: Arc<Observer>,
        budget: TimeBudget,
        log: Option<Arc<Log>>,
        upstreams: Arc<Counted>,
        traces: Option<Traces>,
    ) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // A zone that has laws of its own, unlike UTC.
        let zone = tzdata::zone("Europe/London");
        let tz_data = zone.map_or_else(|_| "none".to_owned(), |zone| zone.source().to_string());
        Self { observer, budget, log, upstreams, traces, started, tz_data }
    }

    /// All that there is to tell now.
    pub(crate) async fn scrape(&self, is_ready: bool) -> Scrape {
        let engine = self.budget.engine();
        let windows = tokio::time::timeout(WINDOWS_WITHIN, windows::read(&engine)).await;
        let reloader = self.budget.reloader();
        let (rules, routes) = (self.rules(), self.routes());
        let faults = self.observer.counts().map(|counts| counts.faults.lock().clone());
        Scrape {
            rules,
            routes,
            responses: self.responses(),
            upstreams: self.upstreams.read(),
            faults: faults.unwrap_or_default(),
            windows: windows.unwrap_or_default(),
            census: engine.census(),
            reloads: reloader.map(|reloader| reloader.reloads()).unwrap_or_default(),
            files_are_wrong: reloader.is_some_and(|reloader| reloader.errors().is_some()),
            wrong_sites: self.budget.sites().wrong().len(),
            lines_written: self.log.as_ref().map_or(0, |log| log.written()),
            lines_dropped: self.log.as_ref().map_or(0, |log| log.dropped()),
            spans_sent: self.traces.as_ref().map_or(0, Traces::sent),
            spans_lost: self.traces.as_ref().map_or(0, Traces::lost),
            is_ready,
            started: self.started,
            tz_data: self.tz_data.clone(),
        }
    }

    fn rules(&self) -> BTreeMap<(String, String), RuleCounts> {
        let mut rules: BTreeMap<_, RuleCounts> = BTreeMap::new();
        let Some(counts) = self.observer.counts() else { return rules };
        counts.rules.each(|name, line| {
            let read = |count: &AtomicU64| count.load(Relaxed);
            let counts = RuleCounts {
                requests: read(&line.requests),
                refusals: read(&line.refusals),
                shadow_refusals: read(&line.shadow_refusals),
                charged_us: read(&line.charged_us),
                cuts: read(&line.cuts),
                cut_us: read(&line.cut_us),
            };
            if name.is_some() || counts.requests + counts.refusals + counts.shadow_refusals > 0 {
                let name = name.cloned().unwrap_or_else(|| (OTHER.to_owned(), OTHER.to_owned()));
                rules.insert(name, counts);
            }
        });
        rules
    }

    /// Routes by name: rules that share a route are added up.
    fn routes(&self) -> BTreeMap<(String, String), Times> {
        let mut routes: BTreeMap<_, Times> = BTreeMap::new();
        let Some(counts) = self.observer.counts() else { return routes };
        counts.routes.each(|name, line| {
            let times = line.read();
            if name.is_none() && times.count() == 0 {
                return;
            }
            let route = |(site, route): &(String, timebudget::Route)| {
                (site.clone(), route.name().map_or_else(|| "none".to_owned(), |name| name.to_string()))
            };
            let name = name.map_or_else(|| (OTHER.to_owned(), OTHER.to_owned()), route);
            *routes.entry(name).or_default() += times;
        });
        routes
    }

    fn responses(&self) -> BTreeMap<String, [u64; CLASSES.len()]> {
        let mut responses = BTreeMap::new();
        let Some(counts) = self.observer.counts() else { return responses };
        counts.responses.each(|name, line| {
            let counts = line.0.each_ref().map(|count| count.load(Relaxed));
            if name.is_some() || counts.iter().any(|count| *count > 0) {
                responses.insert(name.map_or(OTHER, String::as_str).to_owned(), counts);
            }
        });
        responses
    }
}
