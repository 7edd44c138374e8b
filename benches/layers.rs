//! What it costs to have many clients and many sites under one layer, and to change one thing of it.

#[path = "harness/directory.rs"]
mod directory;

use std::fs;
use std::path::Path;
use std::time::Instant;

use timebudget::config::{Hosts, Layer, Ruleset};
use timebudget::{
    ApiKey, Assignment, KeyDigest, Limit, Multiplier, Override, Period, Term, Tier, Tiers, TimeBudget,
    UnixMicros,
};

use crate::directory::{SITES, write_all};

const USERS: usize = 100_000;
const OVERRIDES: usize = 10_000;
const KEYS: usize = 5_000;
const ROUNDS: usize = 9;

fn main() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-of-layers");
    write_all(&dir);
    println!(
        "| {SITES} sites, {USERS} users with tiers, {OVERRIDES} overrides, {KEYS} API keys | |\n|---|---:|"
    );
    let empty = resident();
    let began = Instant::now();
    let layer = Layer::new("database").with_clients(clients()).with_rules([plans("60s per hour")]);
    let budget = TimeBudget::builder()
        .sites(&dir)
        .identify(|_| None)
        .layer(layer.clone())
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    println!("| start | {} ms |", began.elapsed().as_millis());
    println!("| memory | {} MB |", (resident() - empty) / 1_000_000);
    let reloader = budget.reloader().expect("there are files");
    let mut layer = layer;
    println!(
        "\n| a change of | changed ms | checked ms | in force ms | processor ms, all of it |\n|---|--:|--:|--:|--:|"
    );
    let mut measure = |what: &str, change: &dyn Fn(Layer, usize) -> Layer| {
        let mut measured: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let (began, processor) = (Instant::now(), processor_nanos());
                layer = change(layer.clone(), round);
                let changed = began.elapsed();
                reloader.check(&layer).expect("it fits");
                let checked = began.elapsed();
                reloader.set_layer(layer.clone()).expect("it fits");
                let spans = [changed, checked - changed, began.elapsed() - checked].map(millis);
                (spans, (processor_nanos() - processor) as f64 / 1e6)
            })
            .collect();
        measured.sort_unstable_by(|one, other| one.1.total_cmp(&other.1));
        let ([changed, checked, reload], processor) = measured[ROUNDS / 2];
        println!("| {what} | {changed:.1} | {checked:.1} | {reload:.1} | {processor:.1} |");
    };
    measure("a user", &|layer, round| {
        layer.with_user("user77", Some(Assignment { tier: tier(round), term: Term::default() }))
    });
    measure("an API key", &|layer, round| layer.with_api_key(digest(7), Some(key(round))));
    measure("an override", &|layer, round| layer.with_overrides_of("user7", [over(7, round as u64 + 1)]));
    measure("a group", &|layer, round| layer.with_group("vips", Some(&tier(round))));
    measure("a tier", &|layer, round| {
        let multiplier = Multiplier(1_000_000 + round as u64);
        layer.with_tier("gold", Some(Tier { multiplier, ..Tier::new("gold") }))
    });
    measure("a tier, made or removed", &|layer, round| {
        layer.with_tier("bronze", (round % 2 == 0).then(|| Tier::new("bronze")))
    });
    let own = |round: usize| [plans(&format!("{}s per hour", round + 1))];
    measure("the ruleset of one site", &|layer, round| {
        layer.with_rules_of_on("site7.example", Hosts::All, own(round))
    });
    measure("the assignment of one site", &|layer, round| match round % 2 {
        0 => layer.without_rules_of("site7.example", Hosts::All),
        _ => layer.with_rules_of("site7.example", own(round)),
    });
    measure("the ruleset of a hundred sites", &|layer, round| {
        let own = own(round);
        (0..100).fold(layer, |layer, at| layer.with_rules_of(&format!("site{at}.example"), own.clone()))
    });
    measure("the ruleset of all sites: the policy", &|layer, round| layer.with_rules(own(round)));
    println!("\nmemory after these changes: {} MB", (resident() - empty) / 1_000_000);
    let _ = fs::remove_dir_all(dir);
}

fn plans(limits: &str) -> Ruleset {
    let rules = format!(
        r#"[{{ "name": "plan", "key": "user", "limits": "{limits}", "when": {{ "path": {{ "prefix": "/api" }} }} }}]"#
    );
    Ruleset::parse("ruleset plans", &rules).unwrap_or_else(|errors| panic!("{errors}"))
}

fn clients() -> Tiers {
    let tiers = ["gold", "iron", "silver"].map(Tier::new);
    let mut clients = Tiers::new(tiers, (0..OVERRIDES).map(|at| over(at, 9)));
    let user = |at| (format!("user{at}"), Assignment { tier: tier(at), term: Term::default() });
    clients.users = (0..USERS).map(user).collect();
    clients.api_keys = (0..KEYS).map(|at| (digest(at), key(at))).collect();
    clients
}

fn tier(at: usize) -> String {
    ["gold", "iron", "silver"][at % 3].to_owned()
}

fn digest(at: usize) -> KeyDigest {
    KeyDigest::from_key(format!("key{at}").as_bytes())
}

fn key(at: usize) -> ApiKey {
    ApiKey { name: format!("key{at}"), tier: Some(tier(at)), user: None }
}

fn over(at: usize, quota: u64) -> Override {
    let until = Some(UnixMicros::from_secs(2_000_000_000));
    Override {
        user: format!("user{at}"),
        rule: Some("plan".to_owned()),
        limits: Limit::requests(quota).per(Period::HOUR).into(),
        term: Term { from: None, until },
        reason: Some("a day of moving data".to_owned()),
    }
}

fn millis(span: std::time::Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

/// How long this thread has had a processor: on a busy machine, most of what the clock measures is waiting.
fn processor_nanos() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number")
}

/// The memory of this process that is in use, in bytes.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4_096
}
