//! What two processes tell of an account, held against a plain count of what was charged, granted and reset.
//!
//! Once, rules that count refusals told served clients that nothing was left: what the others had spent was added twice
//! where a claim had not been charged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;

use crate::model::{KeyHash, Micros, Period, Unit, Zone};
use crate::store::redis::desk::{Awaited, Errand, Event};
use crate::store::redis::tests::world::{Process, QUOTA, Weather, World};
use crate::store::redis::trouble::Trouble;
use crate::store::{
    Ask, BookSpec, Charge, Claim, Counts, Progress, Relief, Settlement, Store as _, Tally, Verdict,
};

/// A rule of a site: whom it counts, and its limits.
#[derive(Clone, Debug)]
struct Rule {
    counts: Counts,
    is_shadow: bool,
    /// Whether each client has an account of its own.
    is_by_client: bool,
    limits: Vec<Limit>,
}

/// A limit: of time, or of requests that cost so many each.
#[derive(Clone, Copy, Debug)]
struct Limit {
    cost: Option<u64>,
    quota: u64,
}

/// A request: which process it reaches, of which client, how long it runs, and how long it is quiet before it.
#[derive(Clone, Copy, Debug)]
struct Request {
    process: usize,
    client: u32,
    micros: i64,
    quiet: i64,
}

fn rule() -> impl Strategy<Value = Rule> {
    let counts = prop_oneof![Just(Counts::Served), Just(Counts::All), Just(Counts::Refusals)];
    let limit = prop_oneof![
        (0..3u64, 0..12u64).prop_map(|(cost, quota)| Limit { cost: Some(cost), quota }),
        (0..60_000u64).prop_map(|quota| Limit { cost: None, quota }),
    ];
    let rule = (counts, prop::bool::weighted(0.2), any::<bool>(), prop::collection::vec(limit, 1..3));
    rule.prop_map(|(counts, is_shadow, is_by_client, limits)| Rule {
        counts,
        is_shadow,
        is_by_client,
        limits,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let quiet = prop_oneof![3 => Just(0), 1 => 0..400_000i64];
    let parts = (0..2usize, 0..2u32, 0..9_000i64, quiet);
    parts.prop_map(|(process, client, micros, quiet)| Request { process, client, micros, quiet })
}

/// Two processes, and what was charged to each account by the contract of stores.
struct Site {
    world: World,
    rules: Vec<Rule>,
    charged: HashMap<(usize, usize, KeyHash), u64>,
}

impl Site {
    fn claims(&self, process: usize, client: u32) -> Vec<Claim> {
        let zone = Arc::new(Zone::utc());
        let mut claims = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let key = if rule.is_by_client { KeyHash([client; 4]) } else { KeyHash([7, 7, 7, 7]) };
            for (at, limit) in rule.limits.iter().enumerate() {
                let unit = if limit.cost.is_some() { Unit::Requests } else { Unit::Time };
                let (name, tally, period) =
                    (format!("{number} {at}"), Tally::Charged(unit), Some(Period::DAY));
                let spec = BookSpec { site: "site", rule: &name, tally, period, zone: &zone };
                let book = self.world.peers[process].process.ledgers.memory.open(&spec);
                let charge =
                    limit.cost.map_or(Charge::Time { expected: Micros(0) }, |cost| Charge::Requests { cost });
                let ask = Ask::new(book, key, limit.quota, charge);
                let (counts, shadow) = (rule.counts, rule.is_shadow);
                claims.push(Claim::from_ask(Ask { rule: number as u16, counts, shadow, ..ask }));
            }
        }
        claims
    }

    /// Serves or refuses a request; returns its claims as an answer tells of them that was served.
    fn send(&mut self, Request { process, client, micros, .. }: Request) -> Option<Vec<Claim>> {
        let mut claims = self.claims(process, client);
        let verdict = self.world.admit(process, &mut claims).unwrap();
        self.count(&claims, verdict, micros);
        self.world.clock.fetch_add(micros, Relaxed);
        if verdict != Verdict::Admitted {
            return None;
        }
        let ledgers = &self.world.peers[process].process.ledgers;
        let settlement = Settlement { cost: Micros(micros as u64), ..Settlement::default() };
        ledgers.settle(&mut claims, &settlement, ledgers.now());
        Some(claims)
    }

    fn count(&mut self, claims: &[Claim], verdict: Verdict, micros: i64) {
        for (at, claim) in self.limits().into_iter().zip(claims) {
            let fits = claims.iter().all(|other| other.ask.rule != claim.ask.rule || !other.standing.refuses);
            let is_refused_by_others =
                claims.iter().any(|other| other.ask.rule != claim.ask.rule && other.refuses());
            let is_counted = match (verdict, claim.ask.counts) {
                (Verdict::Admitted, counts) => counts != Counts::Refusals && fits,
                (_, Counts::Served) => false,
                (_, Counts::All) => fits,
                (_, Counts::Refusals) => is_refused_by_others,
            };
            let amount = match claim.ask.charge {
                Charge::Requests { cost } => cost,
                _ if verdict == Verdict::Admitted => micros as u64,
                _ => 0,
            };
            *self.charged.entry((at.0, at.1, claim.ask.key)).or_default() +=
                if is_counted { amount } else { 0 };
        }
    }

    /// The number of each rule and of each of its limits, in the order of the claims.
    fn limits(&self) -> Vec<(usize, usize)> {
        let rules = self.rules.iter().enumerate();
        rules.flat_map(|(rule, of)| (0..of.limits.len()).map(move |limit| (rule, limit))).collect()
    }

    /// What is left of each account by the plain count.
    fn left(&self, claims: &[Claim]) -> Vec<u64> {
        let charged = |(rule, limit): (usize, usize), claim: &Claim| {
            self.charged.get(&(rule, limit, claim.ask.key)).copied().unwrap_or(0)
        };
        let limits = self.limits().into_iter().zip(claims);
        limits.map(|(at, claim)| claim.ask.quota.saturating_sub(charged(at, claim))).collect()
    }

    fn told(claims: &[Claim]) -> Vec<u64> {
        let told = |claim: &Claim| claim.ask.quota.saturating_sub(claim.standing.spent);
        claims.iter().map(told).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn after_300_ms_of_quiet_two_processes_tell_a_plain_count(
        rules in prop::collection::vec(rule(), 1..4),
        requests in prop::collection::vec(request(), 1..40),
    ) {
        let mut site = Site { world: World::new("redis://model", 2), rules, charged: HashMap::new() };
        for request in requests {
            site.world.pass(request.quiet);
            let served = site.send(request);
            if let Some(claims) = served.filter(|_| request.quiet >= 300_000) {
                prop_assert_eq!(Site::told(&claims), site.left(&claims), "an answer after quiet");
            }
        }
        site.world.pass(300_000);
        for (process, client) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            site.world.pass(300_000);
            let request = Request { process, client, micros: 1, quiet: 0 };
            let Some(claims) = site.send(request) else { continue };
            prop_assert_eq!(Site::told(&claims), site.left(&claims), "{:?}", request);
            let ledgers = &site.world.peers[process].process.ledgers;
            let mut seen = site.claims(process, client);
            ledgers.look(&mut seen, Progress::default(), ledgers.now());
            prop_assert_eq!(Site::told(&seen), site.left(&seen), "looked at");
        }
    }
}

const DEADLINE: i64 = 20_000;

/// Has a process grant the account of all more.
fn grant(world: &mut World, at: usize, amount: u64) -> Awaited {
    let process = &world.peers[at].process;
    let (errand, awaited) = Errand::relieve(&process.ledgers, process.account(), Relief::Grant(amount));
    world.peers[at].tell([Event::Errand(errand)]);
    awaited
}

fn is_done(awaited: Awaited) -> bool {
    futures_util::FutureExt::now_or_never(awaited.done()).expect("it is known").is_ok()
}

/// Has a process run a request for so long, if it is admitted.
fn run(world: &mut World, at: usize, micros: i64) -> bool {
    let mut claims: Vec<Claim> = vec![claim(&world.peers[at].process)];
    let is_admitted = world.admit(at, &mut claims) == Ok(Verdict::Admitted);
    if is_admitted {
        world.pass(micros);
        let ledgers = Arc::clone(&world.peers[at].process.ledgers);
        let settlement = Settlement { cost: Micros(micros as u64), ..Settlement::default() };
        ledgers.settle(&mut claims, &settlement, ledgers.now());
    }
    is_admitted
}

fn claim(process: &Process) -> Claim {
    process.claim(QUOTA, Micros::ZERO)
}

/// The server may have done it, and has told others.
#[test]
fn a_grant_that_was_waited_for_in_vain_is_taken_back() {
    let mut world = World::new("redis://model?deadline=20ms", 2);
    assert!(run(&mut world, 0, 5_000_000));
    world.pass(1_000_000);
    world.weather = Weather::Slow;
    let awaited = grant(&mut world, 0, 3_000_000);
    world.pass(DEADLINE);
    assert!(!is_done(awaited));
    world.weather = Weather::Fine;
    world.pass(5_000_000);
    assert_eq!(world.server.spent(), 5_000_000);
    let done = grant(&mut world, 0, 3_000_000);
    world.deliver();
    assert!(is_done(done));
    assert_eq!(world.server.spent(), 2_000_000);
}

#[test]
fn nothing_is_granted_where_nobody_can_be_asked() {
    let mut world = World::new("redis://model?deadline=20ms", 1);
    world.weather = Weather::Down(Trouble::Gone);
    let awaited = grant(&mut world, 0, 3_000_000);
    world.deliver();
    assert!(!is_done(awaited));
    let ledgers = &world.peers[0].process.ledgers;
    assert_eq!(ledgers.listed(world.peers[0].process.account(), ledgers.now()).net, 0);
}

/// Between two exchanges and without a server, too, the sum of all lines counts, be some of them below 0.
#[test]
fn decisions_that_ask_nobody_count_what_was_granted_here_and_elsewhere() {
    for weather in [Weather::Fine, Weather::Down(Trouble::Gone)] {
        let mut world = World::new("redis://model?mode=batched&deadline=20ms", 2);
        assert!(run(&mut world, 0, QUOTA as i64));
        world.pass(3_000_000);
        assert!(!run(&mut world, 0, 1) && !run(&mut world, 1, 1), "all is spent");
        let granted = grant(&mut world, 1, 2_000_000);
        world.deliver();
        assert!(is_done(granted));
        world.pass(5_000_000);
        for at in [0, 1, 0, 1] {
            assert!(run(&mut world, at, 200_000));
            // So that nothing seems to run when the next one hears of it.
            world.pass(1_000_000);
        }
        world.weather = weather;
        for at in [1, 0] {
            assert!(run(&mut world, at, 400_000), "{at}, in {:?}", world.weather);
        }
        world.weather = Weather::Fine;
        world.pass(10_000_000);
        assert_eq!(world.server.spent() as u64, QUOTA - 2_000_000 + 4 * 400_000);
        assert!(run(&mut world, 0, 400_000));
        world.pass(3_000_000);
        assert!(!run(&mut world, 0, 1) && !run(&mut world, 1, 1), "all is spent again");
    }
}

/// Requests for it arrive without pause, and each call is followed by the next.
#[test]
fn an_account_that_is_always_busy_can_be_looked_after() {
    let mut world = World::new("redis://model?deadline=1s", 1);
    world.weather = Weather::Slow;
    let claims = [claim(&world.peers[0].process)];
    let first = world.peers[0].ask(&claims);
    let second = world.peers[0].ask(&claims);
    let awaited = grant(&mut world, 0, 1);
    let third = world.peers[0].ask(&claims);
    world.weather = Weather::Fine;
    world.deliver();
    assert!(is_done(awaited));
    for mut answer in [first, second, third] {
        assert!(answer.try_recv().is_ok());
    }
}

/// Has a process read where the account of all stands.
fn page(world: &mut World) -> Awaited {
    let process = &world.peers[0].process;
    let (errand, awaited) = Errand::read(&process.ledgers, vec![process.account()]);
    world.peers[0].tell([Event::Errand(errand)]);
    awaited
}

/// Each was a call of its own.
#[test]
fn pages_about_one_account_share_a_call() {
    let mut world = World::new("redis://model?deadline=1s", 1);
    world.weather = Weather::Slow;
    let pages: Vec<_> = (0..100).map(|_| page(&mut world)).collect();
    let calls = world.peers[0].calls;
    world.weather = Weather::Fine;
    world.deliver();
    assert!(pages.into_iter().all(is_done));
    assert_eq!(world.peers[0].calls - calls, 2, "the first one, and what came while that was under way");
}

/// A free page that was asked for again and again kept every request of its account waiting until its deadline.
#[test]
fn pages_without_end_let_requests_of_their_account_pass() {
    let mut world = World::new("redis://model?deadline=1s", 1);
    world.weather = Weather::Slow;
    let mut pages: VecDeque<_> = (0..10).map(|_| page(&mut world)).collect();
    let claims = [claim(&world.peers[0].process)];
    let mut answer = world.peers[0].ask(&claims);
    world.weather = Weather::Fine;
    for _ in 0..10 {
        world.clock.fetch_add(1_000, Relaxed);
        (0..10).for_each(|_| pages.push_back(page(&mut world)));
        assert!(world.deliver_one());
        if answer.try_recv().is_ok() {
            assert!(is_done(pages.pop_front().unwrap()), "who came first was not kept waiting either");
            return;
        }
    }
    panic!("ten calls went before it");
}

/// It had waited before midnight, too, and for all of that the new day was given a credit.
#[test]
fn a_request_that_asked_across_an_edge_is_returned_what_the_new_window_was_charged() {
    for is_late in [false, true] {
        let mut world = World::new("redis://model?deadline=100ms", 1);
        let ledgers = Arc::clone(&world.peers[0].process.ledgers);
        let account = world.peers[0].process.account();
        let left = ledgers.listed(account, ledgers.now()).standing.left;
        world.clock.fetch_add(left.0 as i64 - 50_000, Relaxed);
        world.pass(20_000);
        world.weather = Weather::Slow;
        let claims = [claim(&world.peers[0].process)];
        let answer = world.peers[0].ask(&claims);
        world.clock.fetch_add(40_000, Relaxed);
        // Somebody sees the new day.
        ledgers.look(&mut claims.clone(), Progress::default(), ledgers.now());
        if is_late {
            world.pass(100_000);
        } else {
            world.weather = Weather::Fine;
            world.deliver();
        }
        assert_eq!(ledgers.listed(account, ledgers.now()).standing.admitted, 1);
        drop(answer);
        assert_eq!(ledgers.listed(account, ledgers.now()).net, 0, "decided here: {is_late}");
    }
}
