//! Rows of usage: minutes, the hours that they add up to, and how long both are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use timebudget::{AccountId, UnixMicros};

use crate::live::histogram::Histogram;
use crate::live::record::Outcome;
use crate::live::sketch::Spending;

/// The seconds of a minute.
pub(crate) const MINUTE: i64 = 60;
/// The seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;
/// For how many seconds minutes are kept: 30 days.
pub(crate) const MINUTES_KEPT: i64 = 30 * 24 * HOUR;
/// For how many seconds hours are kept: 13 months, so that a month can be compared with that of the year before.
pub(crate) const HOURS_KEPT: i64 = 396 * 24 * HOUR;

/// What routes and clients are called that are not told apart.
pub(crate) const OTHER: &str = "other";

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) site: Arc<str>,
    /// Empty of requests, each of which counts once, whatever rules applied to it.
    pub(crate) rule: Arc<str>,
    /// Empty where nobody knows.
    pub(crate) method: Arc<str>,
    /// The route's pattern; empty of requests that reached none, [`OTHER`] of those that are not told apart.
    pub(crate) route: Arc<str>,
    pub(crate) outcome: Outcome,
}

/// How much there was of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    /// The time that they ran.
    pub(crate) micros: u64,
    /// How long they ran, of those that ran.
    pub(crate) costs: Histogram,
}

/// The rows of one minute or hour.
pub(crate) type Rows = BTreeMap<Key, Sum>;

/// Whose spending it is: a rule's client, or all those that are not told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spender {
    /// The beginning of the hour, in seconds since 1970.
    pub(crate) hour: i64,
    pub(crate) site: Arc<str>,
    pub(crate) rule: Arc<str>,
    /// The account's id; [`OTHER`] of those that are not told apart.
    pub(crate) client: Arc<str>,
}

/// Usage that is to be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// By the beginning of the minute, in seconds since 1970.
    pub(crate) minutes: BTreeMap<i64, Rows>,
    /// What is left of minutes that were summed up, by the beginning of the hour.
    pub(crate) hours: BTreeMap<i64, Rows>,
    pub(crate) spenders: BTreeMap<Spender, Spending>,
}

/// How much of what waits for the database is told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Rows of minutes, and as many of hours.
    pub(crate) rows: usize,
    /// Rows of spenders.
    pub(crate) spenders: usize,
}

impl Room {
    /// Some forty megabytes, and an hour of what a busy node notes.
    pub(crate) const DEFAULT: Self = Self { rows: 100_000, spenders: 50_000 };
}

/// The beginning of the minute of an instant, in seconds since 1970.
pub(crate) const fn minute_of(at: UnixMicros) -> i64 {
    at.0.div_euclid(1_000_000 * MINUTE) * MINUTE
}

/// The beginning of the hour of an instant in seconds since 1970.
pub(crate) const fn hour_of(secs: i64) -> i64 {
    secs.div_euclid(HOUR) * HOUR
}

/// Adds rows up: of both together each row is the sum.
pub(crate) fn merge(into: &mut Rows, rows: &Rows) {
    for (key, sum) in rows {
        into.entry(key.clone()).or_default().add(sum);
    }
}

/// The hours that minutes add up to.
pub(crate) fn hours<'a>(minutes: impl IntoIterator<Item = (&'a i64, &'a Rows)>) -> BTreeMap<i64, Rows> {
    let mut hours = BTreeMap::<_, Rows>::new();
    for (at, rows) in minutes {
        merge(hours.entry(hour_of(*at)).or_default(), rows);
    }
    hours
}

impl Sum {
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.micros = self.micros.saturating_add(other.micros);
        self.costs.merge(&other.costs);
    }
}

impl Key {
    /// The same, of all routes.
    fn of_all_routes(&self) -> Self {
        let (method, route) = (Arc::from(""), Arc::from(OTHER));
        Self { method, route, ..self.clone() }
    }
}

impl Spender {
    /// The account, unless it is those that are not told apart.
    pub(crate) fn id(&self) -> Option<AccountId> {
        self.client.parse().ok()
    }
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.minutes.is_empty() && self.hours.is_empty() && self.spenders.is_empty()
    }

    /// Adds what came later.
    pub(crate) fn append(&mut self, later: Self) {
        for (at, rows) in later.minutes {
            merge(self.minutes.entry(at).or_default(), &rows);
        }
        for (at, rows) in later.hours {
            merge(self.hours.entry(at).or_default(), &rows);
        }
        for (spender, spending) in later.spenders {
            *self.spenders.entry(spender).or_default() += spending;
        }
    }

    /// What is told apart is made less, until it has room: no sum becomes smaller.
    ///
    /// First the oldest minutes become hours, then routes become one, and the smallest spenders. Returns how many minutes
    /// and rows of spenders were summed up so.
    pub(crate) fn fit(&mut self, room: Room) -> (usize, usize) {
        let mut minutes = 0;
        while count(&self.minutes) > room.rows {
            let Some((at, rows)) = self.minutes.pop_first() else { break };
            merge(self.hours.entry(hour_of(at)).or_default(), &rows);
            minutes += 1;
        }
        if count(&self.hours) > room.rows {
            self.hours.values_mut().for_each(fold_routes);
        }
        // Whatever rules and hours there are then is one number each: a hundred thousand of them is months of silence.
        while count(&self.hours) > room.rows && self.hours.len() > 1 {
            let Some((_, oldest)) = self.hours.pop_first() else { break };
            if let Some(mut next) = self.hours.first_entry() {
                merge(next.get_mut(), &oldest);
            }
        }
        (minutes, self.fit_spenders(room.spenders))
    }

    /// Takes the oldest of it: so many rows of usage and of spenders, or one whole minute or hour.
    pub(crate) fn take_first(&mut self, most: usize) -> Self {
        let mut first = Self::default();
        let mut rows = 0;
        for (from, into) in [(&mut self.minutes, &mut first.minutes), (&mut self.hours, &mut first.hours)] {
            while let Some(oldest) =
                from.first_entry().filter(|oldest| rows == 0 || rows + oldest.get().len() <= most)
            {
                rows += oldest.get().len();
                let (at, taken) = oldest.remove_entry();
                into.insert(at, taken);
            }
        }
        while first.spenders.len() < most
            && let Some((spender, spending)) = self.spenders.pop_first()
        {
            first.spenders.insert(spender, spending);
        }
        first
    }

    fn fit_spenders(&mut self, room: usize) -> usize {
        if self.spenders.len() <= room {
            return 0;
        }
        let before = self.spenders.len();
        let mut costs: Vec<u64> = self.spenders.values().map(|spending| spending.cost).collect();
        costs.sort_unstable_by(|one, other| other.cmp(one));
        let least = costs[room / 2];
        let mut kept = BTreeMap::new();
        for (spender, spending) in std::mem::take(&mut self.spenders) {
            let is_told = spending.cost > least;
            let client = if is_told { Arc::clone(&spender.client) } else { Arc::from(OTHER) };
            *kept.entry(Spender { client, ..spender }).or_insert_with(Spending::default) += spending;
        }
        self.spenders = kept;
        before - self.spenders.len()
    }
}

fn count(rows: &BTreeMap<i64, Rows>) -> usize {
    rows.values().map(Rows::len).sum()
}

fn fold_routes(rows: &mut Rows) {
    let all = std::mem::take(rows);
    for (key, sum) in all {
        rows.entry(key.of_all_routes()).or_default().add(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rule: &str, route: &str) -> Key {
        let (site, method) = ("shop".into(), "GET".into());
        Key { site, rule: rule.into(), method, route: route.into(), outcome: Outcome::Served }
    }

    fn sum(costs: &[u64]) -> Sum {
        let mut sum = Sum { requests: costs.len() as u64, micros: costs.iter().sum(), ..Sum::default() };
        costs.iter().for_each(|cost| sum.costs.add(*cost));
        sum
    }

    fn total(batch: &Batch) -> (u64, u64) {
        let rows = batch.minutes.values().chain(batch.hours.values()).flat_map(Rows::values);
        rows.fold((0, 0), |(requests, micros), sum| (requests + sum.requests, micros + sum.micros))
    }

    #[test]
    fn minutes_add_up_to_the_hour_that_they_lie_in() {
        let row = |costs: &[u64]| Rows::from([(key("site", "/a"), sum(costs))]);
        let minutes = BTreeMap::from([(3_540, row(&[1])), (3_600, row(&[2, 3])), (7_140, row(&[4]))]);
        let hours = hours(&minutes);
        assert_eq!(hours, BTreeMap::from([(0, row(&[1])), (3_600, row(&[2, 3, 4]))]));
    }

    #[test]
    fn an_instant_before_1970_lies_in_the_minute_and_hour_that_began_before_it() {
        assert_eq!((minute_of(UnixMicros(-1)), hour_of(-1)), (-60, -3_600));
        assert_eq!((minute_of(UnixMicros(59_999_999)), hour_of(3_599)), (0, 0));
    }

    #[test]
    fn what_waits_too_long_is_summed_up_and_not_lost() {
        let mut batch = Batch::default();
        for minute in 0..300 {
            let rows = (0..10).map(|route| (key("site", &format!("/{route}")), sum(&[minute, 7]))).collect();
            batch.append(Batch { minutes: BTreeMap::from([(minute as i64 * 60, rows)]), ..Batch::default() });
        }
        let before = total(&batch);
        assert_eq!(batch.fit(Room { rows: 1_000, spenders: 1 }), (200, 0));
        assert_eq!((batch.minutes.len(), batch.hours.len(), total(&batch)), (100, 4, before));
        // With less room, routes are no longer told apart.
        batch.fit(Room { rows: 10, spenders: 1 });
        assert_eq!((total(&batch), batch.minutes.len()), (before, 1));
        assert!(batch.hours.values().flat_map(Rows::keys).all(|key| &*key.route == OTHER));
    }

    #[test]
    fn of_spenders_that_wait_too_long_the_largest_stay() {
        let spender = |client: u64| {
            let client = format!("{client:032x}").into();
            Spender { hour: 0, site: "shop".into(), rule: "site".into(), client }
        };
        let spending = |cost| Spending { cost, requests: 1, micros: cost, refused: 0 };
        let spenders = (0..100).map(|client| (spender(client), spending(client))).collect();
        let mut batch = Batch { spenders, ..Batch::default() };
        assert_eq!(batch.fit(Room { rows: 1, spenders: 20 }), (0, 89));
        let other = Spender { client: OTHER.into(), ..spender(0) };
        assert_eq!(batch.spenders.len(), 11);
        assert_eq!(batch.spenders[&other].cost, (0..90).sum::<u64>());
        assert_eq!(batch.spenders.values().map(|spending| spending.requests).sum::<u64>(), 100);
        assert_eq!((other.id(), spender(7).id().is_some()), (None, true));
    }
}
