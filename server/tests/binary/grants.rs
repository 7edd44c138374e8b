//! Grants on accounts that processes share through Redis: exact, once, and not at all where Redis is gone.

use serde_json::{Value, json};

use crate::admin::Admin;
use crate::redis::Redis;
use crate::running::eventually;
use crate::scratch::Scratch;

/// A window that no test outlasts.
const SITE: &str = r#"{ "rate_limit": { "limit": 600, "window": "year" } }"#;

/// What is granted: a minute.
const GRANT: i64 = 60_000_000;

struct Cluster {
    redis: Redis,
    /// Where the database lies.
    directory: Scratch,
}

impl Cluster {
    fn new() -> Self {
        Self { redis: Redis::start(), directory: Scratch::new() }
    }

    fn node(&self) -> Admin {
        let database = format!("sqlite://{}", self.directory.path("timebudget.db").display());
        Admin::with_site(SITE, Scratch::new(), &["--store", &self.redis.uri(), "--database", &database])
    }
}

fn work(node: &Admin, times: u32) {
    (0..times).for_each(|_| assert_eq!(node.server.get("/report?ms=20").status, 200));
}

/// What an account has spent less what it was granted, in microseconds.
fn net(account: &Value) -> i64 {
    account["spent"].as_i64().unwrap() - account["credit"].as_i64().unwrap()
}

fn stands(node: &Admin) -> Option<i64> {
    let told = node.owner("GET", "/api/v1/accounts?site=*&rule=site", "");
    assert!(matches!(told.status, 200 | 503), "{told:?}");
    (told.status == 200).then(|| told.json()["items"].as_array().unwrap().iter().map(net).sum())
}

/// Waits until all say the same, which is when nothing is on its way.
fn all_say(nodes: &[Admin]) -> i64 {
    let agree = || {
        let all: Option<Vec<_>> = nodes.iter().map(stands).collect();
        let all = all?;
        all.windows(2).all(|pair| pair[0] == pair[1]).then(|| all[0])
    };
    eventually("one word of all", agree, || nodes.iter().map(|node| node.server.log()).collect())
}

fn grant(node: &Admin, key: &str) -> crate::answer::Answer {
    let body = json!({ "site": "*", "rule": "site", "amount": GRANT, "reason": "month end" }).to_string();
    node.owner_with("POST", "/api/v1/accounts/grant", &format!("idempotency-key: {key}\r\n"), &body)
}

/// How many rows of an action the audit has.
fn rows(node: &Admin, action: &str) -> usize {
    let audit = node.owner("GET", "/api/v1/audit?limit=500", "").json();
    audit["items"].as_array().unwrap().iter().filter(|row| row["action"] == action).count()
}

#[test]
fn a_minute_granted_to_three_processes_is_exact_to_the_microsecond_over_their_restarts() {
    let cluster = Cluster::new();
    let mut nodes: Vec<_> = (0..3).map(|_| cluster.node()).collect();
    nodes.iter().for_each(|node| work(node, 3));
    let before = all_say(&nodes);
    assert!(before >= 9 * 20_000, "{before}");

    let granted = grant(&nodes[0], "one");
    assert_eq!(granted.status, 200, "{granted:?}");
    assert_eq!(net(&granted.json()["accounts"][0]), before - GRANT);
    assert_eq!(all_say(&nodes), before - GRANT);
    for at in 0..3 {
        let old = nodes.remove(at);
        old.end();
        nodes.insert(at, cluster.node());
        assert_eq!(all_say(&nodes), before - GRANT, "the process {at} was started anew");
        // Whichever process is asked, and whether or not it is the one that has granted it.
        assert_eq!(grant(&nodes[at], "one").status, 200);
        assert_eq!(all_say(&nodes), before - GRANT, "it was granted once");
    }
    nodes.iter().for_each(|node| work(node, 2));
    nodes.into_iter().for_each(Admin::end);

    // All that was ever charged stands in the usage, which ended processes have written down.
    let last = cluster.node();
    let usage = last.owner("GET", "/api/v1/usage?by=rule&rule=site", "").json();
    let charged = &usage["items"][0];
    assert_eq!(charged["requests"], 3 * 3 + 3 * 2);
    assert_eq!(stands(&last), Some(charged["micros"].as_i64().unwrap() - GRANT));
    assert_eq!((rows(&last, "grant"), rows(&last, "grant_failed")), (1, 0));
}

#[test]
fn without_redis_a_grant_is_503_and_nothing_is_granted_and_it_can_be_asked_for_again() {
    let mut cluster = Cluster::new();
    let nodes = [cluster.node()];
    work(&nodes[0], 2);
    let before = all_say(&nodes);
    cluster.redis.kill();
    for _ in 0..2 {
        let refused = grant(&nodes[0], "one");
        assert_eq!(refused.status, 503, "{refused:?}");
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(rows(&nodes[0], "grant"), rows(&nodes[0], "grant_failed"), "what was not done is said");
    cluster.redis.restart();
    assert_eq!(all_say(&nodes), before, "nothing was granted");
    for _ in 0..2 {
        let granted = eventually(
            "a grant",
            || Some(grant(&nodes[0], "one")).filter(|answer| answer.status == 200),
            || nodes[0].server.log(),
        );
        assert_eq!(net(&granted.json()["accounts"][0]), before - GRANT);
    }
}
