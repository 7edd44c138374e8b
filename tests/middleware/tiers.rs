//! Tiers and overrides: who may spend more than a rule says, and until when.

use actix_web::App;
use actix_web::web;

use crate::harness::{Answer, Client, Listening, World, secs, serve};

/// It is ten o'clock on 2023-11-14 when a test begins.
fn start(world: &World, rest: &str) -> Listening {
    let file = format!(
        r#"{{"rate_limit_trusted_proxies": ["127.0.0.1"],
            "rate_limit_identity": {{"user": "X-User", "groups": "X-Groups"}}, {rest}}}"#
    );
    let budget = world.budget_of(&file);
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

async fn ask(client: &mut Client, user: &str, groups: &str) -> Answer {
    client.get_with("/", &format!("X-User: {user}\r\nX-Groups: {groups}\r\n")).await
}

async fn limit(client: &mut Client, user: &str, groups: &str) -> u64 {
    ask(client, user, groups).await.number("x-ratelimit-limit")
}

const TIERS: &str = r#"
    "rate_limit_tiers": {
        "premium": {"multiplier": 1.5},
        "gold": {"multiplier": 2, "priority": 10},
        "default": {"multiplier": "0.5"}},
    "rate_limit_groups": {"vips": "gold", "fans": "premium"},
    "rate_limit_users": {"alice": {"tier": "premium", "until": "2023-11-14T22:30:00Z"}}"#;

#[actix_web::test]
async fn a_tier_multiplies_what_a_rule_grants() {
    let world = World::new();
    let rest =
        format!(r#"{TIERS}, "rate_limit_rules": [{{"name": "a", "key": "user", "limits": "5 per hour"}}]"#);
    let mut client = start(&world, &rest).connect().await;
    assert_eq!(limit(&mut client, "alice", "vips").await, 8, "7.5, rounded half up");
    assert_eq!(limit(&mut client, "bob", "fans, vips").await, 10, "of two tiers the higher");
    assert_eq!(limit(&mut client, "carol", "").await, 3, "the default");
    assert_eq!(limit(&mut client, "", "vips").await, 3, "nobody is in no group");
}

#[actix_web::test]
async fn a_tier_may_have_limits_of_its_own() {
    let world = World::new();
    let rest = r#""rate_limit_tiers": {"gold": {"multiplier": 2, "limits": {"a": "7 per hour"}}},
        "rate_limit_groups": {"vips": "gold"},
        "rate_limit_rules": [{"name": "a", "key": "user", "limits": "5 per day"}]"#;
    let mut client = start(&world, rest).connect().await;
    let answer = ask(&mut client, "bob", "vips").await;
    assert_eq!((answer.number("x-ratelimit-limit"), answer.number("x-ratelimit-reset")), (7, 3_600));
}

#[actix_web::test]
async fn whoever_changes_the_tier_takes_along_what_was_spent() {
    let world = World::new();
    let rest =
        format!(r#"{TIERS}, "rate_limit_rules": [{{"name": "a", "key": "user", "limits": "4 per hour"}}]"#);
    let mut client = start(&world, &rest).connect().await;
    for remaining in [5, 4, 3] {
        assert_eq!(ask(&mut client, "alice", "").await.standing().1, remaining);
    }
    world.advance(secs(1_800));
    let answer = ask(&mut client, "alice", "vips").await;
    assert_eq!(answer.standing(), (8, 4, 1_800, Some(1)), "the assignment has ended, the group counts");
    let answer = ask(&mut client, "alice", "").await;
    assert_eq!((answer.status, answer.number("x-ratelimit-limit")), (429, 2), "four are spent of two");
}

#[actix_web::test]
async fn an_assignment_ends_at_the_exact_instant() {
    let world = World::new();
    let rest =
        format!(r#"{TIERS}, "rate_limit_rules": [{{"name": "a", "key": "user", "limits": "10 per day"}}]"#);
    let mut client = start(&world, &rest).connect().await;
    world.advance(secs(1_800) - std::time::Duration::from_micros(1));
    assert_eq!(limit(&mut client, "alice", "").await, 15);
    world.advance(std::time::Duration::from_micros(1));
    assert_eq!(limit(&mut client, "alice", "").await, 5);
}

#[actix_web::test]
async fn an_override_counts_before_tiers_while_it_lasts() {
    let world = World::new();
    let rest = format!(
        r#"{TIERS},
        "rate_limit_overrides": [
            {{"user": "bob", "limits": "100 per hour"}},
            {{"user": "alice", "rule": "b", "limits": "1 per hour"}},
            {{"user": "bob", "rule": "a", "limits": "40 per hour", "reason": "month end",
              "from": "2023-11-14T22:10:00Z", "until": "2023-11-14T23:20:00+01:00"}}],
        "rate_limit_rules": [
            {{"name": "a", "key": "user", "limits": "20 per hour"}},
            {{"name": "b", "when": {{"path": "/none"}}, "limits": "20 per hour"}}]"#
    );
    let mut client = start(&world, &rest).connect().await;
    let mut limits = Vec::new();
    for _ in 0..3 {
        limits.push(limit(&mut client, "bob", "vips").await);
        world.advance(secs(600));
    }
    assert_eq!(limits, [100, 40, 100]);
    assert_eq!(limit(&mut client, "alice", "vips").await, 40, "her override is another rule's");
}

#[actix_web::test]
async fn caps_and_time_are_multiplied_as_well() {
    let world = World::new();
    let rest = r#""rate_limit_tiers": {"gold": {"multiplier": 3}}, "rate_limit_groups": {"vips": "gold"},
        "rate_limit_rules": [{"name": "a", "key": "user", "limits": "60s per hour"}]"#;
    let mut client = start(&world, rest).connect().await;
    assert_eq!(limit(&mut client, "bob", "vips").await, 180_000_000);
    assert_eq!(limit(&mut client, "bob", "").await, 60_000_000);
    let rest = r#""rate_limit_tiers": {"gold": {"multiplier": 3}}, "rate_limit_groups": {"vips": "gold"},
        "rate_limit_rules": [{"name": "a", "key": "user", "limits": "2 concurrent"}]"#;
    let mut client = start(&World::new(), rest).connect().await;
    assert_eq!(limit(&mut client, "bob", "vips").await, 6);
}

#[actix_web::test]
async fn a_quota_of_nothing_is_nothing_in_every_tier() {
    let world = World::new();
    let rest =
        format!(r#"{TIERS}, "rate_limit_rules": [{{"name": "a", "key": "user", "limits": "0 per hour"}}]"#);
    let mut client = start(&world, &rest).connect().await;
    assert_eq!(ask(&mut client, "bob", "vips").await.status, 429);
}

#[actix_web::test]
async fn rules_and_keys_can_name_tiers() {
    let world = World::new();
    let rest = r#""rate_limit_tiers": {"gold": {}, "iron": {}},
        "rate_limit_groups": {"vips": "gold", "irons": "iron"},
        "rate_limit_rules": [
            {"name": "a", "when": {"tier": "gold"}, "key": "tier", "limits": "2 per hour"},
            {"name": "b", "when": {"not": {"tier": "gold"}}, "key": "tier", "limits": "1 per hour"}]"#;
    let mut client = start(&world, rest).connect().await;
    for (user, groups, status) in [
        ("alice", "vips", 200),
        ("bob", "vips", 200),
        ("carol", "vips", 429),
        ("dave", "irons", 200),
        ("erin", "irons", 429),
        ("frank", "", 200),
        ("grace", "", 429),
    ] {
        assert_eq!(ask(&mut client, user, groups).await.status, status, "{user}");
    }
}

#[actix_web::test]
async fn the_quota_of_an_account_that_all_share_depends_on_who_asks() {
    let world = World::new();
    let rest =
        format!(r#"{TIERS}, "rate_limit_rules": [{{"name": "a", "key": "site", "limits": "2 per hour"}}]"#);
    let mut client = start(&world, &rest).connect().await;
    let statuses = [
        ask(&mut client, "carol", "").await.status,
        ask(&mut client, "carol", "").await.status,
        ask(&mut client, "bob", "vips").await.status,
    ];
    assert_eq!(statuses, [200, 429, 200]);
}
