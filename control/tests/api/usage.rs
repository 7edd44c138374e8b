//! `usage`: what was used, by what, and by whom.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::World;

pub(crate) const SHOP: &str = r#"{
    "time_zone": "UTC",
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User" },
    "rate_limit_exempt": { "path": { "prefix": "/limits" } },
    "rate_limit_tiers": { "gold": { "multiplier": 2 } },
    "rate_limit_rules": [
        { "name": "each", "key": "user", "limits": "10s per hour" },
        { "name": "all", "key": "site", "limits": "600s per hour" },
        { "name": "trial", "key": "site", "limits": "1 per day", "shadow": true }
    ]
}"#;

fn items(world: &World, query: &str) -> Vec<Value> {
    let answer = world.viewer("GET", &format!("usage?{query}")).send();
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

fn work(world: &World, user: &str, task: &str) -> u16 {
    world.visit(&format!("/work/{task}")).header("X-Forwarded-User", user).send().status
}

/// Ann works five times and is refused once, Bob works twice.
fn busy() -> World {
    let world = World::of(SHOP);
    assert_eq!(
        (0..6).map(|_| work(&world, "ann", "big")).collect::<Vec<_>>(),
        [200, 200, 200, 200, 200, 429]
    );
    assert_eq!((0..2).map(|_| work(&world, "bob", "small")).collect::<Vec<_>>(), [200, 200]);
    world
}

#[test]
fn routes_are_told_with_what_their_requests_cost_at_once_and_when_it_is_written_down() {
    let world = busy();
    for _ in 0..2 {
        let routes = items(&world, "rule=each&by=route");
        assert_eq!(routes.len(), 1, "{routes:?}");
        let route = &routes[0];
        assert_eq!(
            (&route["key"], &route["requests"], &route["refused"]),
            (&json!("GET /work/{task}"), &json!(8), &json!(1))
        );
        assert_eq!(
            (&route["micros"], &route["mean_micros"], &route["share"]),
            (&json!(14_000_000), &json!(2_000_000), &json!(1.0))
        );
        let p95 = route["p95_micros"].as_u64().unwrap();
        assert!(p95.abs_diff(2_000_000) <= 64_000, "{p95}");
        let histogram = route["histogram"].as_array().unwrap();
        assert_eq!((histogram.len(), &histogram[0]["count"]), (1, &json!(7)));
        world.save_usage();
    }
}

#[test]
fn clients_are_told_by_name_where_somebody_knows_them_and_else_by_id() {
    let world = busy();
    world.owner("PUT", "tiers/silver").json(&json!({"multiplier": 3})).send();
    let put = world.operator("PUT", "users/ann").json(&json!({"tier": "silver"})).send();
    world.save_usage();
    let clients = items(&world, "rule=each&by=client");
    assert_eq!(clients.iter().map(|client| &client["micros"]).collect::<Vec<_>>(), [10_000_000, 4_000_000]);
    assert_eq!(clients[0]["refused"], 1);
    let id = clients[1]["key"].as_str().unwrap();
    assert_eq!(id.len(), 32, "{clients:?}");
    // Routes of users may be mounted beside these, or not yet.
    if put.status == 201 {
        assert_eq!(clients[0]["key"], "ann");
        assert_eq!(items(&world, "rule=each&by=tier")[0]["key"], "silver");
    }
    let own = items(&world, "client=ann&by=rule");
    assert_eq!(
        (&own[0]["key"], &own[0]["micros"], &own[0]["share"]),
        (&json!("each"), &json!(10_000_000), &json!(1.0))
    );
    let course = items(&world, &format!("client={id}&by=time"));
    assert_eq!(
        course,
        [json!({"at": "2026-01-01T00:00:00Z", "requests": 2, "micros": 4_000_000, "refused": 0})]
    );
}

#[test]
fn a_line_has_a_point_for_each_minute_or_hour() {
    let world = busy();
    world.save_usage();
    world.clock.advance(Duration::from_secs(3_600));
    work(&world, "bob", "small");
    let at = |points: Vec<Value>| {
        points.into_iter().map(|point| (point["at"].clone(), point["requests"].clone())).collect::<Vec<_>>()
    };
    let pair = |time: &str, requests: u64| (json!(time), json!(requests));
    assert_eq!(
        at(items(&world, "rule=each")),
        [pair("2026-01-01T00:10:00Z", 8), pair("2026-01-01T01:10:00Z", 1)]
    );
    assert_eq!(
        at(items(&world, "rule=each&step=hour")),
        [pair("2026-01-01T00:00:00Z", 8), pair("2026-01-01T01:00:00Z", 1)]
    );
    assert_eq!(at(items(&world, "rule=each&to=2026-01-01T01:00:00Z")), [pair("2026-01-01T00:10:00Z", 8)]);
    let page = world.viewer("GET", "usage?rule=each&limit=1").send().json();
    let after = page["next"].as_str().unwrap();
    assert_eq!(
        at(items(&world, &format!("rule=each&limit=1&after={after}"))),
        [pair("2026-01-01T01:10:00Z", 1)]
    );
}

#[test]
fn outcomes_rules_and_methods_are_told_apart() {
    let world = busy();
    let keys = |query: &str| {
        let counts = items(&world, query)
            .into_iter()
            .map(|item| (item["key"].as_str().unwrap().to_owned(), item["requests"].as_u64().unwrap()));
        counts.collect::<Vec<_>>()
    };
    assert_eq!(keys("rule=each&by=outcome"), [("served".to_owned(), 7), ("refused".to_owned(), 1)]);
    assert_eq!(keys("rule=all&by=method"), [("GET".to_owned(), 7)]);
    let rules = items(&world, "by=rule");
    let trial = rules.iter().find(|rule| rule["key"] == "trial").unwrap();
    assert_eq!((&trial["requests"], &trial["shadow"]), (&json!(1), &json!(7)));
}

/// Three rules applied to each request, and sums without `rule=` told it three times.
#[test]
fn a_request_counts_once_where_no_rule_is_asked_for() {
    let world = busy();
    let told = |query: &str| {
        let items = items(&world, query);
        let number = |item: &Value, name: &str| item[name].as_u64().unwrap();
        let sums = items
            .iter()
            .map(|item| (number(item, "requests"), number(item, "micros"), number(item, "refused")));
        sums.fold((0, 0, 0), |one, two| (one.0 + two.0, one.1 + two.1, one.2 + two.2))
    };
    // Before it is written down, and after.
    for _ in 0..2 {
        for by in ["time", "route", "method", "outcome", "site"] {
            let micros = told(&format!("by={by}"));
            assert_eq!(micros, (8, 14_000_000, 1), "{by}");
        }
        assert_eq!(told("by=time&step=hour"), (8, 14_000_000, 1));
        world.save_usage();
    }
    for by in ["client", "tier"] {
        assert_eq!(told(&format!("by={by}")), (8, 14_000_000, 1), "{by}");
    }
    world.operator("PUT", "users/ann").json(&json!({"tier": "gold"})).send().expect(201);
    for by in ["time", "site"] {
        assert_eq!(told(&format!("client=ann&by={by}")), (6, 10_000_000, 1), "{by}");
    }
    // Each rule tells what it has seen: a refused request is the refusing rule's alone.
    let rules = items(&world, "by=rule");
    let seen = |name: &str| rules.iter().find(|rule| rule["key"] == name).unwrap()["requests"].clone();
    assert_eq!((seen("each"), seen("all"), seen("trial")), (json!(8), json!(7), json!(1)));
    assert_eq!(rules.len(), 3, "{rules:?}");
}

/// Requests moved the clock here, so that minutes ended within a round; on a busy machine what had been noted until then was written
/// down by itself, with those who were the largest at that moment, and 52 had five requests each.
#[test]
fn of_an_hour_the_fifty_largest_spenders_are_kept_and_no_sum_becomes_smaller() {
    let world = World::of(&SHOP.replace("10s per hour", "10 per hour"));
    let mut requests = 0;
    for round in 1..=5 {
        for user in 0..60 {
            let name = format!("user-{round}-{user}");
            let visit = || world.visit("/").header("X-Forwarded-User", &name).send().status;
            (0..round).for_each(|_| assert_eq!(visit(), 200));
            requests += round;
        }
        world.save_usage();
    }
    let hour = "rule=each&by=client&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z&limit=500";
    let told = || {
        let items = items(&world, hour);
        let sum = items.iter().map(|item| item["requests"].as_u64().unwrap()).sum::<u64>();
        let largest = items.iter().filter(|item| item["key"] != "other" && item["requests"] == 5).count();
        (items.len(), sum, largest)
    };
    // While it lasts, four times as many.
    assert_eq!(told(), (201, requests, 50));
    world.clock.advance(Duration::from_secs(3_600));
    let folded = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        told() == (51, requests, 50)
    });
    assert!(folded, "{:?}", told());
}

#[test]
fn what_is_asked_wrongly_is_said_all_at_once() {
    let world = World::of(SHOP);
    let answer = world.viewer("GET", "usage?by=colour&from=tomorrow&step=year&sit=shop").send();
    assert_eq!(answer.status, 400);
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let paths: Vec<_> = errors.iter().map(|error| error["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(paths, ["by", "from", "step", "sit"]);
    assert_eq!(world.viewer("GET", "usage?client=ann&by=route").send().status, 400);
    assert_eq!(world.viewer("GET", "usage?step=minute&from=2025-12-01T00:00:00Z").send().status, 400);
    assert_eq!(world.ask("GET", "usage").send().status, 401);
    let year = "from=2025-01-01T00:00:00Z&step=hour";
    let told = world.viewer("GET", &format!("usage?by=route&{year}")).send().problem(400);
    assert!(told.starts_with("from: ") && told.contains("92 days"), "{told}");
    for rest in ["by=route&site=*", "by=rule&rule=each", "by=time", "by=client", "client=ann&by=time"] {
        world.viewer("GET", &format!("usage?{rest}&{year}")).send().expect(200);
    }
}
