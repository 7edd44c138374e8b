//! A change is in force for the next request on the same node, and ends on the second.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::World;

impl World {
    /// A visit by a user, as a trusted proxy tells it.
    fn visit_by(&self, user: &str) -> Answer {
        self.visit("/export").header("X-Forwarded-User", user).send()
    }

    /// The limit of whoever sends an API key.
    fn limit_of_key(&self, key: &str) -> String {
        let answer = self.visit("/export").header("X-Api-Key", key).send();
        answer.header("x-ratelimit-limit").expect("there is a limit").to_owned()
    }

    fn limit_of(&self, user: &str) -> String {
        self.visit_by(user).header("x-ratelimit-limit").expect("there is a limit").to_owned()
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    fn put(&self, path: &str, body: &Value) -> Answer {
        self.owner("PUT", path).json(body).send()
    }
}

fn gold(world: &World) {
    world.put("tiers/gold", &json!({ "multiplier": 5 })).expect(201);
}

#[test]
fn a_ruleset_is_in_force_when_the_policy_names_it_and_as_it_is_edited() {
    let world = World::new();
    let rules = |limits: &str| json!({ "rules": [{ "name": "all", "key": "site", "limits": limits }] });
    assert_eq!(world.visit("/").send().header("x-ratelimit-limit"), None);
    world.put("rulesets/plans", &rules("7 per hour")).expect(201);
    assert_eq!(world.visit("/").send().header("x-ratelimit-limit"), None);
    world.put("policy", &json!({ "published": "plans", "unpublished": null })).expect(201);
    let used = world.viewer("GET", "rulesets/plans").send().expect(200)["used_by"].clone();
    assert_eq!(used, json!(["policy published"]));
    assert_eq!(world.visit("/").send().header("x-ratelimit-limit"), Some("7"));
    world.put("rulesets/plans", &rules("8 per hour")).expect(200);
    let answer = world.visit("/").send();
    assert_eq!(
        (answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")),
        (Some("8"), Some("6"))
    );
    assert!(world.owner("DELETE", "rulesets/plans").send().problem(409).contains("policy published"));
    world.put("sites/*/rulesets", &json!({ "published": null, "unpublished": "inherit" })).expect(201);
    assert_eq!(world.visit("/").send().header("x-ratelimit-limit"), None);
}

#[test]
fn what_does_not_fit_the_sites_is_refused_and_changes_nothing() {
    let world = World::new();
    let rules = json!({ "rules": [{ "name": "all", "key": "country", "limits": "7 per hour" }] });
    world.put("rulesets/plans", &rules).expect(201);
    let told = world.put("policy", &json!({ "published": "plans", "unpublished": null })).problem(422);
    assert!(told.contains("country"), "{told}");
    assert_eq!(world.viewer("GET", "policy").send().expect(200)["published"], json!(null));
    let told = world.put("policy", &json!({ "published": "plan", "unpublished": null })).problem(422);
    assert_eq!(told, "published: \"plan\": no such ruleset; did you mean \"plans\"?");
    let told = world.put("groups/vips", &json!({ "tier": "gold" })).problem(422);
    assert!(told.starts_with("tier: "), "{told}");
}

#[test]
fn an_override_counts_for_the_next_request_and_ends_on_the_second() {
    let world = World::new();
    assert_eq!(world.visit_by("bob").status, 200);
    assert_eq!(world.visit_by("bob").status, 200);
    assert_eq!(world.visit_by("bob").status, 429);
    let body = json!({ "user": "bob", "rule": "export", "limits": "90 per hour", "seconds": 60, "reason": "month end" });
    let made = world.operator("POST", "overrides").json(&body).send().expect(201);
    assert_eq!((&made["made_by"], &made["active"]), (&json!("otto"), &json!(true)));
    assert_eq!((world.visit_by("bob").status, world.limit_of("bob")), (200, "90".to_owned()));
    world.advance(59_999);
    assert_eq!(world.visit_by("bob").status, 200);
    world.advance(1);
    assert_eq!(world.visit_by("bob").status, 429);
    let path = format!("overrides/{}", made["id"].as_str().unwrap());
    assert_eq!(world.viewer("GET", &path).send().expect(200)["active"], false);
}

#[test]
fn an_override_that_is_deleted_is_over() {
    let world = World::new();
    let body = json!({ "user": "bob", "limits": "90 per hour", "reason": "month end" });
    let made = world.operator("POST", "overrides").json(&body).send().expect(201);
    assert_eq!(made["until"], "2026-01-01T01:10:00Z", "an hour unless said");
    assert_eq!(world.limit_of("bob"), "90");
    let user = world.viewer("GET", "users/bob").send().expect(200);
    assert_eq!((&user["overrides"][0]["id"], &user["tier"]), (&made["id"], &json!(null)));
    let path = format!("overrides/{}?reason=enough", made["id"].as_str().unwrap());
    assert_eq!(world.operator("DELETE", &path).send().status, 204);
    assert_eq!(world.limit_of("bob"), "2");
    world.operator("DELETE", &path).send().problem(404);
}

#[test]
fn a_users_tier_ends_on_the_second_and_groups_decide_again() {
    let world = World::new();
    gold(&world);
    let body = json!({ "tier": "gold", "until": "2026-01-01T00:11:00Z" });
    world.operator("PUT", "users/bob").json(&body).send().expect(201);
    assert_eq!(world.limit_of("bob"), "10");
    assert_eq!(world.viewer("GET", "users/bob").send().expect(200)["effective_tier"], "gold");
    world.advance(59_999);
    assert_eq!(world.limit_of("bob"), "10");
    world.advance(1);
    assert_eq!(world.limit_of("bob"), "2");
    assert_eq!(world.viewer("GET", "users/bob").send().expect(200)["effective_tier"], json!(null));
    world.put("groups/vips", &json!({ "tier": "gold" })).expect(201);
    let vip =
        world.visit("/export").header("X-Forwarded-User", "bob").header("X-Forwarded-Groups", "vips").send();
    assert_eq!(vip.header("x-ratelimit-limit"), Some("10"));
    assert!(world.owner("DELETE", "tiers/gold").send().problem(409).contains("group vips"));
}

#[test]
fn a_key_is_known_at_once_works_beside_its_successor_for_the_grace_time_and_is_revoked_at_once() {
    let world = World::new();
    gold(&world);
    let body = json!({ "name": "Acme", "tier": "gold", "user": "acme" });
    let made = world.operator("POST", "keys").json(&body).send().expect(201);
    let first = made["key"].as_str().unwrap().to_owned();
    assert_eq!(made["last_four"], first[first.len() - 4..]);
    assert_eq!(world.limit_of_key(&first), "10");

    let path = format!("keys/{}", made["id"].as_str().unwrap());
    let rotate = json!({ "grace_seconds": 60 });
    let rotated = world.operator("POST", &format!("{path}/rotate")).json(&rotate).send().expect(200);
    let second = rotated["key"].as_str().unwrap().to_owned();
    assert_eq!([world.limit_of_key(&first), world.limit_of_key(&second)], ["10", "10"]);
    assert_eq!(world.operator("DELETE", &path).send().status, 204);
    assert_eq!([world.limit_of_key(&first), world.limit_of_key(&second)], ["2", "2"]);
    assert_eq!(world.operator("DELETE", &path).send().status, 204, "once more changes nothing");
    world.operator("POST", &format!("{path}/rotate")).json(&rotate).send().problem(409);

    let shown = world.viewer("GET", &path).send();
    assert!(shown.expect(200)["revoked"].is_string());
    let audit = world.viewer("GET", &format!("audit?what={path}")).send();
    let rows = audit.expect(200);
    let actions: Vec<_> = rows["items"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions, ["revoke", "rotate", "create"]);
    for answer in [shown, audit, world.viewer("GET", "keys").send()] {
        assert!(!answer.text().contains(&first) && !answer.text().contains("sha256:"), "{}", answer.text());
    }
}

#[test]
fn a_member_can_do_what_the_role_says_until_removed() {
    let world = World::new();
    let made =
        world.owner("POST", "members").json(&json!({ "name": "ann", "role": "viewer" })).send().expect(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!(world.ask("GET", "session").token(token).send().expect(200)["member"], "ann");
    let again = world.owner("POST", "members/ann/token").send().expect(200);
    assert_eq!(world.ask("GET", "session").token(token).send().status, 401);
    let token = again["token"].as_str().unwrap();
    assert_eq!(world.ask("GET", "session").token(token).send().status, 200);
    world.owner("POST", "members").json(&json!({ "name": "ann", "role": "viewer" })).send().problem(409);
    assert_eq!(world.owner("DELETE", "members/ann").send().status, 204);
    assert_eq!(world.ask("GET", "session").token(token).send().status, 401);
    assert!(world.owner("DELETE", "members/owner").send().problem(409).contains("last owner"));
    let demoted = world.owner("PUT", "members/owner").json(&json!({ "role": "viewer" })).send();
    assert!(demoted.problem(409).contains("last owner"));
}
