//! What is seen of real decisions, on a clock that only the test moves.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::Value;
use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Component, Condition, Engine, Facts, KeyDigest, Limiter, ManualClock, Observe as _, Rule,
    Site, Text, UnixMicros, Until, parse_rates,
};

use super::*;
use crate::live::recorder::Recorder;

/// 2023-11-14, 22:00:00 UTC: the beginning of an hour.
const TEN_O_CLOCK: i64 = 1_699_999_200;

struct Request {
    path: &'static str,
    client: u8,
}

impl Facts for Request {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        self.path
    }

    fn ip(&self) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, self.client]))
    }
}

struct Desk {
    clock: Arc<ManualClock>,
    live: Arc<Live>,
    limiter: Arc<Limiter>,
}

impl Desk {
    fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(TEN_O_CLOCK)));
        let live = Arc::new(Live::of(Arc::clone(&clock) as _, Arc::new(Hub::new())));
        let observer = Observer::new(Arc::clone(&live));
        let engine = Engine::new(Memory::default(), Arc::clone(&clock)).observe(observer);
        let site = Site { rules: rules.into_iter().collect(), ..Site::unlimited("shop") };
        Self { clock, live, limiter: Arc::new(Limiter::new(site, &engine)) }
    }

    /// A request that runs so many milliseconds; whether it was served.
    fn ask(&self, path: &'static str, client: u8, millis: u64) -> bool {
        let admission = self.limiter.admit(&Request { path, client }).expect("a memory store does not fail");
        let Admission::Admitted(running) = admission else { return false };
        self.clock.advance(Duration::from_millis(millis));
        drop(running);
        true
    }

    /// What rules have seen.
    fn rows(&self) -> Vec<(i64, String, u64, u64)> {
        self.rows_where(|key| !key.rule.is_empty())
    }

    /// Requests, each once.
    fn requests(&self) -> Vec<(i64, String, u64, u64)> {
        self.rows_where(|key| key.rule.is_empty())
    }

    fn rows_where(&self, wanted: impl Fn(&Key) -> bool) -> Vec<(i64, String, u64, u64)> {
        let line = |key: &Key| format!("{}/{} {}", key.site, key.rule, key.outcome.name());
        let of = |(at, rows): (i64, Rows)| {
            let rows: Vec<_> = rows.into_iter().filter(|(key, _)| wanted(key)).collect();
            rows.into_iter().map(move |(key, sum)| (at - TEN_O_CLOCK, line(&key), sum.requests, sum.micros))
        };
        self.live.unwritten().into_iter().flat_map(of).collect()
    }

    fn written(&self) -> Vec<Batch> {
        self.live.round();
        let mut batches = Vec::new();
        while let Some(numbered) = self.live.to_write() {
            batches.push(numbered.batch.clone());
            self.live.written(numbered.number);
        }
        batches
    }
}

fn rule(name: &str, key: Component, rates: &str) -> Rule {
    Rule::new(name, key, parse_rates(rates).unwrap())
}

fn heard(listener: &mut Listener) -> Vec<(&'static str, Value)> {
    let next = || listener.next().now_or_never().flatten();
    let parsed = |told: hub::Told| (told.name, serde_json::from_str(&told.data).unwrap());
    std::iter::from_fn(next).map(parsed).collect()
}

#[test]
fn requests_are_counted_by_minute_rule_and_outcome_once_for_each_rule() {
    let trial = Rule { shadow: true, ..rule("trial", Component::Site, "1 per day") };
    let desk = Desk::new([rule("each", Component::Ip, "2 per hour; 10s per day"), trial]);
    let served: Vec<_> = (0..3).map(|_| desk.ask("/", 1, 40)).collect();
    assert_eq!(served, [true, true, false]);
    desk.clock.advance(Duration::from_secs(60));
    assert!(desk.ask("/", 2, 5));
    let row = |at, line: &str, requests, micros| (at, line.to_owned(), requests, micros);
    assert_eq!(
        desk.rows(),
        [
            row(0, "shop/each served", 2, 80_000),
            row(0, "shop/each refused", 1, 0),
            row(0, "shop/trial served", 1, 40_000),
            row(0, "shop/trial shadow", 2, 0),
            row(60, "shop/each served", 1, 5_000),
            row(60, "shop/trial shadow", 1, 0),
        ]
    );
}

/// Sums over rules told each request as often as rules had applied to it.
#[test]
fn a_request_counts_once_for_its_site_however_many_rules_apply_and_whenever_they_are_settled() {
    let trial = Rule { shadow: true, ..rule("trial", Component::Site, "1 per day") };
    let head = Rule { until: Until::Head, ..rule("head", Component::Site, "600s per hour") };
    let desk = Desk::new([rule("each", Component::Ip, "2 per hour; 10s per day"), trial, head]);
    assert_eq!((0..3).map(|_| desk.ask("/", 1, 40)).collect::<Vec<_>>(), [true, true, false]);
    let row = |line: &str, requests, micros| (0, line.to_owned(), requests, micros);
    assert_eq!(
        desk.requests(),
        [row("shop/ served", 2, 80_000), row("shop/ refused", 1, 0), row("shop/ shadow", 2, 0)]
    );
    assert_eq!(desk.rows().iter().map(|(_, _, requests, _)| requests).sum::<u64>(), (2 + 1) + (1 + 2) + 2);
}

#[test]
fn a_minute_is_written_down_when_it_has_ended_and_nothing_twice() {
    let desk = Desk::new([rule("site", Component::Site, "600s per hour")]);
    desk.ask("/", 1, 10);
    assert_eq!(desk.written(), []);
    desk.clock.advance(Duration::from_secs(62));
    let written = desk.written();
    assert_eq!(written.len(), 1);
    let (at, rows) = written[0].minutes.first_key_value().unwrap();
    assert_eq!((*at, rows.values().map(|sum| sum.requests).collect::<Vec<_>>()), (TEN_O_CLOCK, vec![1, 1]));
    assert_eq!(written[0].spenders.values().map(|spending| spending.cost).collect::<Vec<_>>(), [10_000]);
    assert_eq!((desk.written(), desk.rows()), (vec![], vec![]));
}

#[test]
fn what_may_have_been_written_is_written_again_as_it_is_and_what_came_later_behind_it() {
    let desk = Desk::new([rule("site", Component::Site, "600s per hour")]);
    desk.ask("/", 1, 10);
    desk.live.close_all();
    let first = desk.live.to_write().unwrap();
    desk.ask("/", 1, 20);
    desk.live.close_all();
    let again = desk.live.to_write().unwrap();
    assert_eq!((again.number, &again.batch), (first.number, &first.batch));
    desk.live.written(first.number);
    let second = desk.live.to_write().unwrap();
    let micros =
        |batch: &Batch| batch.minutes.values().flat_map(Rows::values).map(|sum| sum.micros).max().unwrap();
    assert_eq!((second.number, micros(&first.batch), micros(&second.batch)), (2, 10_000, 20_000));
}

#[test]
fn spenders_are_told_by_their_ids_with_what_the_rule_limits() {
    let desk =
        Desk::new([rule("time", Component::Ip, "60s per hour"), rule("count", Component::Ip, "9 per hour")]);
    (0..3).for_each(|_| _ = desk.ask("/", 1, 100));
    desk.ask("/", 2, 700);
    desk.live.close_all();
    let batch = desk.live.to_write().unwrap();
    let of = |rule: &str| {
        let own = batch.batch.spenders.iter().filter(|(spender, _)| &*spender.rule == rule);
        let mut costs: Vec<_> = own.map(|(_, spending)| (spending.cost, spending.requests)).collect();
        costs.sort_unstable();
        costs
    };
    assert_eq!((of("time"), of("count")), (vec![(300_000, 3), (700_000, 1)], vec![(1, 1), (3, 3)]));
}

#[test]
fn whoever_comes_near_a_limit_is_told_of_once_in_a_window() {
    let desk = Desk::new([rule("each", Component::Ip, "10 per hour")]);
    let mut listener = desk.live.hub.listen("ann").unwrap();
    (0..7).for_each(|_| _ = desk.ask("/", 1, 1));
    desk.live.round();
    assert_eq!(heard(&mut listener), []);
    (0..3).for_each(|_| _ = desk.ask("/", 1, 1));
    desk.live.round();
    let told = heard(&mut listener);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].0, &told[0].1["rule"], &told[0].1["spent"]),
        ("near_limit", &"each".into(), &8.into())
    );
    assert_eq!(
        (&told[0].1["limit"], &told[0].1["reset"]),
        (&"10 per hour".into(), &"2023-11-14T23:00:00Z".into())
    );
    // In the next hour once more.
    desk.clock.advance(Duration::from_secs(3_600));
    (0..9).for_each(|_| _ = desk.ask("/", 1, 1));
    desk.live.round();
    assert_eq!(heard(&mut listener).len(), 1);
}

#[test]
fn refusals_are_told_to_whoever_listens_and_of_too_many_how_many_they_were() {
    let desk = Desk::new([rule("none", Component::Ip, "0 per hour")]);
    desk.ask("/", 1, 1);
    desk.live.round();
    let mut listener = desk.live.hub.listen("ann").unwrap();
    (0..250).for_each(|_| _ = desk.ask("/", 1, 1));
    desk.live.round();
    let told = heard(&mut listener);
    assert_eq!((told.len(), told[0].0, &told[0].1["shadow"]), (201, "refused", &false.into()));
    assert_eq!((told[200].0, &told[200].1), ("dropped", &serde_json::json!({"count": 50})));
}

#[test]
fn what_finds_no_room_is_counted_and_no_request_waits() {
    let desk = Desk::new([rule("site", Component::Site, "600s per hour")]);
    let requests = 40_000;
    (0..requests).for_each(|_| _ = desk.ask("/", 1, 0));
    let rows = desk.rows();
    assert_eq!(rows.iter().map(|(_, _, requests, _)| requests).sum::<u64>(), requests);
    assert!(rows.iter().any(|(_, line, ..)| line == "other/other served"), "{rows:?}");
    assert_eq!(rows.iter().map(|(.., micros)| micros).sum::<u64>(), requests, "each costs a microsecond");
    let rows = desk.requests();
    let sums = rows.iter().fold((0, 0), |(one, two), (.., requests, micros)| (one + requests, two + micros));
    assert_eq!(sums, (requests, requests), "{rows:?}");
}

#[test]
fn of_several_uses_of_an_api_key_the_last_one_counts() {
    let recorder = Recorder::new();
    let (site, key) = (Site::unlimited("shop"), KeyDigest::from_key("secret"));
    for at in [5, 9, 9] {
        recorder.key_used(&site, &key, UnixMicros(at));
    }
    assert_eq!(recorder.take().keys, [(key, UnixMicros(9))].into());
    assert!(recorder.take().keys.is_empty());
}

#[test]
fn rules_of_conditions_count_for_those_who_meet_them() {
    let export = Condition::Path(Text::Equal("/export".into()));
    let export = Rule { when: export, ..rule("export", Component::Ip, "60s per hour") };
    let desk = Desk::new([rule("site", Component::Site, "600s per hour"), export]);
    desk.ask("/", 1, 1);
    desk.ask("/export", 1, 2);
    let rows: Vec<_> = desk.rows().into_iter().map(|(_, line, requests, _)| (line, requests)).collect();
    assert_eq!(rows, [("shop/export served".to_owned(), 1), ("shop/site served".to_owned(), 2)]);
}
