//! Accounts that are listed, read, granted more and reset while requests come.

use std::time::Duration;

use actix_web::{App, web};
use timebudget::{
    AccountError, AccountFilter, AccountId, AccountStanding, Amount, Component, Engine, Identity, Key, Limit,
    Period, TimeBudget,
};

use crate::harness::{Client, Listening, World, secs, serve};

/// It is ten o'clock on 2023-11-14 when a test begins.
fn start(budget: TimeBudget) -> Listening {
    serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")))
}

/// A site `test` whose users a proxy names.
fn of_users(world: &World, rest: &str) -> Listening {
    let file = format!(
        r#"{{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_identity": {{"user": "X-User", "groups": "X-Groups"}}, {rest}}}"#
    );
    start(world.budget_of(&file))
}

async fn ask(client: &mut Client, user: &str) -> (u16, u64) {
    let answer = client.get_with("/", &format!("X-User: {user}\r\n")).await;
    (answer.status, answer.number("x-ratelimit-remaining"))
}

async fn list(engine: &Engine, filter: AccountFilter) -> Vec<AccountStanding> {
    engine.accounts().list(&filter).await.unwrap()
}

/// Whose an account is, and what it has spent and may still spend.
fn told(standing: &AccountStanding) -> (Option<&str>, u64, u64) {
    (standing.name.as_deref(), standing.spent, standing.remaining)
}

const BY_USER: &str = r#""rate_limit_rules": [{"name": "calls", "key": "user", "limits": "2 per hour"}]"#;

#[actix_web::test]
async fn a_refused_client_that_is_granted_more_is_served_and_its_headers_say_so() {
    let world = World::new();
    let server = of_users(&world, BY_USER);
    let mut client = server.connect().await;
    for expected in [(200, 1), (200, 0), (429, 0)] {
        assert_eq!(ask(&mut client, "ann").await, expected);
    }
    let ann = world.engine().accounts().of("test", "calls", "ann").unwrap();
    let granted = ann.grant(Amount::Requests(2)).await.unwrap();
    assert_eq!(granted.iter().map(told).collect::<Vec<_>>(), [(None, 0, 2)]);
    for expected in [(200, 1), (200, 0), (429, 0)] {
        assert_eq!(ask(&mut client, "ann").await, expected);
    }
    ann.reset().await.unwrap();
    assert_eq!(ask(&mut client, "ann").await, (200, 1));
    world.advance(secs(3_600));
    assert_eq!(ask(&mut client, "ann").await, (200, 1));
}

#[actix_web::test]
async fn more_than_was_spent_is_a_credit_that_headers_do_not_show() {
    let world = World::new();
    let server = of_users(&world, BY_USER);
    let mut client = server.connect().await;
    let ann = world.engine().accounts().of("test", "calls", "ann").unwrap();
    let granted = &ann.grant(Amount::Requests(2)).await.unwrap()[0];
    assert_eq!((granted.spent, granted.credit, granted.remaining, granted.reset_secs), (0, 2, 4, 3_600));
    for expected in [(200, 2), (200, 2), (200, 1), (200, 0), (429, 0)] {
        assert_eq!(ask(&mut client, "ann").await, expected);
    }
}

#[actix_web::test]
async fn largest_spenders_come_first_and_are_named_where_names_are_known() {
    let world = World::new();
    let server = of_users(&world, BY_USER);
    let mut client = server.connect().await;
    for user in ["ann", "bob", "bob", "eve"] {
        ask(&mut client, user).await;
    }
    let all = list(&world.engine(), AccountFilter::new().site("test").names(["bob", "nobody"])).await;
    assert_eq!(all.iter().map(told).collect::<Vec<_>>(), [(Some("bob"), 2, 0), (None, 1, 1), (None, 1, 1)]);
    assert_eq!((all[0].site.as_str(), all[0].rule.as_str()), ("test", "calls"));
    assert_eq!(
        list(&world.engine(), AccountFilter::new().rule("calls").names(["bob"]).most(1)).await[..],
        all[..1]
    );
}

#[actix_web::test]
async fn who_is_only_known_by_an_id_can_be_reset() {
    let world = World::new();
    let server = of_users(&world, BY_USER);
    let mut client = server.connect().await;
    ask(&mut client, "ann").await;
    ask(&mut client, "ann").await;
    let accounts = world.engine().accounts();
    let listed = list(&world.engine(), AccountFilter::new()).await.remove(0);
    let id: AccountId = listed.id.to_string().parse().unwrap();
    assert_eq!(id, accounts.of("test", "calls", "ann").unwrap().read().await.unwrap()[0].id);
    accounts.of_id("test", "calls", id).unwrap().reset().await.unwrap();
    assert_eq!(ask(&mut client, "ann").await, (200, 1));
    assert!(
        "12".parse::<AccountId>().is_err()
            && "+0000000000000000000000000000001".parse::<AccountId>().is_err()
    );
}

#[actix_web::test]
async fn time_is_granted_to_every_limit_of_time_and_to_no_other_unless_a_period_is_named() {
    let world = World::new();
    let rest = r#""rate_limit_rules": [{"name": "calls", "key": "user",
        "limits": ["10s per minute", "60s per day", "100 per day", "3 concurrent"]}]"#;
    let server = of_users(&world, rest);
    let mut client = server.connect().await;
    ask(&mut client, "ann").await;
    let ann = world.engine().accounts().of("test", "calls", "ann").unwrap();
    let remaining = |standings: Vec<AccountStanding>| -> Vec<(Option<Period>, u64)> {
        standings.iter().map(|standing| (standing.limit.period(), standing.remaining)).collect()
    };
    let (minute, day) = (Some(Period::MINUTE), Some(Period::DAY));
    let granted = ann.grant(Duration::from_secs(5)).await.unwrap();
    assert_eq!(remaining(granted), [(minute, 14_999_999), (day, 64_999_999)]);
    let granted = ann.clone().per(Period::DAY).grant(Duration::from_secs(5)).await.unwrap();
    assert_eq!(remaining(granted), [(day, 69_999_999)]);
    let all = remaining(ann.read().await.unwrap());
    assert_eq!(all, [(minute, 14_999_999), (day, 69_999_999), (day, 99), (None, 3)]);
    let refused = ann.per(Period::MINUTE).grant(Amount::Requests(1)).await;
    assert_eq!(refused, Err(AccountError::NoSuchLimit { rule: "calls".to_owned() }));
}

#[actix_web::test]
async fn the_quota_in_force_is_that_of_the_clients_tier_and_overrides() {
    let world = World::new();
    let rest = r#""rate_limit_tiers": {"gold": {"multiplier": 2}, "default": {"multiplier": "0.5"}},
        "rate_limit_groups": {"vips": "gold"}, "rate_limit_users": {"ann": {"tier": "gold"}},
        "rate_limit_overrides": [{"user": "bob", "limits": "7 per hour", "until": "2023-11-14T23:00:00Z"}],
        "rate_limit_rules": [{"name": "calls", "key": "user", "limits": "4 per hour"}]"#;
    let server = of_users(&world, rest);
    let mut client = server.connect().await;
    for user in ["ann", "bob", "eve"] {
        ask(&mut client, user).await;
    }
    let accounts = world.engine().accounts();
    let quota = async |key: &str, who: Option<Identity>| {
        let of = accounts.of("test", "calls", key).unwrap();
        let of = who.map_or(of.clone(), |who| of.whose(who));
        of.read().await.unwrap()[0].limit.quota()
    };
    assert_eq!(quota("ann", None).await, 8);
    assert_eq!(quota("bob", None).await, 7);
    assert_eq!(quota("eve", None).await, 2);
    assert_eq!(quota("eve", Some(Identity::new("eve").in_groups(["vips"]))).await, 8);
    let in_tier = accounts.of("test", "calls", "eve").unwrap().in_tier("gold");
    assert_eq!(in_tier.read().await.unwrap()[0].limit.quota(), 8);
    let mut listed = list(&world.engine(), AccountFilter::new().names(["ann", "bob"])).await;
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    let told: Vec<_> = listed.iter().map(told).collect();
    assert_eq!(told, [(None, 1, 1), (Some("ann"), 1, 7), (Some("bob"), 1, 6)]);
}

#[actix_web::test]
async fn a_client_is_named_by_address_by_several_components_and_where_methods_differ_by_the_method_too() {
    let world = World::new();
    let rest = r#""rate_limit_rules": [
        {"name": "address", "key": "ip", "limits": "9 per hour"},
        {"name": "whole", "key": "site", "limits": "9 per hour"},
        {"name": "both", "key": ["user", "ip"], "limits": "9 per hour"},
        {"name": "method", "key": "ip", "per_method": true, "limits": "9 per hour"}]"#;
    let server = of_users(&world, rest);
    ask(&mut server.connect().await, "ann").await;
    let accounts = world.engine().accounts();
    let keys = [
        ("address", Key::from("127.0.0.1")),
        ("whole", Key::from(())),
        ("both", Key::from(("ann", "127.0.0.1"))),
        ("method", Key::from(("127.0.0.1", "GET"))),
    ];
    for (rule, key) in keys {
        assert_eq!(accounts.of("test", rule, key).unwrap().read().await.unwrap()[0].spent, 1, "{rule}");
    }
    let refused = |site, rule, key| accounts.of(site, rule, key).unwrap_err().to_string();
    assert_eq!(refused("test", "none", "a"), "no rule none of a site test is in force");
    assert_eq!(refused("other", "whole", "a"), "no rule whole of a site other is in force");
    let expected =
        "the rule both is keyed by user + ip; expected a value for each part that tells accounts apart";
    assert_eq!(refused("test", "both", "ann"), expected);
    assert!(accounts.of("test", "address", "ann").is_err());
}

#[actix_web::test]
async fn accounts_are_those_of_rules_in_force() {
    let world = World::new();
    let rule = |limits: &str| TimeBudget::rule("mail", limits).key(Component::Ip);
    let (old, engine) = (world.build(rule("2 per hour")), world.engine());
    let limits = async || -> Vec<Limit> {
        let of = engine.accounts().of("*", "mail", "127.0.0.1").unwrap();
        of.read().await.unwrap().iter().map(|standing| standing.limit).collect()
    };
    assert_eq!(limits().await.len(), 1);
    let new = world.build(rule("3 per hour; 9 per day"));
    assert_eq!(limits().await[0].quota(), 3);
    drop(new);
    assert_eq!(limits().await[0].quota(), 2);
    drop(old);
    assert!(engine.accounts().of("*", "mail", "127.0.0.1").is_err());
    assert!(list(&engine, AccountFilter::new()).await.is_empty());
}
