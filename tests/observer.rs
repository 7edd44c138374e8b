//! What observers are told.

#[path = "kit/asked.rs"]
mod asked;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use timebudget::store::Fault;
use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Condition, Counts, Engine, Event, Kind, Limiter, ManualClock, Observe, Reservation, Rule,
    Site, Text, UnixMicros, Until, parse_rates,
};
use timebudget::{Component, LimitSet};

use crate::asked::Asked;

/// 2023-11-14, 22:00:00 UTC: the beginning of an hour.
const TEN_O_CLOCK: UnixMicros = UnixMicros::from_secs(1_699_999_200);

/// Writes down what it is told, a line each.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, what: &str, event: &Event<'_>) {
        let limits = event.limits().map(|limit| {
            let shadow = if limit.is_shadow() { " in shadow" } else { "" };
            let refuses = if limit.refuses() { " refuses" } else { "" };
            format!(
                "{} {}/{} of {}{refuses}{shadow}",
                limit.rule().name,
                limit.cost(),
                limit.spent(),
                limit.quota()
            )
        });
        self.0.lock().unwrap().push(format!("{what}: {}", limits.collect::<Vec<_>>().join(", ")));
    }
}

impl Observe for Diary {
    fn admitted(&self, event: &Event<'_>) {
        self.note(if event.kind() == Kind::Request { "admitted" } else { "begun" }, event);
    }

    fn refused(&self, event: &Event<'_>) {
        let by = event.refusing().map(|limit| limit.rule().name.clone()).unwrap_or_default();
        self.note(&format!("refused by {by}{}", if event.is_shadow() { " in shadow" } else { "" }), event);
    }

    fn settled(&self, event: &Event<'_>) {
        self.note(&format!("settled after {}", event.used()), event);
    }

    fn failed(&self, site: &str, fault: &Fault) {
        self.0.lock().unwrap().push(format!("failed for {site}: {fault}"));
    }
}

struct Desk {
    clock: Arc<ManualClock>,
    diary: Arc<Diary>,
    limiter: Arc<Limiter>,
}

impl Desk {
    fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let clock = Arc::new(ManualClock::at(TEN_O_CLOCK));
        let diary = Arc::new(Diary::default());
        let engine = Engine::new(Memory::default(), Arc::clone(&clock)).observe(Arc::clone(&diary));
        let site = Site { rules: rules.into_iter().collect(), ..Site::unlimited("test") };
        Self { clock, diary, limiter: Arc::new(Limiter::new(site, &engine)) }
    }

    fn admit(&self, path: &'static str) -> Option<Reservation> {
        match self.limiter.admit(&Asked { path, ..Asked::USUAL }).unwrap() {
            Admission::Admitted(reservation) => Some(reservation),
            _ => None,
        }
    }

    fn pass(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// What was noted since the last look.
    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.diary.0.lock().unwrap())
    }
}

fn rule(name: &str, limits: &str) -> Rule {
    Rule::new(name, Component::Site, limits_of(limits))
}

fn limits_of(limits: &str) -> LimitSet {
    parse_rates(limits).unwrap().into()
}

#[test]
fn a_request_is_told_twice_and_a_refused_one_once() {
    let desk = Desk::new([rule("time", "10s per hour"), rule("two", "2 per hour")]);
    let running = desk.admit("/");
    assert_eq!(desk.noted(), ["admitted: time 0/0 of 10000000, two 1/0 of 2"]);
    desk.pass(4);
    drop(running);
    assert_eq!(desk.noted(), ["settled after 4 s: time 4000000/4000000 of 10000000, two 1/1 of 2"]);
    drop(desk.admit("/"));
    desk.noted();
    assert!(desk.admit("/").is_none());
    assert_eq!(desk.noted(), ["refused by two: time 0/4000001 of 10000000, two 0/2 of 2 refuses"]);
}

/// Who turns a rule out of shadow wants to know beforehand whom it would refuse.
#[test]
fn refusals_in_shadow_are_told_like_others() {
    let desk = Desk::new([Rule { shadow: true, ..rule("shadow", "1 per hour") }, rule("real", "2 per hour")]);
    drop(desk.admit("/"));
    desk.noted();
    drop(desk.admit("/"));
    assert_eq!(
        desk.noted(),
        [
            "admitted: shadow 0/1 of 1 refuses in shadow, real 1/1 of 2",
            "refused by shadow in shadow: shadow 0/1 of 1 refuses in shadow, real 1/1 of 2",
            "settled after 1 µs: real 1/2 of 2",
        ]
    );
    assert!(desk.admit("/").is_none());
    let noted = desk.noted();
    assert!(noted[0].starts_with("refused by real:") && noted[1].starts_with("refused by shadow in shadow:"));
}

#[test]
fn what_rules_settle_before_the_others_is_told_then_and_once() {
    let desk = Desk::new([
        Rule { charge_when: Some([404].into()), ..rule("misses", "5 per hour") },
        rule("time", "10s per hour"),
    ]);
    let mut running = desk.admit("/").unwrap();
    desk.noted();
    desk.pass(1);
    running.answered(&Answered(200));
    assert_eq!(desk.noted(), ["settled after 0 s: misses 0/0 of 5"]);
    desk.pass(1);
    drop(running);
    assert_eq!(desk.noted(), ["settled after 2 s: time 2000000/2000000 of 10000000"]);
    let mut free = desk.admit("/").unwrap();
    desk.noted();
    desk.pass(1);
    free.waive();
    drop(free);
    assert_eq!(desk.noted(), ["settled after 0 s: misses 0/0 of 5, time 0/2000000 of 10000000"]);
    let head = Desk::new([Rule { until: Until::Head, ..rule("head", "10s per hour") }]);
    drop(head.admit("/"));
    assert_eq!(head.noted().len(), 2);
}

/// Whoever counts settlements counts a request as often as it is settled in parts.
#[test]
fn a_request_ends_once_in_however_many_parts_it_is_settled() {
    #[derive(Default)]
    struct Ends(Mutex<Vec<Option<u64>>>);
    impl Observe for Ends {
        fn refused(&self, event: &Event<'_>) {
            assert_eq!(event.ended(), None);
        }

        fn settled(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.ended().map(|ran| ran.0));
        }
    }
    let (ends, clock) = (Arc::new(Ends::default()), Arc::new(ManualClock::at(TEN_O_CLOCK)));
    let engine = Engine::new(Memory::default(), Arc::clone(&clock)).observe(Arc::clone(&ends));
    let rules = vec![
        Rule { charge_when: Some([404].into()), ..rule("misses", "5 per hour") },
        Rule { until: Until::Head, ..rule("head", "10s per hour") },
        rule("time", "10s per hour; 9 concurrent"),
    ];
    let limiter = Arc::new(Limiter::new(Site { rules, ..Site::unlimited("test") }, &engine));
    let admit = || match limiter.admit(&Asked::USUAL).unwrap() {
        Admission::Admitted(running) => running,
        other => panic!("{other:?}"),
    };
    let noted = || std::mem::take(&mut *ends.0.lock().unwrap());
    let mut running = admit();
    clock.advance(Duration::from_secs(1));
    running.answered(&Answered(200));
    clock.advance(Duration::from_secs(1));
    drop(running);
    let told = noted();
    assert_eq!(
        (told.len() > 1, told.iter().flatten().collect::<Vec<_>>()),
        (true, vec![&2_000_000]),
        "{told:?}"
    );
    assert_eq!(told.last(), Some(&Some(2_000_000)), "with the last of them");
    drop(admit());
    assert_eq!(noted().iter().flatten().count(), 1);
    let mut free = admit();
    clock.advance(Duration::from_secs(1));
    free.waive();
    drop(free);
    assert_eq!(noted().into_iter().flatten().collect::<Vec<_>>(), [0], "it is charged nothing");
}

/// An answer of this status.
struct Answered(u16);

impl timebudget::Answer for Answered {
    fn status(&self) -> u16 {
        self.0
    }
}

#[test]
fn what_counts_refusals_says_what_it_has_counted() {
    let ban = Rule { counts: Counts::Refusals, ..rule("ban", "9 per hour") };
    let desk = Desk::new([ban, rule("one", "1 per hour")]);
    drop(desk.admit("/"));
    assert_eq!(desk.noted()[1], "settled after 1 µs: one 1/1 of 1");
    assert!(desk.admit("/").is_none());
    assert_eq!(desk.noted(), ["refused by one: ban 1/0 of 9, one 0/1 of 1 refuses"]);
}

#[test]
fn blocks_of_code_are_told_and_exempt_requests_are_not() {
    let desk = Desk::new([rule("time", "10s per hour")]);
    let running = desk.limiter.charge("time", ()).now_or_never().unwrap().unwrap();
    desk.pass(1);
    drop(running);
    assert_eq!(
        desk.noted(),
        ["begun: time 0/0 of 10000000", "settled after 1 s: time 1000000/1000000 of 10000000"]
    );
    let health = Condition::Path(Text::Equal("/health".into()));
    let site = Site { exempt: Some(health), rules: vec![rule("a", "1 per hour")], ..Site::unlimited("test") };
    let diary = Arc::new(Diary::default());
    let engine = Engine::in_memory().observe(Arc::clone(&diary));
    let limiter = Arc::new(Limiter::new(site, &engine));
    assert!(matches!(limiter.admit(&Asked { path: "/health", ..Asked::USUAL }), Ok(Admission::Exempt)));
    assert_eq!(diary.0.lock().unwrap().len(), 0);
}

#[test]
fn one_account_has_one_key_and_a_rule_one_number() {
    #[derive(Default)]
    struct Keys(Mutex<Vec<(String, u64)>>);
    impl Observe for Keys {
        fn admitted(&self, event: &Event<'_>) {
            let all = event.limits().map(|limit| (limit.account().to_string(), limit.rule_number()));
            self.0.lock().unwrap().extend(all);
        }
    }
    let keys = Arc::new(Keys::default());
    let engine = Engine::in_memory().observe(Arc::clone(&keys));
    let site = |name: &str| {
        let rule = Rule::new("a", Component::Ip, limits_of("9 per hour"));
        Arc::new(Limiter::new(Site { rules: vec![rule], ..Site::unlimited(name) }, &engine))
    };
    for site in [site("one"), site("one"), site("other")] {
        drop(site.admit(&Asked::USUAL));
    }
    let seen = keys.0.lock().unwrap();
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].0 == seen[2].0 && seen[0].1 != seen[2].1 && seen[0].0.len() == 32);
}
