//! Blocks of code that are charged, with no request at hand.

#[path = "kit/asked.rs"]
mod asked;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use timebudget::store::memory::Memory;
use timebudget::store::{
    Asking, Book, BookSpec, Census, Claim, Fault, Mode, Progress, Settlement, Store, Verdict,
};
use timebudget::{
    Admission, ChargeError, Engine, Key, Limiter, ManualClock, Micros, Now, Reservation, Site, UnixMicros,
    config, parse_rates,
};
use timebudget::{Component, Computed, Condition, Cost, LimitSet, Rule, Text};

use crate::asked::Asked;

/// 2023-11-14, 22:00:00 UTC: the beginning of an hour.
const TEN_O_CLOCK: UnixMicros = UnixMicros::from_secs(1_699_999_200);

const RULES: &str = r#"{"rate_limit_rules": [
    {"name": "whole", "when": {"path": "/site"}, "limits": "10s per hour"},
    {"name": "address", "when": {"path": "/address"}, "key": "ip", "limits": "2 per hour"},
    {"name": "tenant", "when": {"path": "/tenant"}, "key": ["site", "header:x-tenant"], "limits": "10s per hour; 2 concurrent"},
    {"name": "pair", "when": {"path": "/pair"}, "key": ["ip", "header:x-tenant"], "limits": "1 per hour"},
    {"name": "method", "when": {"path": "/method"}, "key": "ip", "per_method": true, "limits": "2 per hour"},
    {"name": "fair", "when": {"path": "/fair"}, "key": "header:x-tenant", "fair": true, "limits": "5 per hour"}]}"#;

/// A request of this path, by the tenant `acme`.
fn asked(path: &str) -> Asked<'_> {
    Asked { path, header: ("x-tenant", "acme"), ..Asked::USUAL }
}

struct Desk {
    clock: Arc<ManualClock>,
    limiter: Arc<Limiter>,
}

impl Desk {
    fn new() -> Self {
        Self::over(Memory::default())
    }

    fn over(store: impl Store) -> Self {
        let clock = Arc::new(ManualClock::at(TEN_O_CLOCK));
        let engine = Engine::new(store, Arc::clone(&clock));
        let (site, _) = config::parse_site("test", RULES).unwrap();
        Self { clock, limiter: Arc::new(Limiter::new(site, &engine)) }
    }

    /// The reservation of a block of code; `None` if it is refused.
    fn charge(&self, rule: &str, key: impl Into<Key>) -> Option<Reservation> {
        charged(&self.limiter, rule, key)
    }

    fn admit(&self, path: &'static str) -> Option<Reservation> {
        admitted(self.limiter.admit(&asked(path)).unwrap())
    }

    /// A block that takes so many seconds; returns what remains then.
    fn run(&self, rule: &str, key: impl Into<Key>, secs: u64) -> Option<u64> {
        let mut running = self.charge(rule, key)?;
        self.clock.advance(Duration::from_secs(secs));
        running.settle().map(|report| report.remaining)
    }
}

/// The reservation of a block over a store that asks nobody; `None` if it is refused.
fn charged(limiter: &Arc<Limiter>, rule: &str, key: impl Into<Key>) -> Option<Reservation> {
    match limiter.charge(rule, key).now_or_never().expect("a memory store decides at once") {
        Ok(reservation) => Some(reservation),
        Err(ChargeError::Refused(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

fn admitted(admission: Admission) -> Option<Reservation> {
    match admission {
        Admission::Admitted(reservation) => Some(reservation),
        Admission::Refused(_) => None,
        Admission::Exempt | Admission::Pending(_) => panic!("a memory store decides, over every block"),
    }
}

#[test]
fn a_block_is_charged_until_its_guard_is_dropped() {
    let desk = Desk::new();
    let running = desk.charge("tenant", "acme").unwrap();
    desk.clock.advance(Duration::from_secs(4));
    drop(running);
    desk.clock.advance(Duration::from_secs(60));
    assert_eq!(desk.run("tenant", "acme", 3), Some(3_000_000));
    assert_eq!(desk.run("tenant", "acme", 3), Some(0));
    assert!(desk.charge("tenant", "acme").is_none());
}

#[test]
fn a_refused_block_costs_nothing() {
    let desk = Desk::new();
    let running = [desk.charge("tenant", "acme"), desk.charge("tenant", "acme")];
    assert!(desk.charge("tenant", "acme").is_none(), "two at once");
    drop(running);
    assert!(desk.charge("tenant", "acme").is_some());
}

#[test]
fn a_block_and_the_requests_of_its_key_have_one_account() {
    let desk = Desk::new();
    for (rule, path, key, limit) in
        [("address", "/address", "192.0.2.7", 2), ("tenant", "/tenant", "acme", 2)]
    {
        let mut running = vec![desk.admit(path).unwrap()];
        running.extend((1..limit).map(|_| desk.charge(rule, key).unwrap()));
        assert!(desk.charge(rule, key).is_none() && desk.admit(path).is_none(), "{rule}");
        assert!(desk.charge(rule, "2001:db8::1").is_some(), "{rule}: another one");
    }
}

#[test]
fn a_rule_for_the_whole_site_has_one_account_of_no_key() {
    let desk = Desk::new();
    assert_eq!(desk.run("whole", (), 6), Some(4_000_000));
    assert_eq!(desk.run("whole", (), 4), Some(0));
    assert!(desk.admit("/site").is_none());
}

/// A block could name no account of a rule by several parts: whatever it named was one that no request has.
#[test]
fn a_block_and_the_requests_of_several_parts_have_one_account() {
    let desk = Desk::new();
    let address = IpAddr::from([192, 0, 2, 7]);
    let running = desk.charge("pair", (address, "acme")).unwrap();
    assert!(desk.admit("/pair").is_none() && desk.charge("pair", ("192.0.2.7", "acme")).is_none());
    assert!(desk.charge("pair", (address, "other")).is_some());
    drop(running);
}

#[test]
fn an_address_is_cut_as_that_of_a_request() {
    let desk = Desk::new();
    for address in ["2001:db8::1", "2001:db8::2"] {
        assert!(desk.charge("address", address.parse::<IpAddr>().unwrap()).is_some());
    }
    assert!(desk.charge("address", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3)).is_none());
}

#[test]
fn a_key_that_no_request_of_the_rule_has_is_an_error() {
    let limiter = Desk::new().limiter;
    let error =
        |rule: &str, key: Key| limiter.charge(rule, key).now_or_never().unwrap().unwrap_err().to_string();
    for (rule, key, keyed_by) in [
        ("whole", Key::from("acme"), "site"),
        ("address", Key::from("no address"), "ip"),
        ("address", Key::from(()), "ip"),
        ("tenant", Key::from(""), "site + header:x-tenant"),
        ("pair", Key::from("acme"), "ip + header:x-tenant"),
        ("pair", Key::from(["192.0.2.7", "acme", "acme"]), "ip + header:x-tenant"),
    ] {
        let expected = format!(
            "the rule {rule} is keyed by {keyed_by}; expected a value for each part that tells accounts apart"
        );
        assert_eq!(error(rule, key), expected);
    }
}

#[test]
fn a_rule_that_is_not_there_is_an_error() {
    let error = Desk::new().limiter.charge("exports", "acme").now_or_never().unwrap().unwrap_err();
    assert_eq!(error, ChargeError::NoSuchRule("exports".to_owned()));
    assert_eq!(error.to_string(), "the site has no rule \"exports\"");
}

#[tokio::test]
async fn a_task_in_the_background_can_hold_the_guard() {
    let desk = Desk::new();
    let running = desk.charge("tenant", "acme").unwrap();
    let clock = Arc::clone(&desk.clock);
    let task = tokio::spawn(async move {
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(10));
        drop(running);
    });
    task.await.unwrap();
    assert!(desk.charge("tenant", "acme").is_none());
}

#[tokio::test]
async fn a_store_that_asks_others_is_waited_for() {
    let desk = Desk::over(Asks(Arc::default()));
    for expected in [true, true, false] {
        let mut asked = Box::pin(desk.limiter.charge("address", "192.0.2.7"));
        assert!(asked.as_mut().now_or_never().is_none());
        assert_eq!(asked.await.is_ok(), expected);
    }
}

/// A memory store that decides only when it is asked.
struct Asks(Arc<Memory>);

impl timebudget::store::sealed::Sealed for Asks {}

impl Store for Asks {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.0.open(spec)
    }

    fn admit(&self, _: &mut [Claim], _: Mode, _: Now) -> Result<Verdict, Fault> {
        Ok(Verdict::Open)
    }

    fn ask(&self, claims: &[Claim], mode: Mode, now: Now) -> Asking {
        let (memory, mut claims) = (Arc::clone(&self.0), claims.to_vec());
        Box::pin(async move {
            tokio::task::yield_now().await;
            let verdict = memory.admit(&mut claims, mode, now)?;
            Ok((verdict, claims))
        })
    }

    fn pause(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.0.pause(claims, cost, now);
    }

    fn resume(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.0.resume(claims, cost, now);
    }

    fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        self.0.look(claims, progress, now);
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.0.settle(claims, settlement, now);
    }

    fn tidy(&self, now: Now) {
        self.0.tidy(now);
    }

    fn census(&self) -> Census {
        self.0.census()
    }
}

#[test]
fn blocks_of_one_account_are_one_of_its_clients_and_none_of_anothers() {
    let desk = Desk::new();
    for tenant in ["acme", "other"] {
        for _ in 0..5 {
            assert!(desk.charge("fair", tenant).is_some(), "{tenant}");
        }
    }
    assert!(desk.charge("fair", "other").is_none());
}

/// Who asked without a name was exempt from a rule, and blocks, which nobody asks for, were unlimited under it.
#[test]
fn nothing_that_is_said_of_requests_exempts_a_block() {
    let absent = || Condition::Header("x-internal".into(), None);
    let rule = Rule::new("jobs", Component::User, parse_rates("2 per hour").unwrap());
    for exempt in [
        Condition::Authenticated(false),
        Condition::Not(Box::new(absent())),
        Condition::Any(vec![absent(), Condition::Computed(Computed::new(|_| true))]),
        Condition::Path(Text::Equal(String::new())),
        Condition::ALWAYS,
    ] {
        let rule = Rule { exempt_when: Some(exempt.clone()), ..rule.clone() };
        assert_eq!(charges_of(rule), [true, true, false], "{exempt}");
    }
    let nothing_computed = Computed::new(|_| Some(LimitSet::EMPTY));
    assert_eq!(charges_of(Rule { limits_by: Some(nothing_computed), ..rule.clone() }), [true, true, false]);
    let free = Cost::Computed(Computed::new(|_| 0));
    assert_eq!(charges_of(Rule { cost: free, ..rule }), [true, true, false]);
}

/// Which of three blocks of one key a rule admits.
fn charges_of(rule: Rule) -> [bool; 3] {
    let engine = Engine::new(Memory::default(), ManualClock::at(TEN_O_CLOCK));
    let site = Site { rules: vec![rule], ..Site::unlimited("test") };
    let limiter = Arc::new(Limiter::new(site, &engine));
    [(); 3].map(|()| charged(&limiter, "jobs", "alice").is_some())
}

/// It was charged to an account that no request has.
#[test]
fn of_a_rule_per_method_a_block_is_charged_to_the_account_of_a_method() {
    let desk = Desk::new();
    let address = IpAddr::from([192, 0, 2, 7]);
    let Some(Err(ChargeError::OtherKey { keyed_by, .. })) =
        desk.limiter.charge("method", address).now_or_never()
    else {
        panic!("no method was named")
    };
    assert_eq!(keyed_by, "ip + method");
    let asked = |method| admitted(desk.limiter.admit(&Asked { method, ..asked("/method") }).unwrap());
    assert!(
        desk.charge("method", (address, "GET")).is_some()
            && desk.charge("method", (address, "HEAD")).is_some()
    );
    assert!(asked("GET").is_none() && asked("POST").is_some());
}
