//! What people have reported of gateways and feature flags that are changed while they run, tried on ours.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::World;

/// A site without rules of its own.
const BARE: &str = r#"{
    "rate_limit_trusted_proxies": ["127.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User" },
    "rate_limit_exempt": { "path": { "prefix": "/limits" } }
}"#;

/// Puts a ruleset of one rule in force for all sites.
fn hold(world: &World, limits: &str) {
    let rules = json!([{ "name": "plan", "key": "user", "limits": limits }]);
    let put = world.owner("PUT", "rulesets/plans").json(&json!({ "rules": rules })).send();
    assert!([200, 201].contains(&put.status), "{}", put.text());
    policy(world, Some("plans"));
}

fn policy(world: &World, ruleset: Option<&str>) {
    let body = json!({ "published": ruleset, "unpublished": null });
    let put = world.owner("PUT", "policy").json(&body).send();
    assert!([200, 201].contains(&put.status), "{}", put.text());
}

fn visit(world: &World) -> Answer {
    world.visit("/a").header("X-Forwarded-User", "bob").send()
}

/// Status, limit and what is left of it.
fn told(world: &World) -> (u16, Option<String>, Option<String>) {
    let answer = visit(world);
    let field = |name: &str| answer.header(name).map(str::to_owned);
    (answer.status, field("x-ratelimit-limit"), field("x-ratelimit-remaining"))
}

fn of(status: u16, limit: &str, left: &str) -> (u16, Option<String>, Option<String>) {
    (status, Some(limit.to_owned()), Some(left.to_owned()))
}

/// Kong 3175, APISIX 187 and 2098: a limit that was raised after it had been exceeded was the old one until a restart.
#[test]
fn a_limit_that_is_raised_when_it_is_spent_holds_with_the_next_request() {
    let world = World::of(BARE);
    hold(&world, "2 per day");
    assert_eq!([(); 3].map(|()| visit(&world).status), [200, 200, 429]);
    hold(&world, "5 per day");
    assert_eq!(told(&world), of(200, "5", "2"));
    hold(&world, "1 per day");
    assert_eq!(told(&world), of(429, "1", "0"));
}

/// Kong 1721: rules for everything that were deleted went on, and their header fields, too.
#[test]
fn rules_that_are_taken_back_limit_nobody_and_tell_nothing() {
    let world = World::of(BARE);
    hold(&world, "1 per day");
    assert_eq!([(); 2].map(|()| visit(&world).status), [200, 429]);
    policy(&world, None);
    assert_eq!(told(&world), (200, None, None));
    world.owner("DELETE", "rulesets/plans").send().expect(204);
    assert_eq!(told(&world), (200, None, None));
}

/// APIcast 667: another window had the end of the one before, and what was spent under rules that had gone counted, or not, by chance.
#[test]
fn a_window_of_another_length_is_an_account_of_its_own_and_rules_that_come_back_find_what_was_spent() {
    let world = World::of(BARE);
    hold(&world, "3 per day");
    assert_eq!(told(&world), of(200, "3", "2"));
    hold(&world, "3 per hour");
    let answer = visit(&world);
    // The clock stands at ten past midnight.
    let fields = ["x-ratelimit-remaining", "x-ratelimit-reset"].map(|name| answer.header(name));
    assert_eq!(fields, [Some("2"), Some("3000")]);
    policy(&world, None);
    hold(&world, "3 per day");
    assert_eq!(told(&world), of(200, "3", "1"));
}

/// APISIX 9964: when nothing was left, it was left for no second more.
#[test]
fn who_has_nothing_left_is_told_when_there_is_some() {
    let world = World::of(BARE);
    hold(&world, "1 per hour");
    let seconds = |answer: &Answer| answer.header("x-ratelimit-reset").unwrap().to_owned();
    assert_eq!([(); 3].map(|()| seconds(&visit(&world))), ["3000", "3000", "3000"]);
    assert_eq!(visit(&world).header("retry-after"), Some("3000"));
}

/// APISIX 7564 and 8190: a change that was refused was a success to whoever did not read its text, and the text named no field.
#[test]
fn a_change_that_cannot_be_is_no_success_names_its_field_and_changes_nothing() {
    let world = World::of(BARE);
    hold(&world, "3 per hour");
    let rules = json!([{ "name": "plan", "key": "user", "limits": "3 per fortnight" }]);
    let refused = world.owner("PUT", "rulesets/plans").json(&json!({ "rules": rules })).send();
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["errors"][0]["path"], "rules[0].limits", "{}", refused.text());
    assert_eq!(told(&world), of(200, "3", "2"));
}

/// Kong 489, 601 and 1968, Alerta 342: what had a slash, a space or an umlaut in its name could be made and never found or deleted.
#[test]
fn whatever_its_name_a_thing_is_found_and_deleted_by_it() {
    let world = World::of(BARE);
    world.owner("PUT", "tiers/gold").body("{}").send().expect(201);
    for (written, name) in [
        ("a%2Fb", "a/b"),
        ("%2Fa", "/a"),
        ("a%20b", "a b"),
        ("tiarra%7B%C3%86%C3%9E%7D", "tiarra{ÆÞ}"),
        ("a%3Fb%23c%25d", "a?b#c%d"),
        ("a%2Bb+c", "a+b+c"),
        ("ann%40shop.example", "ann@shop.example"),
        ("..", ".."),
    ] {
        let path = format!("users/{written}");
        let made = world.operator("PUT", &path).json(&json!({ "tier": "gold" })).send();
        // Clients take dots out of paths before they send them: such a name is none.
        if name == ".." {
            assert!((400..500).contains(&made.status), "{}", made.status);
            continue;
        }
        assert_eq!(made.expect(201)["user"], name);
        assert_eq!(world.viewer("GET", &path).send().expect(200)["user"], name);
        world.operator("DELETE", &path).send().expect(204);
        assert_eq!(world.viewer("GET", "users").send().expect(200)["items"], json!([]), "{name}");
    }
}

/// Devtron 4960: the token of somebody who had been deleted was good again when the name was given anew.
#[test]
fn a_token_whose_member_is_gone_stays_nobodys_whoever_has_the_name_next() {
    let world = World::of(BARE);
    let made = || {
        let body = json!({ "name": "ann", "role": "operator" });
        world.owner("POST", "members").json(&body).send().expect(201)["token"].as_str().unwrap().to_owned()
    };
    let status = |token: &str| world.ask("GET", "session").token(token).send().status;
    let first = made();
    assert_eq!(status(&first), 200);
    world.owner("DELETE", "members/ann").send().expect(204);
    let second = made();
    assert_eq!((status(&first), status(&second)), (401, 200));
}

/// Flipt 2710: that rules had another order stood in no audit.
#[test]
fn another_order_of_rules_is_a_change_that_the_audit_shows() {
    let world = World::of(BARE);
    let rule = |name: &str| json!({ "name": name, "key": "user", "limits": "9 per hour" });
    for rules in [[rule("one"), rule("two")], [rule("two"), rule("one")]] {
        let put = world.owner("PUT", "rulesets/plans").json(&json!({ "rules": rules })).send();
        assert!([200, 201].contains(&put.status));
    }
    let rows = world.viewer("GET", "audit?what=rulesets/plans").send().expect(200)["items"].clone();
    let names = |side: &Value| {
        side["rules"].as_array().unwrap().iter().map(|rule| rule["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((&rows[0]["action"], rows.as_array().unwrap().len()), (&json!("change"), 2));
    assert_eq!(names(&rows[0]["before"]), ["one", "two"]);
    assert_eq!(names(&rows[0]["after"]), ["two", "one"]);
}

/// Tyk 1455: a key that had not been used was shown without what its policy grants, and 3038: it ended when it was changed.
#[test]
fn a_key_shows_what_it_grants_before_it_is_used_and_ends_when_it_did_after_it_is_rotated() {
    let world = World::of(BARE);
    hold(&world, "10 per hour");
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 5 })).send().expect(201);
    let body = json!({ "name": "Acme", "tier": "gold", "user": "acme", "expires": "2026-01-02T00:00:00Z" });
    let made = world.operator("POST", "keys").json(&body).send().expect(201);
    let path = format!("keys/{}", made["id"].as_str().unwrap());
    let shown = world.viewer("GET", &path).send().expect(200);
    assert_eq!((&shown["tier"], &shown["expires"]), (&json!("gold"), &json!("2026-01-02T00:00:00Z")));
    let rotated = world
        .operator("POST", &format!("{path}/rotate"))
        .json(&json!({ "grace_seconds": 0 }))
        .send()
        .expect(200);
    assert_eq!(rotated["expires"], "2026-01-02T00:00:00Z");
    let limit = || {
        let answer = world.visit("/a").header("X-Api-Key", rotated["key"].as_str().unwrap()).send();
        answer.header("x-ratelimit-limit").map(str::to_owned)
    };
    assert_eq!(limit().as_deref(), Some("50"));
    world.clock.advance(Duration::from_secs(24 * 3_600));
    // The node wakes when the first key ends, by a clock that nobody moves.
    let late = Instant::now() + Duration::from_secs(60);
    while limit().as_deref() == Some("50") {
        assert!(Instant::now() < late, "the key has not ended");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Octopus 7348: the second page of an audit had rows that the filter left out. GrowthBook 3223: without pages it ate all memory.
#[test]
fn each_page_of_the_audit_is_of_what_was_asked_for_and_none_is_endless() {
    let world = World::of(BARE);
    for number in 0..12 {
        for tier in ["gold", "iron"] {
            let body = json!({ "multiplier": number + 1 });
            let put = world.owner("PUT", &format!("tiers/{tier}")).json(&body).send();
            assert!([200, 201].contains(&put.status));
        }
    }
    let (mut rows, mut next) = (0, Some(String::new()));
    while let Some(after) = next {
        let page = world.viewer("GET", &format!("audit?what=tiers/gold&limit=5{after}")).send().expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 5 && items.iter().all(|item| item["what"] == "tiers/gold"), "{page}");
        rows += items.len();
        next = page["next"].as_str().map(|next| format!("&after={next}"));
    }
    assert_eq!(rows, 12);
    assert!((400..500).contains(&world.viewer("GET", "audit?limit=1000000").send().status));
}
