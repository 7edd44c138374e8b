//! What is seen on this node: taken from the recorder once a second, counted, and told.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use timebudget::{Clock, KeyDigest, Limit, Micros, Unit, UnixMicros};

use crate::live::hub::Hub;
use crate::live::near::ToldOf;
use crate::live::record::{Near, Outcome, Record, RuleName};
use crate::live::recorder::{Noted, Recorder};
use crate::live::rollup::{Batch, Room, Rows};
use crate::live::tally::Tally;
use crate::recent::Hour;
use crate::thing::Time;

/// What is seen on this node.
pub(crate) struct Live {
    pub(crate) recorder: Recorder,
    pub(crate) hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    /// What tells it from other nodes, and from this one before it was started anew.
    pub(crate) name: String,
    /// Held by whoever writes down what waits.
    pub(crate) writing: tokio::sync::Mutex<()>,
    tally: Mutex<Tally>,
    told_of: Mutex<ToldOf>,
    waiting: Mutex<Waiting>,
    /// When API keys were used last, of those whose use is to be written down.
    used: Mutex<HashMap<KeyDigest, UnixMicros>>,
}

/// What waits for the database.
#[derive(Debug, Default)]
struct Waiting {
    /// What is being written, or may have been: it is written again as it is, under the same number.
    first: Option<Arc<Numbered>>,
    rest: Batch,
    numbers: u64,
}

/// A batch, and what tells it from all others of this node.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) batch: Batch,
}

/// How often what was noted is taken.
const EVERY: Duration = Duration::from_secs(1);

/// How many rows of what waits are written at once, or those of one minute, if they are more.
const AT_ONCE: usize = 5_000;

/// The most refusals that are told of in one round; of the others the number is.
const REFUSALS: usize = 200;

#[derive(Serialize)]
struct Refused<'a> {
    site: &'a str,
    rule: &'a str,
    unit: &'static str,
    route: &'a str,
    client: String,
    shadow: bool,
    at: Time,
}

#[derive(Serialize)]
struct NearLimit<'a> {
    site: &'a str,
    rule: &'a str,
    unit: &'static str,
    limit: Option<String>,
    client: String,
    spent: u64,
    quota: u64,
    at: Time,
    reset: Time,
}

impl Live {
    /// What is seen from now on, taken by a thread that ends with it.
    ///
    /// Requests of the last hour, where they are kept, are forgotten by the same thread.
    pub(crate) fn begin(clock: Arc<dyn Clock>, hub: Arc<Hub>, recent: Option<Arc<Hour>>) -> Arc<Self> {
        let live = Arc::new(Self::of(clock, hub));
        let weak = Arc::downgrade(&live);
        let spawned = thread::Builder::new()
            .name("timebudget-live".to_owned())
            .spawn(move || take_turns(&weak, recent.as_deref()));
        match spawned {
            Ok(spawned) => live.recorder.wakes(spawned.thread()),
            Err(error) => log::error!("control: no thread to count usage: {error}"),
        }
        live
    }

    /// The same without a thread: whoever wants to see something makes [rounds](Self::round).
    pub(crate) fn of(clock: Arc<dyn Clock>, hub: Arc<Hub>) -> Self {
        Self {
            recorder: Recorder::new(),
            hub,
            name: Self::any_name(),
            writing: tokio::sync::Mutex::default(),
            clock,
            tally: Mutex::default(),
            told_of: Mutex::default(),
            waiting: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Counts what was noted, and tells of it.
    pub(crate) fn round(&self) {
        let now = self.clock.now().wall();
        let Noted { records, nears, failed, keys, lost } = self.recorder.take();
        {
            let mut tally = self.tally.lock();
            records.iter().for_each(|record| tally.add(record));
            failed.into_iter().for_each(|(site, requests)| tally.add_failed(site, requests, now));
            tally.add_lost(lost, now);
        }
        self.used.lock().extend(keys);
        self.tell_nears(&nears, now);
        if self.hub.is_heard() {
            self.tell_refusals(&records);
        }
        self.close(now);
    }

    fn tell_nears(&self, nears: &[Near], now: UnixMicros) {
        let mut told_of = self.told_of.lock();
        for near in nears.iter().filter(|near| told_of.is_news(near)) {
            let Some(RuleName { site, rule }) = self.recorder.name(near.rule) else { continue };
            let told = NearLimit {
                site: &site,
                rule: &rule,
                unit: unit(near.unit),
                limit: near.limit().map(|limit| limit.to_string()),
                client: near.account.to_string(),
                spent: near.spent,
                quota: near.quota,
                at: time(near.at),
                reset: time(near.until),
            };
            self.hub.tell("near_limit", &told);
        }
        told_of.forget(now);
    }

    fn tell_refusals(&self, records: &[Record]) {
        let is_refusal = |record: &&Record| matches!(record.outcome, Outcome::Refused | Outcome::Shadow);
        let mut refusals = records.iter().filter(is_refusal);
        for record in refusals.by_ref().take(REFUSALS) {
            let Some(RuleName { site, rule }) = self.recorder.name(record.rule) else { continue };
            let told = Refused {
                site: &site,
                rule: &rule,
                unit: unit(record.unit),
                route: &record.route.name().unwrap_or_default(),
                client: record.account.to_string(),
                shadow: record.outcome == Outcome::Shadow,
                at: time(record.at),
            };
            self.hub.tell("refused", &told);
        }
        self.hub.tell_dropped(refusals.count() as u64);
    }

    /// Hands minutes that have ended to whoever writes them down.
    fn close(&self, now: UnixMicros) {
        let batch = self.tally.lock().take_ended(now, |rule| self.recorder.name(rule));
        self.wait(batch);
    }

    /// Hands all there is to whoever writes it down.
    pub(crate) fn close_all(&self) {
        self.round();
        let batch = self.tally.lock().take_all(|rule| self.recorder.name(rule));
        self.wait(batch);
    }

    fn wait(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        waiting.rest.append(batch);
        let (minutes, spenders) = waiting.rest.fit(Room::DEFAULT);
        if minutes + spenders > 0 {
            log::warn!(
                "control: usage waits for the database: {minutes} minutes are kept as hours, {spenders} spenders as others"
            );
        }
    }

    /// What is to be written down next: the same until it [was](Self::written).
    pub(crate) fn to_write(&self) -> Option<Arc<Numbered>> {
        let mut waiting = self.waiting.lock();
        if waiting.first.is_none() && !waiting.rest.is_empty() {
            waiting.numbers += 1;
            let (number, batch) = (waiting.numbers, waiting.rest.take_first(AT_ONCE));
            waiting.first = Some(Arc::new(Numbered { number, batch }));
        }
        waiting.first.clone()
    }

    /// Forgets what was written down.
    pub(crate) fn written(&self, number: u64) {
        let mut waiting = self.waiting.lock();
        if waiting.first.as_ref().is_some_and(|first| first.number == number) {
            waiting.first = None;
        }
    }

    /// Rows that are not in the database yet, by minute: what was noted until now, and what waits.
    ///
    /// Of minutes that were summed up only their hours are left, which are not in them.
    pub(crate) fn unwritten(&self) -> BTreeMap<i64, Rows> {
        self.round();
        let mut rows = self.tally.lock().rows(|rule| self.recorder.name(rule));
        let waiting = self.waiting.lock();
        let batches = waiting.first.iter().map(|first| &first.batch).chain([&waiting.rest]);
        for (at, more) in batches.flat_map(|batch| &batch.minutes) {
            crate::live::rollup::merge(rows.entry(*at).or_default(), more);
        }
        rows
    }

    /// Takes when API keys were used last, of those whose use was not taken yet.
    pub(crate) fn take_uses(&self) -> HashMap<KeyDigest, UnixMicros> {
        std::mem::take(&mut self.used.lock())
    }

    /// The wall clock.
    pub(crate) fn now(&self) -> UnixMicros {
        self.clock.now().wall()
    }
}

impl Near {
    /// The limit that is nearly spent.
    fn limit(&self) -> Option<Limit> {
        let period = self.period?;
        Some(match self.unit {
            Unit::Time => Limit::Time { quota: Micros(self.quota), period },
            _ => Limit::Requests { quota: self.quota, period },
        })
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

/// Takes what was noted once a second, or when a book is half full, until nobody wants it any more.
fn take_turns(live: &Weak<Live>, recent: Option<&Hour>) {
    loop {
        thread::park_timeout(EVERY);
        if let Some(recent) = recent {
            recent.forget();
        }
        match live.upgrade() {
            Some(live) => live.round(),
            None => return,
        }
    }
}

/// How the API calls a unit.
pub(crate) const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "microseconds",
        _ => "requests",
    }
}

/// An instant as the API says it.
pub(crate) fn time(at: UnixMicros) -> Time {
    Time::from_timestamp_micros(at.0).unwrap_or_default()
}
