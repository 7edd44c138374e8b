//! What it costs to have many clients and many sites under one layer, and to change one thing of it.
//!
//! `cargo bench -p timebudget --bench layers` makes all changes, and with a text behind it those whose names have the text in them;
//! `ROUNDS=99` before it makes each so often.

#[path = "harness/directory.rs"]
mod directory;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use timebudget::config::{Hosts, Layer, Ruleset};
use timebudget::store::memory::Memory;
use timebudget::{
    ApiKey, Assignment, Engine, KeyDigest, Limit, Multiplier, Override, Period, SystemClock, Term, Tier,
    Tiers, TimeBudget, UnixMicros,
};

use crate::directory::{SITES, write_all};

const USERS: usize = 100_000;
const OVERRIDES: usize = 10_000;
const KEYS: usize = 5_000;
const ACCOUNTS: usize = 1_000_000;

/// What the process is called with that fills the accounts, so that the one that is measured begins with none of its memory.
const FILL: &str = "fill";

fn main() {
    if std::env::args().any(|argument| argument == FILL) {
        return fill();
    }
    let dir = directory();
    write_all(&dir);
    let this = std::env::current_exe().expect("Linux");
    assert!(Command::new(this).arg(FILL).status().expect("it can be run again").success());
    println!(
        "| {ACCOUNTS} accounts, {SITES} sites, {USERS} users with tiers, {OVERRIDES} overrides, {KEYS} API keys | |\n|---|---:|"
    );
    let empty = resident();
    let began = Instant::now();
    let layer = layer();
    let budget = budget(layer.clone());
    println!("| start | {} ms |", began.elapsed().as_millis());
    while budget.engine().census().accounts < ACCOUNTS {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", budget.engine().census());
        thread::sleep(Duration::from_millis(10));
    }
    println!("| until all accounts are in their tables | {} ms |", began.elapsed().as_millis());
    println!("| memory | {} MB |", (resident() - empty) / 1_000_000);
    let reloader = budget.reloader().expect("there are files");
    let wanted = std::env::args().skip(1).find(|word| word != "--bench").unwrap_or_default();
    let rounds = std::env::var("ROUNDS").map_or(9, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let mut layer = layer;
    println!(
        "\n| a change of | changed ms | checked ms | in force ms | processor ms of who waits | of all threads |\n|---|--:|--:|--:|--:|--:|"
    );
    let mut measure = |what: &str, change: &dyn Fn(Layer, usize) -> Layer| {
        if !what.contains(&wanted) {
            return;
        }
        let of_all = process_millis();
        let mut measured: Vec<_> = (0..rounds)
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
        let ([changed, checked, reload], processor) = measured[rounds / 2];
        let of_all = (process_millis() - of_all) / rounds as f64;
        println!("| {what} | {changed:.1} | {checked:.1} | {reload:.1} | {processor:.1} | {of_all:.0} |");
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
    let own = |round: usize| [plans(&format!("{}s per year", round + 1))];
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
    drop(budget);
    let _ = (fs::remove_dir_all(dir), fs::remove_file(accounts()));
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-of-layers")
}

/// The file in which accounts outlive their process.
fn accounts() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-of-layers-accounts")
}

fn layer() -> Layer {
    Layer::new("database").with_clients(clients()).with_rules([plans("60s per year")])
}

fn budget(layer: Layer) -> TimeBudget {
    let store = Memory::new(ACCOUNTS).with_snapshot(accounts()).expect("the target directory can be read");
    let budget = TimeBudget::builder()
        .sites(directory())
        .identify(|_| None)
        .layer(layer)
        .engine(&Engine::new(store, SystemClock::new()));
    budget.build().unwrap_or_else(|error| panic!("{error}"))
}

/// Charges an account of each of so many users at each site.
fn fill() {
    let _ = fs::remove_file(accounts());
    let budget = budget(layer());
    let limiters: Vec<_> =
        (0..SITES).map(|site| budget.sites().limiter(Some(&format!("site{site}.example")))).collect();
    for at in 0..ACCOUNTS {
        let (limiter, user) = (&limiters[at % SITES], format!("user{}", at / SITES));
        drop(limiter.charge("plan", user).now_or_never().expect("a memory store answers at once"));
    }
    assert_eq!(budget.engine().census().accounts, ACCOUNTS);
    budget.engine().save().expect("the target directory can be written to");
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

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

/// How long all threads have had a processor, those included that have ended: by ticks of ten milliseconds, so it is told of all rounds.
fn process_millis() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = text.rsplit(')').next().map(|rest| rest.split_whitespace().skip(11).take(2));
    fields.into_iter().flatten().filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// How long this thread has had a processor: on a busy machine, most of what the clock measures is waiting. Where it shares the work
/// with others, they have the same meanwhile, on cores of their own.
fn processor_nanos() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number")
}

/// The memory of this process that is in use, in bytes.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4_096
}
