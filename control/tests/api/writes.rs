//! What all writes have in common: revisions, conditions, idempotency keys, reasons.

use std::time::Duration;

use serde_json::json;
use timebudget_control::thing::Role;

use crate::client::Ask;
use crate::world::World;

fn tier(world: &World, multiplier: u32) -> Ask {
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": multiplier }))
}

#[test]
fn a_write_upon_an_old_revision_is_refused_with_the_one_there_is() {
    let world = World::new();
    let first = tier(&world, 2).send().expect(201)["revision"].as_u64().unwrap();
    let tag = |revision: u64| format!("\"{revision}\"");
    let second =
        tier(&world, 3).header("If-Match", &tag(first)).send().expect(200)["revision"].as_u64().unwrap();
    let stale = tier(&world, 4).header("If-Match", &tag(first)).send();
    assert_eq!(stale.expect(412)["revision"], second);
    let stale = world.owner("DELETE", "tiers/gold").header("If-Match", &tag(first)).send();
    assert_eq!(stale.expect(412)["revision"], second);
    assert_eq!(world.viewer("GET", "tiers/gold").send().expect(200)["multiplier"], 3.0);
}

#[test]
fn conditions_on_what_is_there_and_what_is_not() {
    let world = World::new();
    assert_eq!(tier(&world, 2).header("If-Match", "*").send().expect(412)["revision"], 0);
    assert_eq!(tier(&world, 2).header("If-Match", "\"7\"").send().expect(412)["revision"], 0);
    let made = tier(&world, 2).header("If-None-Match", "*").send().expect(201);
    assert_eq!(tier(&world, 3).header("If-None-Match", "*").send().expect(412)["revision"], made["revision"]);
    assert_eq!(tier(&world, 3).header("If-Match", "\"0\"").send().expect(412)["revision"], made["revision"]);
    tier(&world, 3).header("If-Match", "*").send().expect(200);
    for (header, value) in
        [("If-Match", "7"), ("If-Match", "\"x\""), ("If-Match", "W/\"7\""), ("If-None-Match", "\"7\"")]
    {
        tier(&world, 4).header(header, value).send().problem(400);
    }
}

#[test]
fn what_somebody_has_already_is_not_sent_again() {
    let world = World::new();
    let tag = tier(&world, 2).send().header("etag").unwrap().to_owned();
    let ask = |tags: &str| world.viewer("GET", "tiers/gold").header("If-None-Match", tags).send();
    for tags in [tag.as_str(), &format!("W/{tag}"), &format!("\"1\", {tag}"), "*"] {
        let answer = ask(tags);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{tags}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    ask("\"1\"").expect(200);
}

#[test]
fn a_creation_that_is_sent_again_is_made_once() {
    let world = World::new();
    let body = json!({ "user": "bob", "limits": "9 per hour", "reason": "month end" });
    let ask = |key: &str| world.operator("POST", "overrides").header("Idempotency-Key", key);
    let first = ask("a").json(&body).send().expect(201);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(ask("a").json(&body).send().expect(201), first);
    assert_eq!(world.viewer("GET", "overrides").send().expect(200)["items"].as_array().unwrap().len(), 1);
    let other = json!({ "user": "ann", "limits": "9 per hour", "reason": "month end" });
    ask("a").json(&other).send().problem(422);
    ask("b").json(&other).send().expect(201);
    ask("").json(&other).send().problem(400);
    let others = world.owner("POST", "overrides").header("Idempotency-Key", "a").json(&other).send();
    assert!(others.problem(409).contains("holds for this user"), "a key is its member's");
}

/// Whoever had lost the first answer had a key that nobody knew.
#[test]
fn a_secret_is_shown_again_under_its_idempotency_key_for_ten_minutes_while_it_is_one() {
    let world = World::new();
    let ask = |key: &str, path: &str, body: serde_json::Value| {
        world.owner("POST", path).header("Idempotency-Key", key).json(&body).send()
    };
    let make = |key: &str| ask(key, "keys", json!({ "name": "Acme" })).expect(201);
    let first = make("k");
    let id = first["id"].as_str().unwrap().to_owned();
    assert!(first["key"].as_str().unwrap().starts_with("tbk_"));
    world.clock.advance(Duration::from_secs(599));
    assert_eq!(make("k")["key"], first["key"]);
    assert_eq!(make("other")["id"].as_str(), make("other")["id"].as_str());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!((&make("k")["key"], &make("k")["id"]), (&json!(null), &first["id"]));

    let rotate =
        |key: &str| ask(key, &format!("keys/{id}/rotate"), json!({ "grace_seconds": 0 })).expect(200);
    let (one, again) = (rotate("r1"), rotate("r1"));
    assert!(one["key"] != first["key"] && one["key"] == again["key"]);
    // What was rotated meanwhile is no secret of it any more, and a revoked key has none.
    let two = rotate("r2");
    assert_eq!((&rotate("r1")["key"], &rotate("r2")["key"]), (&json!(null), &two["key"]));
    world.owner("DELETE", &format!("keys/{id}")).send().expect(204);
    ask("r2", &format!("keys/{id}/rotate"), json!({ "grace_seconds": 0 })).problem(409);

    let add = || ask("m", "members", json!({ "name": "ann", "role": "viewer" })).expect(201);
    let (member, again) = (add(), add());
    assert!(member["token"].as_str().unwrap().starts_with("tbm_"));
    assert_eq!(member, again);
    world.owner("POST", "members/ann/token").json(&json!({})).send().expect(200);
    assert_eq!(add()["token"], json!(null));
}

/// Another node has not made the secret, and does not know it.
#[test]
fn another_node_says_that_a_secret_cannot_be_shown_again() {
    let (world, other) = World::with_another_node();
    let ask = |address| {
        let ask = Ask::new(address, "POST", "/limits/api/v1/keys");
        ask.token(world.token(Role::Owner))
            .header("Idempotency-Key", "k")
            .json(&json!({ "name": "Acme" }))
            .send()
    };
    let first = ask(world.address).expect(201);
    let second = ask(world.serve(&other)).expect(201);
    assert_eq!((&second["key"], &second["id"]), (&json!(null), &first["id"]));
}

#[test]
fn the_audit_tells_who_did_what_from_where_and_why() {
    let world = World::new();
    world
        .owner("PUT", "tiers/gold?reason=the+new+plan%21")
        .json(&json!({ "multiplier": 2 }))
        .send()
        .expect(201);
    let rows = world.viewer("GET", "audit?what=tiers/gold").send().expect(200);
    let row = &rows["items"][0];
    for (field, value) in [
        ("actor", json!("owner")),
        ("address", json!("127.0.0.1")),
        ("action", json!("create")),
        ("reason", json!("the new plan!")),
        ("before", json!(null)),
        ("after", json!({ "name": "gold", "multiplier": 2.0, "priority": 0, "limits": {} })),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    assert_eq!(world.viewer("GET", "audit/verify").send().expect(200)["whole"], true);
}
