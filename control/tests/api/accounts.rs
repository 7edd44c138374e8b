//! `accounts`: where they stand, grants and resets.

use serde_json::{Value, json};
use timebudget_control::thing::Role;

use crate::client::{Answer, Ask};
use crate::usage::SHOP;
use crate::world::World;

fn work(world: &World, user: &str) -> u16 {
    world.visit("/work/a").header("X-Forwarded-User", user).send().status
}

fn items(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["items"].as_array().unwrap().clone()
}

/// The name of the only site.
fn site(world: &World) -> String {
    items(&world.viewer("GET", "overview").send())[0]["site"].as_str().unwrap().to_owned()
}

#[test]
fn the_largest_spender_comes_first_and_can_be_found_by_its_id() {
    let world = World::of(SHOP);
    assert_eq!([work(&world, "ann"), work(&world, "bob"), work(&world, "bob")], [200; 3]);
    let all = items(&world.viewer("GET", "accounts?rule=each").send());
    assert_eq!(all.iter().map(|account| &account["spent"]).collect::<Vec<_>>(), [4_000_000, 2_000_000]);
    let bob = &all[0];
    assert_eq!(
        (&bob["remaining"], &bob["unit"], &bob["limit"]),
        (&json!(6_000_000), &json!("microseconds"), &json!("10s per hour"))
    );
    assert_eq!(
        (&bob["reset"], &bob["window"]["end"]),
        (&json!("2026-01-01T01:00:00Z"), &json!("2026-01-01T01:00:00Z"))
    );
    let by_name = items(&world.viewer("GET", "accounts?client=bob").send());
    assert_eq!((&by_name[0]["id"], &by_name[0]["client"]), (&bob["id"], &json!("bob")));
    let id = bob["id"].as_str().unwrap();
    assert_eq!(
        items(&world.viewer("GET", &format!("accounts?rule=each&client={id}")).send())[0]["spent"],
        4_000_000
    );
    let page = world.viewer("GET", "accounts?rule=each&limit=1").send().json();
    let next = page["next"].as_str().unwrap();
    let second = items(&world.viewer("GET", &format!("accounts?rule=each&limit=1&after={next}")).send());
    assert_eq!(second, all[1..]);
}

/// A cursor was how many came before: whoever spent meanwhile moved others onto the next page, or off it.
#[test]
fn a_page_goes_on_behind_the_account_where_the_one_before_has_ended() {
    let world = World::of(SHOP);
    for (user, times) in [("ann", 3), ("bob", 2), ("cem", 1)] {
        (0..times).for_each(|_| assert_eq!(work(&world, user), 200));
    }
    let page =
        |after: &str| world.viewer("GET", &format!("accounts?rule=each&limit=1{after}")).send().expect(200);
    let spent = |page: &Value| page["items"][0]["spent"].clone();
    let first = page("");
    assert_eq!(spent(&first), 6_000_000);
    // Cem comes to stand before all others, and Bob would stand where Ann did.
    (0..4).for_each(|_| assert_eq!(work(&world, "cem"), 200));
    let second = page(&format!("&after={}", first["next"].as_str().unwrap()));
    assert_eq!(spent(&second), 4_000_000);
    assert_eq!(second["next"], Value::Null);
}

#[test]
fn a_grant_lets_whoever_was_refused_in_and_stands_in_the_audit() {
    let world = World::of(SHOP);
    (0..5).for_each(|_| assert_eq!(work(&world, "ann"), 200));
    assert_eq!(work(&world, "ann"), 429);
    let grant = json!({"site": site(&world), "rule": "each", "client": "ann", "amount": 2_000_000, "reason": "month end"});
    let granted = world.operator("POST", "accounts/grant").json(&grant).send();
    assert_eq!(granted.status, 200, "{granted:?}");
    let account = &granted.json()["accounts"][0];
    assert_eq!(
        (&account["client"], &account["spent"], &account["remaining"]),
        (&json!("ann"), &json!(8_000_000), &json!(2_000_000))
    );
    assert_eq!([work(&world, "ann"), work(&world, "ann")], [200, 429]);
    let audit =
        actix_web::rt::System::new().block_on(world.control.audit(Default::default(), 1, None)).unwrap();
    let row = &audit.entries[0];
    assert_eq!(
        (row.actor.as_str(), row.action.as_str(), row.reason.as_deref()),
        ("otto", "grant", Some("month end"))
    );
    assert!(row.what.ends_with("/each/ann"), "{}", row.what);
    assert!(row.after.as_ref().unwrap().text().contains("2000000"));
}

#[test]
fn a_grant_that_is_asked_for_again_under_its_key_is_made_once() {
    let world = World::of(SHOP);
    work(&world, "ann");
    let grant = |amount: u64| json!({"site": site(&world), "rule": "each", "client": "ann", "amount": amount, "reason": "r"});
    let ask = |amount| {
        world.operator("POST", "accounts/grant").header("Idempotency-Key", "k1").json(&grant(amount)).send()
    };
    for _ in 0..3 {
        let answer = ask(500_000);
        assert_eq!((answer.status, &answer.json()["accounts"][0]["spent"]), (200, &json!(1_500_000)));
    }
    assert_eq!(ask(600_000).status, 422);
    let granted = |audit: &Value| {
        audit["items"].as_array().unwrap().iter().filter(|row| row["action"] == "grant").count()
    };
    assert_eq!(granted(&world.viewer("GET", "audit").send().expect(200)), 1);
}

/// It was remembered by the node alone: another node, or the same one after a restart, granted again.
#[test]
fn a_grant_is_made_once_on_whichever_node_it_is_asked_for() {
    let (world, other) = World::of_with_another_node(SHOP);
    work(&world, "ann");
    let grant =
        json!({"site": site(&world), "rule": "each", "client": "ann", "amount": 500_000, "reason": "r"});
    let elsewhere = world.serve(&other);
    for address in [world.address, elsewhere, world.address] {
        let ask = Ask::new(address, "POST", "/limits/api/v1/accounts/grant");
        let ask = ask.token(world.token(Role::Operator)).header("Idempotency-Key", "k1").json(&grant);
        assert_eq!(ask.send().expect(200)["accounts"][0]["spent"], 1_500_000);
    }
    let mut reset = grant.clone();
    reset.as_object_mut().unwrap().remove("amount");
    let reset = |address, key| {
        let ask =
            Ask::new(address, "POST", "/limits/api/v1/accounts/reset").token(world.token(Role::Operator));
        ask.header("Idempotency-Key", key).json(&reset).send()
    };
    assert!(reset(elsewhere, "k1").problem(422).contains("used with another body"), "it was for a grant");
    assert_eq!(reset(elsewhere, "k2").expect(200)["accounts"][0]["spent"], 0);
    work(&world, "ann");
    let again = reset(world.address, "k2").expect(200);
    assert_eq!(again["accounts"][0]["spent"], 2_000_000, "what was spent since is not forgotten");
}

/// A header may be a credential, and stood in the audit for good.
#[test]
fn the_audit_has_the_id_of_who_is_known_by_a_header_and_not_the_header() {
    let site_of = |key: &str| {
        let export = r#""rate_limit_rules": [{ "name": "export", "key": KEY, "limits": "2 per hour" }]"#;
        let exempt = r#""rate_limit_exempt": { "path": { "prefix": "/limits" } }, "rate_limit_api_keys":
            { "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b": { "name": "Acme" } }"#;
        format!("{{ {exempt}, {} }}", export.replace("KEY", key))
    };
    for (key, client, is_told) in [
        (r#""header:X-Api-Key""#, "sk_live_s3cret", false),
        (r#""api_key""#, "tbk_s3cret", false),
        (r#""user""#, "ann", true),
        (r#""ip""#, "192.0.2.7", true),
    ] {
        let world = World::of(&site_of(key));
        let asked =
            json!({ "site": "*", "rule": "export", "client": client, "amount": 3, "reason": "month end" });
        let granted = world.operator("POST", "accounts/grant").json(&asked).send().expect(200);
        let id = granted["accounts"][0]["id"].as_str().unwrap();
        world
            .operator("POST", "accounts/reset")
            .json(&json!({
                "site": "*", "rule": "export", "client": client, "reason": "a mistake of ours"
            }))
            .send()
            .expect(200);
        let rows = world.owner("GET", "audit?what=accounts").send().expect(200);
        assert_eq!(rows.to_string().contains(client), is_told, "{rows}");
        let whose = if is_told { client } else { id };
        for row in &items(&world.owner("GET", "audit?what=accounts").send())[..2] {
            assert_eq!(row["what"], format!("accounts/*/export/{whose}"));
        }
    }
}

/// A client that went away between the row of the audit and the grant left the one without the other, and whoever asked again
/// under the key was told for a day that it is not known.
#[test]
fn a_grant_that_stands_in_the_audit_is_made_though_its_client_goes_away() {
    const ASKED: u64 = 40;
    let world = World::of(SHOP);
    work(&world, "ann");
    let grant = json!({"site": site(&world), "rule": "each", "client": "ann", "amount": 1, "reason": "r"});
    let ask = |number| {
        let ask =
            world.operator("POST", "accounts/grant").header("Idempotency-Key", &format!("key {number}"));
        ask.json(&grant)
    };
    for number in 0..ASKED {
        ask(number).send_and_reset(std::time::Duration::from_micros(number * 500));
    }
    for number in 0..ASKED {
        // It may go on yet.
        let is_made = (0..600).any(|_| {
            let status = ask(number).send().status;
            if status == 409 {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            status == 200
        });
        assert!(is_made, "key {number}");
    }
    let account = items(&world.viewer("GET", "accounts?rule=each&client=ann").send()).remove(0);
    assert_eq!(account["spent"], 2_000_000 - ASKED);
    let rows = items(&world.owner("GET", "audit?what=accounts&limit=500").send());
    assert_eq!(rows.len() as u64, ASKED);
}

#[test]
fn a_reset_begins_anew_by_name_by_id_and_for_all() {
    let world = World::of(SHOP);
    (0..5).for_each(|_| assert_eq!(work(&world, "ann"), 200));
    let site = site(&world);
    let id = items(&world.viewer("GET", "accounts?client=ann").send())[0]["id"].clone();
    let by_id = json!({"site": site, "rule": "each", "id": id, "reason": "a mistake of ours"});
    let answer = world.operator("POST", "accounts/reset").json(&by_id).send();
    assert_eq!((answer.status, &answer.json()["accounts"][0]["spent"]), (200, &json!(0)), "{answer:?}");
    assert_eq!(work(&world, "ann"), 200);
    let of_all = json!({"site": site, "rule": "all", "reason": "a mistake of ours"});
    let answer = world.operator("POST", "accounts/reset").json(&of_all).send();
    assert_eq!(
        (&answer.json()["accounts"][0]["spent"], &answer.json()["accounts"][0]["client"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn what_cannot_be_granted_is_said_and_nothing_is_written_down() {
    let world = World::of(SHOP);
    let site = site(&world);
    let status = |route: &str, body: Value| world.operator("POST", route).json(&body).send().status;
    let each = |rest: Value| {
        let mut body = json!({"site": site, "rule": "each", "client": "ann", "amount": 1, "reason": "r"});
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    assert_eq!(status("accounts/grant", each(json!({"rule": "nowhere"}))), 404);
    for wrong in [
        json!({"unit": "requests"}),
        json!({"unit": "days"}),
        json!({"amount": 0}),
        json!({"amount": -5}),
        json!({"amount": 1.5}),
        json!({"reason": "  "}),
        json!({"client": null}),
        json!({"id": "xyz"}),
        json!({"id": "0".repeat(32)}),
        json!({"clint": "ann"}),
    ] {
        assert_eq!(status("accounts/grant", each(wrong.clone())), 422, "{wrong}");
    }
    assert_eq!(status("accounts/reset", json!({"site": site, "rule": "each", "client": "ann"})), 422);
    let grant = world.viewer("POST", "accounts/grant").json(&each(json!({}))).send();
    assert_eq!(grant.status, 403);
    let audit =
        actix_web::rt::System::new().block_on(world.control.audit(Default::default(), 50, None)).unwrap();
    assert!(audit.entries.iter().all(|row| row.action == "create"), "{:?}", audit.entries);
}

#[test]
fn a_users_page_says_where_the_user_stands_by_the_limits_that_hold_for_the_user() {
    let world = World::of(SHOP);
    let standing = |user: &str| {
        let told = world.viewer("GET", &format!("users/{user}")).send().expect(200);
        let of = |account: &Value| {
            let number = |name: &str| account[name].as_u64().unwrap();
            (account["rule"].as_str().unwrap().to_owned(), number("spent"), number("remaining"))
        };
        told["standing"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(standing("ann"), [("each".to_owned(), 0, 10_000_000)]);
    (0..2).for_each(|_| assert_eq!(work(&world, "ann"), 200));
    // Bob has spent of what all share, too, which is nobody's own.
    assert_eq!(work(&world, "bob"), 200);
    assert_eq!(standing("ann"), [("each".to_owned(), 4_000_000, 6_000_000)]);
    world.operator("PUT", "users/ann").json(&json!({"tier": "gold"})).send().expect(201);
    assert_eq!(standing("ann"), [("each".to_owned(), 4_000_000, 16_000_000)]);
    let id = "0".repeat(32);
    assert_eq!(standing(&id), [("each".to_owned(), 0, 10_000_000)], "a user may be called like that");
}
