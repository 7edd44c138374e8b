//! How soon a change is in force where there is much of everything.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use sqlx::{AnyConnection, Connection as _};
use timebudget::BudgetBuilder;
use timebudget_control::thing::{Assignment, Group, Kind, Policy, Ruleset, Tier, Time, User, digest_of};
use timebudget_control::{Control, Options};

use crate::{Database, Node, row, rules};

const SITES: usize = 3_000;
const USERS: usize = 100_000;
const OVERRIDES: usize = 10_000;
const KEYS: usize = 5_000;
const CHANGES: u32 = 40;

/// From before a change until it is in force, and from its return to the first request that meets it.
pub(crate) async fn soon() {
    let sites = tempfile::tempdir().unwrap();
    (0..SITES).for_each(|at| write(sites.path(), at));
    let common = r#"{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"}}"#;
    fs::write(sites.path().join("common_site_config.json"), common).unwrap();
    println!("\n{SITES} sites, {USERS} users, {OVERRIDES} overrides, {KEYS} API keys");
    println!("\n| {CHANGES} changes | median ms | p99 ms | most ms |");
    println!("|---|--:|--:|--:|");
    for (name, database) in [("PostgreSQL", Database::postgres().await), ("SQLite", Database::sqlite())] {
        fill(&database).await;
        let began = Instant::now();
        let node = |_: &str| Node::with(Options::new(database.uri()), in_files(sites.path()));
        let own = node("own").await;
        row(&format!("{name}: start"), vec![began.elapsed()]);
        let other = node("other").await;
        own.put(Ruleset::parse("plans", &rules(1)).unwrap()).await;
        own.put(Policy::parse(r#"{"published": "plans", "unpublished": null}"#).unwrap()).await;
        changes(name, &own).await;
        for (whose, node) in [("the same node", &own), ("another node", &other)] {
            let (mut made, mut delays) = (Vec::new(), Vec::new());
            for change in 0..CHANGES {
                let quota = if whose == "the same node" { 1_000 + change } else { 3_000 + change };
                let began = Instant::now();
                own.put(Ruleset::parse("own", &rules(quota)).unwrap()).await;
                if change == 0 {
                    let body = r#"{"published": "own", "unpublished": "inherit"}"#;
                    own.put(Assignment::parse("a", body).unwrap()).await;
                }
                let stored = Instant::now();
                made.push(stored - began);
                node.meets(u64::from(quota) * 1_000_000).await;
                delays.push(stored.elapsed());
            }
            row(&format!("{name}, {whose}: to be made"), made);
            row(&format!("{name}, {whose}: then in force"), delays);
        }
    }
}

/// How long a change of each kind takes until it is in force on the node that makes it.
async fn changes(name: &str, node: &Node) {
    let now = node.control.now();
    let tier = |at: u32| ["gold", "iron", "silver"][at as usize % 3];
    let body = |at: u32| format!(r#"{{"tier": "{}"}}"#, tier(at));
    measure(name, "a user", node, |at| User::parse("user77", &body(at), now).unwrap().into()).await;
    measure(name, "a group", node, |at| Group::parse("vips", &body(at)).unwrap().into()).await;
    let multiplier = |at: u32| format!(r#"{{"multiplier": {}}}"#, at + 2);
    measure(name, "a tier", node, |at| Tier::parse("gold", &multiplier(at)).unwrap().into()).await;
    let own = |at: u32| Ruleset::parse("one", &rules(at + 1)).unwrap();
    node.put(own(0)).await;
    let body = r#"{"published": "one", "unpublished": "inherit"}"#;
    node.put(Assignment::parse("site7.example", body).unwrap()).await;
    measure(name, "the ruleset of one site", node, |at| own(at).into()).await;
    measure(name, "the ruleset of all sites", node, |at| {
        Ruleset::parse("plans", &rules(at + 2)).unwrap().into()
    })
    .await;
}

async fn measure(
    name: &str,
    what: &str,
    node: &Node,
    thing: impl Fn(u32) -> timebudget_control::thing::Thing,
) {
    let mut spans = Vec::new();
    for at in 0..CHANGES {
        let began = Instant::now();
        node.put(thing(at)).await;
        spans.push(began.elapsed());
    }
    row(&format!("{name}: {what}"), spans);
}

fn in_files(sites: &Path) -> impl FnOnce(BudgetBuilder) -> BudgetBuilder {
    let sites = sites.to_owned();
    move |builder| builder.sites(sites)
}

/// Puts all of it at the revision at which the first owner was made: a node that starts reads it as any other.
async fn fill(database: &Database) {
    let control = Control::open(Options::new(database.uri())).await.unwrap();
    control.close().await;
    sqlx::any::install_default_drivers();
    let mut link = AnyConnection::connect(&database.uri()).await.unwrap();
    let mut writing = link.begin().await.unwrap();
    let tier = |at: usize| ["gold", "iron", "silver"][at % 3];
    let mut things = Vec::with_capacity(USERS + OVERRIDES + KEYS + 3);
    for name in ["gold", "iron", "silver"] {
        let tier = Tier::parse(name, r#"{"multiplier": 3}"#).unwrap();
        things.push((Kind::Tier, name.to_owned(), serde_json::to_string(&tier).unwrap()));
    }
    for at in 0..USERS {
        let user = format!("user{at}");
        let body = json!({"user": user, "tier": tier(at), "until": null});
        things.push((Kind::User, user, body.to_string()));
    }
    for at in 0..OVERRIDES {
        let id = format!("ov_{at}");
        let body = json!({"id": id, "user": format!("user{at}"), "rule": "plan", "limits": "9s per hour", "until": "2100-01-01T00:00:00Z",
            "reason": "a day of moving data", "made_by": "ann", "made_at": Time::default()});
        things.push((Kind::Override, id, body.to_string()));
    }
    for at in 0..KEYS {
        let id = format!("key_{at}");
        let body = json!({"id": id, "name": format!("key{at}"), "tier": tier(at), "user": null, "expires": null, "prefix": "tbk_", "last_four": "aaaa",
            "made_at": Time::default(), "revoked": null, "digest": digest_of(&id), "retiring": null});
        things.push((Kind::Key, id, body.to_string()));
    }
    for (kind, name, body) in things {
        let text = "INSERT INTO things (kind, name, body, revision) VALUES ($1, $2, $3, 1)";
        sqlx::query(text).bind(kind.path()).bind(name).bind(body).execute(&mut *writing).await.unwrap();
    }
    writing.commit().await.unwrap();
}

fn write(dir: &Path, at: usize) {
    // The requests of the table ask for the first.
    let site = dir.join(if at == 0 { "a".to_owned() } else { format!("site{at}.example") });
    let text = format!(
        r#"{{"domains": ["shop{at}.example"], "rate_limit": "3960s per day",
        "rate_limit_rules": [{{"name": "export", "when": {{"path": {{"prefix": "/export"}}}}, "key": ["ip", "route"], "limits": "60s per hour"}}]}}"#
    );
    let text = if at == 0 { "{}".to_owned() } else { text };
    fs::create_dir_all(&site).unwrap();
    fs::write(site.join("site_config.json"), text).unwrap();
}
