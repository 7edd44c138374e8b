//! Budgets for each client that would have refused those who ask for most.
//!
//! A client is refused by a budget where it has spent it before it asks again. So what counts of a client's window is what it had spent
//! before its last request; the budget that refuses a hundredth of the clients lies between two of them. Of many clients some are looked
//! at, chosen by chance: as many as memory allows.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

use foldhash::fast::FixedState;
use timebudget::{Limit, Micros, Period, UnixMicros, Window, Zone};
use timebudget_control::replay::{Answering, Who};

use crate::replay::request::Request;

/// For which shares budgets are suggested, in thousandths.
const SHARES: [u64; 3] = [1, 10, 50];

/// How many sites have budgets suggested: those that are met first.
const MOST_SITES: usize = 16;

/// How many clients of a site are looked at.
const MOST_CLIENTS: usize = 131_072;

const PERIODS: usize = 3;

fn periods() -> [Period; PERIODS] {
    let minute = Period::minutes(1).unwrap_or(Period::DAY);
    let hour = Period::hours(1).unwrap_or(Period::DAY);
    [minute, hour, Period::DAY]
}

/// What clients have spent, site by site.
#[derive(Default)]
pub(crate) struct Suggestions {
    sites: Vec<OfSite>,
    /// Whether there were more sites.
    pub(crate) is_partial: bool,
}

struct OfSite {
    name: Arc<str>,
    zone: Arc<Zone>,
    /// The window in force of each period.
    windows: [Window; PERIODS],
    by_ip: OfKey,
    by_user: OfKey,
}

/// The clients of one kind.
struct OfKey {
    name: &'static str,
    /// By hash.
    clients: HashMap<u64, [Spent; PERIODS], FixedState>,
    /// Of so many clients one is looked at, as a power of two.
    one_of: u32,
    /// By what a client had spent before a request, the time of such requests: for each period by time and by requests.
    time: [[Histogram; 2]; PERIODS],
}

/// What a client has spent.
#[derive(Clone, Copy, Default)]
struct Spent {
    /// The end of the window that this is of.
    ends: i64,
    micros: u64,
    requests: u64,
    /// The most that it had spent before a request, in any window.
    worst: [u64; 2],
}

/// A suggested budget.
#[derive(Clone, Debug)]
pub(crate) struct Suggestion {
    pub(crate) site: Arc<str>,
    pub(crate) key: &'static str,
    pub(crate) limit: Limit,
    /// What it is to refuse at most, in words.
    pub(crate) aim: String,
    /// How many clients it would have refused at least once, of how many.
    pub(crate) clients: (u64, u64),
    /// The share of the time that it would have refused.
    pub(crate) time: f64,
}

impl Suggestions {
    /// Takes a request into account; they come in the order of their starts.
    pub(crate) fn add(&mut self, site: &Answering, request: &Request, who: Who, cost: u64) {
        let at = match self.sites.iter().position(|known| known.name == *site.name()) {
            Some(at) => at,
            None if self.sites.len() < MOST_SITES => {
                self.sites.push(OfSite::new(site, request.times.start));
                self.sites.len() - 1
            }
            None => return self.is_partial = true,
        };
        let of_site = &mut self.sites[at];
        of_site.go_to(request.times.start);
        let ends = [0, 1, 2].map(|period: usize| of_site.windows[period].end.0);
        if who.is_some() {
            of_site.by_ip.add(&who, ends, cost);
        }
        if !request.user().is_empty() {
            of_site.by_user.add(request.user(), ends, cost);
        }
    }

    /// The budgets, site by site.
    pub(crate) fn all(&self) -> Vec<Suggestion> {
        let keys = self.sites.iter().flat_map(|site| [(site, &site.by_ip), (site, &site.by_user)]);
        keys.flat_map(|(site, key)| key.suggest(&site.name)).collect()
    }
}

impl OfSite {
    fn new(site: &Answering, at: i64) -> Self {
        let zone = Arc::clone(site.zone());
        let windows = periods().map(|period| Window::containing(&zone, period, UnixMicros(at)));
        Self {
            name: Arc::clone(site.name()),
            zone,
            windows,
            by_ip: OfKey::new("ip"),
            by_user: OfKey::new("user"),
        }
    }

    fn go_to(&mut self, at: i64) {
        for (window, period) in self.windows.iter_mut().zip(periods()) {
            if window.end.0 <= at {
                *window = Window::containing(&self.zone, period, UnixMicros(at));
            }
        }
    }
}

impl OfKey {
    fn new(name: &'static str) -> Self {
        let time = std::array::from_fn(|_| std::array::from_fn(|_| Histogram::default()));
        Self { name, clients: HashMap::default(), one_of: 0, time }
    }

    fn add(&mut self, client: &(impl Hash + ?Sized), ends: [i64; PERIODS], cost: u64) {
        let hash = FixedState::default().hash_one(client);
        if !is_chosen(hash, self.one_of) {
            return;
        }
        let weight = cost.max(1) << self.one_of.min(20);
        let spent = self.clients.entry(hash).or_default();
        for (period, ends) in ends.into_iter().enumerate() {
            let before = spent[period].add(ends, cost);
            for (unit, before) in before.into_iter().enumerate() {
                self.time[period][unit].add(before, weight);
            }
        }
        if self.clients.len() > MOST_CLIENTS {
            self.one_of += 1;
            let one_of = self.one_of;
            self.clients.retain(|hash, _| is_chosen(*hash, one_of));
        }
    }

    fn suggest(&self, site: &Arc<str>) -> Vec<Suggestion> {
        let mut all = Vec::new();
        if self.clients.is_empty() {
            return all;
        }
        for unit in [0, 1] {
            for (at, period) in periods().into_iter().enumerate() {
                let mut worst: Vec<_> = self.clients.values().map(|spent| spent[at].worst[unit]).collect();
                worst.sort_unstable_by(|one, other| other.cmp(one));
                let time = &self.time[at][unit];
                for share in SHARES {
                    let of_clients = budget_of_clients(&worst, share).map(|budget| (budget, "clients"));
                    let of_time = time.budget(share).map(|budget| (budget, "the time"));
                    for (budget, what) in [of_clients, of_time].into_iter().flatten() {
                        let quota = rounded_up(budget, unit == 0);
                        let refused = worst.partition_point(|spent| *spent >= quota) as u64;
                        let clients = (refused << self.one_of, (worst.len() as u64) << self.one_of);
                        let aim = format!("{} % of {what}", share as f64 / 10.0);
                        let limit = match unit {
                            0 => Limit::Time { quota: Micros(quota), period },
                            _ => Limit::Requests { quota, period },
                        };
                        let (site, key) = (Arc::clone(site), self.name);
                        all.push(Suggestion { site, key, limit, aim, clients, time: time.share_from(quota) });
                    }
                }
            }
        }
        all
    }
}

/// Whether a client is looked at where one of so many is.
const fn is_chosen(hash: u64, one_of: u32) -> bool {
    // The high bits, for a table goes by the low ones.
    one_of == 0 || hash >> (u64::BITS - one_of) == 0
}

/// The least budget that refuses no more than so many thousandths of the clients; `None` if that is none of them.
fn budget_of_clients(worst: &[u64], share: u64) -> Option<u64> {
    let refused = worst.len() * share as usize / 1_000;
    (refused > 0).then(|| worst.get(refused).map_or(1, |served| served + 1))
}

/// A budget that one would write: three digits, rounded up. Of time no less than a millisecond is told.
fn rounded_up(budget: u64, is_time: bool) -> u64 {
    let mut unit = if is_time { 1_000 } else { 1 };
    while budget / unit >= 1_000 {
        unit *= 10;
    }
    budget.div_ceil(unit).max(1) * unit
}

impl Spent {
    /// Adds a request; returns what had been spent before it, in time and in requests.
    fn add(&mut self, ends: i64, cost: u64) -> [u64; 2] {
        if self.ends != ends {
            (self.ends, self.micros, self.requests) = (ends, 0, 0);
        }
        let before = [self.micros, self.requests];
        for (worst, before) in self.worst.iter_mut().zip(before) {
            *worst = before.max(*worst);
        }
        self.micros = self.micros.saturating_add(cost.max(1));
        self.requests += 1;
        before
    }
}

/// Time by a number, of which the first six bits are told apart.
#[derive(Default)]
struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Histogram {
    fn add(&mut self, value: u64, weight: u64) {
        let at = bucket(value);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] = self.buckets[at].saturating_add(weight);
        self.total = self.total.saturating_add(weight);
    }

    /// The least of the buckets' bounds from which on lie no more than so many thousandths; `None` if in all lies more.
    fn budget(&self, share: u64) -> Option<u64> {
        let (allowed, mut sum, mut found) = (u128::from(self.total) * u128::from(share) / 1_000, 0, None);
        for (at, weight) in self.buckets.iter().enumerate().rev() {
            sum += u128::from(*weight);
            if sum > allowed {
                break;
            }
            found = Some(bound(at).max(1));
        }
        found
    }

    /// The share that lies in the bucket of a value and above.
    fn share_from(&self, value: u64) -> f64 {
        let above: u64 = self.buckets.iter().skip(bucket(value)).sum();
        above as f64 / self.total.max(1) as f64
    }
}

const BITS: u32 = 6;

const fn bucket(value: u64) -> usize {
    if value < 1 << BITS {
        return value as usize;
    }
    let shift = value.ilog2() - BITS;
    (((shift as u64 + 1) << BITS) + ((value >> shift) & ((1 << BITS) - 1))) as usize
}

/// The least value of a bucket.
const fn bound(bucket: usize) -> u64 {
    let (octave, within) = (bucket as u64 >> BITS, bucket as u64 & ((1 << BITS) - 1));
    if octave == 0 { within } else { ((1 << BITS) + within) << (octave - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_where_the_one_before_it_ends() {
        for at in 0..3_000 {
            assert_eq!((bucket(bound(at)), bucket(bound(at + 1) - 1)), (at, at));
        }
        assert!(bucket(u64::MAX) < 4_096);
    }

    /// A thousand clients, of which the nth asks n times in an hour, for a millisecond each time.
    fn thousand() -> OfKey {
        let mut key = OfKey::new("ip");
        for client in 1..=1_000_u64 {
            (0..client).for_each(|_| key.add(&client, [1, 1, 1], 1_000));
        }
        key
    }

    #[test]
    fn a_budget_of_requests_refuses_as_many_clients_as_were_asked_for() {
        let all = thousand().suggest(&Arc::from("a"));
        let of = |aim: &str| {
            let is_it = |one: &&Suggestion| {
                one.aim == aim && matches!(one.limit, Limit::Requests { period, .. } if period == Period::DAY)
            };
            all.iter().find(is_it).map(|one| (one.limit.quota(), one.clients)).unwrap()
        };
        // Whoever asks 991 times is refused by 990 per day.
        assert_eq!(of("1 % of clients"), (990, (10, 1_000)));
        assert_eq!(of("5 % of clients"), (950, (50, 1_000)));
        assert_eq!(of("0.1 % of clients"), (999, (1, 1_000)));
    }

    #[test]
    fn a_budget_of_time_refuses_no_more_time_than_was_asked_for() {
        let all = thousand().suggest(&Arc::from("a"));
        let of_time: Vec<_> = all.iter().filter(|one| one.aim == "5 % of the time").collect();
        assert_eq!(of_time.len(), 6);
        // What is asked beyond a budget of 750: (1 + 2 + … + 250) of (1 + … + 1000), and a little more than 6 %.
        for one in of_time {
            let budget =
                if one.limit.counts_requests() { one.limit.quota() } else { one.limit.quota() / 1_000 };
            let beyond = (1_000 - budget) * (1_001 - budget) / 2;
            let share = beyond as f64 / 500_500.0;
            assert!((0.04..=0.05).contains(&share), "{} refuses {share}", one.limit);
            assert!((one.time - share).abs() < 0.01, "{} and {share}", one.time);
        }
    }

    #[test]
    fn of_many_clients_some_are_looked_at_and_their_shares_stay() {
        let mut key = OfKey::new("ip");
        // One of a hundred asks twice.
        for client in 0..1_000_000_u64 {
            key.add(&client, [1, 1, 1], 10);
            if client % 100 == 0 {
                key.add(&client, [1, 1, 1], 10);
            }
        }
        assert!(key.clients.len() <= MOST_CLIENTS && key.one_of == 3);
        let worst = key.clients.values().filter(|spent| spent[0].worst[1] == 1).count();
        let share = worst as f64 / key.clients.len() as f64;
        assert!((0.009..0.011).contains(&share), "{share}");
    }

    #[test]
    fn what_nobody_asks_for_is_not_suggested() {
        let mut key = OfKey::new("ip");
        (0..50_u64).for_each(|client| key.add(&client, [1, 1, 1], 7));
        let all = key.suggest(&Arc::from("a"));
        assert!(all.iter().all(|one| one.clients.0 <= 2), "{all:?}");
        assert!(OfKey::new("user").suggest(&Arc::from("a")).is_empty());
    }
}
