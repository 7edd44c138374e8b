//! What two processes tell of an account, held against a plain count of what was charged.
//!
//! Once, rules that count refusals told served clients that nothing was left: what the others had spent was added twice
//! where a claim had not been charged.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::world::World;
use crate::model::{KeyHash, Micros, Period, Unit, Zone};
use crate::store::{Ask, BookSpec, Charge, Claim, Counts, Progress, Settlement, Store as _, Tally, Verdict};

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
                claims.push(Claim::of(Ask { rule: number as u16, counts, shadow, ..ask }));
            }
        }
        claims
    }

    /// Serves or refuses a request; returns its claims as an answer tells of them that was served.
    fn send(&mut self, Request { process, client, micros, .. }: Request) -> Option<Vec<Claim>> {
        let mut claims = self.claims(process, client);
        let verdict = self.world.admit(process, &mut claims).unwrap();
        self.count(&claims, verdict, micros);
        self.world.clock.fetch_add(micros, std::sync::atomic::Ordering::Relaxed);
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
