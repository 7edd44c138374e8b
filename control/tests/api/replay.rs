//! `replay`: a draft on the requests of the last hour.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use timebudget_control::Options;

use crate::world::World;

/// Rules by what is kept of requests; the API itself is none of their business.
const SITE: &str = r#"{
    "time_zone": "UTC",
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User" },
    "rate_limit_exempt": { "path": { "prefix": "/limits" } },
    "rate_limit_rules": [{ "name": "pages", "when": { "path": { "prefix": "/page" } }, "key": "ip", "limits": "4 per hour" }]
}"#;

/// A world that keeps the requests of the last hour, and where its database is.
fn keeping() -> (World, TempDir) {
    let directory = TempDir::new().unwrap();
    let uri = format!("sqlite://{}/timebudget.db", directory.path().display());
    (World::of_on(SITE, Options::new(uri).with_recent_requests(1 << 20)), directory)
}

fn visit(world: &World, from: &str, path: &str) -> u16 {
    world.visit(path).header("X-Forwarded-For", from).send().status
}

fn replayed(world: &World, body: &Value) -> Value {
    world.viewer("POST", "replay").json(body).send().expect(200)
}

fn draft(rules: &Value) -> Value {
    json!({ "site": "*", "draft": { "rules": rules } })
}

#[test]
fn a_draft_is_tried_on_what_has_passed_beside_the_rules_in_force() {
    let (world, _directory) = keeping();
    let seen: Vec<_> = (0..6).map(|_| visit(&world, "192.0.2.1", "/page/17?secret=1")).collect();
    assert_eq!(seen, [200, 200, 200, 200, 429, 429]);
    assert_eq!(visit(&world, "192.0.2.2", "/page/4"), 200);
    for task in ["a", "b", "c"] {
        // Two seconds each.
        assert_eq!(visit(&world, "192.0.2.3", &format!("/work/{task}")), 200);
    }
    let told = replayed(
        &world,
        &draft(&json!([
            { "name": "work", "when": { "path": { "prefix": "/work" } }, "key": "site", "limits": "3s per hour" },
            { "name": "tighter", "when": { "path": { "prefix": "/page" } }, "key": "ip", "limits": "1 per hour" },
        ])),
    );
    assert_eq!(
        (&told["site"], &told["requests"], &told["refused_then"]),
        (&json!("*"), &json!(10), &json!(2))
    );
    assert_eq!(
        (&told["now"]["refused"], &told["draft"]["refused"], &told["both"]),
        (&json!(2), &json!(6), &json!(2))
    );
    let rules = |of: &str| {
        let rules = told[of]["rules"].as_array().unwrap().iter();
        rules
            .map(|rule| (rule["rule"].as_str().unwrap().to_owned(), rule["refused"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(rules("now"), [("pages".to_owned(), 2)]);
    // What the draft refuses does not spend what the file's rule grants; the third task meets four seconds that are spent.
    assert_eq!(rules("draft"), [("tighter".to_owned(), 5), ("work".to_owned(), 1)]);
    assert_eq!((&told["draft"]["refused_micros"], &told["micros"]), (&json!(2_000_000), &json!(6_000_000)));
    let routes: Vec<_> =
        told["routes"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(routes, ["GET /page/{n}", "GET /work/c"]);
    assert_eq!((&told["not_known"], &told["partial"]), (&json!([]), &json!(true)));
    let clients = told["clients"].as_array().unwrap();
    let accounts = world.viewer("GET", "accounts?rule=pages").send().expect(200);
    // The first word of an id says only where a store looks for it.
    let words = |id: &Value| id.as_str().unwrap()[8..].to_owned();
    assert_eq!(words(&clients[0]["key"]), words(&accounts["items"][0]["id"]), "{told} {accounts}");
    assert!(!told.to_string().contains("192.0.2."), "{told}");
    assert_eq!(
        visit(&world, "192.0.2.2", "/page/4"),
        200,
        "nothing of it is in force, and nothing was charged"
    );
}

#[test]
fn only_the_minutes_that_were_asked_for_are_replayed() {
    let (world, _directory) = keeping();
    world.clock.advance(Duration::from_secs(3_600));
    for _ in 0..3 {
        assert_eq!(visit(&world, "192.0.2.1", "/page"), 200);
    }
    world.clock.advance(Duration::from_secs(1_800));
    assert_eq!(visit(&world, "192.0.2.1", "/page"), 200);
    let of = |minutes: Value| {
        let mut asked = draft(&json!([{ "name": "none", "key": "ip", "limits": "0 per hour" }]));
        asked["minutes"] = minutes;
        let told = replayed(&world, &asked);
        // Those for the API are exempt.
        let count = |of: &Value| of.as_u64().unwrap();
        let passed = count(&told["requests"]) - count(&told["draft"]["exempt"]);
        (passed, count(&told["draft"]["refused"]), told["partial"] == true)
    };
    assert_eq!(of(json!(20)), (1, 1, false));
    assert_eq!(of(json!(60)), (4, 4, false));
    assert_eq!(of(json!(null)), (4, 4, false));
    world.clock.advance(Duration::from_secs(3_601));
    assert_eq!(of(json!(60)), (0, 0, false));
}

#[test]
fn what_rules_ask_for_and_nobody_keeps_is_told() {
    let (world, _directory) = keeping();
    assert_eq!(visit(&world, "192.0.2.1", "/page?size=9"), 200);
    let told = replayed(
        &world,
        &draft(&json!([
            { "name": "plan", "when": { "header": { "X-Plan": "gold" } }, "limits": "0 per hour" },
            { "name": "large", "when": { "query": { "size": "9" } }, "limits": "0 per hour" },
        ])),
    );
    assert_eq!(told["not_known"], json!(["header X-Plan", "query size"]), "{told}");
    assert_eq!(told["draft"]["refused"], 0);
}

#[test]
fn a_draft_by_user_tells_apart_who_was_known_and_names_nobody() {
    let (world, _directory) = keeping();
    for (user, times) in [("ann", 3), ("bob", 1)] {
        for _ in 0..times {
            assert_eq!(world.visit("/").header("X-Forwarded-User", user).send().status, 200);
        }
    }
    assert_eq!(visit(&world, "192.0.2.1", "/"), 200);
    let told = replayed(
        &world,
        &draft(
            &json!([{ "name": "each", "when": { "authenticated": true }, "key": "user", "limits": "1 per hour" }]),
        ),
    );
    assert_eq!((&told["draft"]["refused"], &told["requests"]), (&json!(2), &json!(5)));
    assert!(!told.to_string().contains("ann") && told["not_known"] == json!([]), "{told}");
}

#[test]
fn where_requests_are_not_kept_it_says_how_they_would_be() {
    let world = World::new();
    let asked = draft(&json!([{ "name": "a", "limits": "1 per hour" }]));
    let problem = world.viewer("POST", "replay").json(&asked).send().problem(409);
    assert!(problem.contains("--recent-requests"), "{problem}");
}

#[test]
fn what_is_wrong_with_a_draft_or_its_site_is_told_with_its_path() {
    let (world, _directory) = keeping();
    let right = json!({ "rules": [{ "name": "a", "limits": "1 per hour" }] });
    for (body, path) in [
        (json!({ "draft": right }), "site: missing"),
        (json!({ "site": "*" }), "draft: missing"),
        (json!({ "site": "other.example", "draft": right }), "site: "),
        (
            json!({ "site": "*", "draft": { "rules": [{ "name": "a", "limits": "x" }] } }),
            "draft.rules[0].limits: ",
        ),
        (json!({ "site": "*", "draft": right, "minutes": 0 }), "minutes: 0: expected"),
        (json!({ "site": "*", "draft": right, "minutes": 61 }), "minutes: 61: expected"),
        (json!({ "site": "*", "draft": right, "minutes": "1" }), "minutes: "),
        (json!({ "site": "*", "draft": right, "hours": 1 }), "hours: "),
    ] {
        let problem = world.viewer("POST", "replay").json(&body).send().problem(422);
        assert!(problem.contains(path), "{body}: {problem}");
    }
}

/// Which key a client had was not kept, so that a draft for keys, or for the tiers of keys, was tried as if nobody had one.
#[test]
fn a_draft_is_tried_by_the_keys_that_clients_have_sent() {
    let (world, _directory) = keeping();
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 2 })).send().expect(201);
    let made =
        world.operator("POST", "keys").json(&json!({ "name": "Acme", "tier": "gold" })).send().expect(201);
    let key = made["key"].as_str().unwrap();
    for at in 0..9 {
        let visit = world.visit("/work/a").header("X-Forwarded-For", "192.0.2.1");
        let visit = if at < 6 { visit.header("X-Api-Key", key) } else { visit };
        assert_eq!(visit.send().status, 200);
    }
    let rule = json!({ "name": "keys", "key": "api_key", "missing": "skip", "limits": "2 per hour" });
    let told = replayed(&world, &draft(&json!([rule])));
    assert_eq!(
        (&told["requests"], &told["draft"]["refused"]),
        (&json!(11), &json!(2)),
        "nine, and two of the API: {told}"
    );
    assert_eq!(told["not_known"], json!([]));
}
