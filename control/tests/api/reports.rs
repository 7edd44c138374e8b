//! What people have reported of others' run-time control, tried on ours.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use timebudget_control::Options;
use timebudget_control::thing::Role;

use crate::client::{Answer, Ask};
use crate::postgres::Server;
use crate::world::World;

fn visit_by(world: &World, user: &str) -> Answer {
    world.visit("/export").header("X-Forwarded-User", user).send()
}

/// Status, limit and what is left of it, as a user is told.
fn told(world: &World, user: &str) -> (u16, String, String) {
    let answer = visit_by(world, user);
    let field = |name: &str| answer.header(name).expect("a limit is told").to_owned();
    (answer.status, field("x-ratelimit-limit"), field("x-ratelimit-remaining"))
}

fn override_of(world: &World, user: &str, limits: &str) -> String {
    let body = json!({ "user": user, "limits": limits, "reason": "as reported" });
    let made = world.operator("POST", "overrides").json(&body).send().expect(201);
    format!("overrides/{}", made["id"].as_str().unwrap())
}

fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < late, "in a minute it never came true that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn delete(world: &World, path: &str) {
    world.operator("DELETE", &format!("{path}?reason=over")).send().expect(204);
}

/// Tyk 265: of a quota that went from 5,000,000 to 10, more than 10 were left.
#[test]
fn of_a_quota_that_is_lowered_no_more_is_left_than_it_grants() {
    let world = World::new();
    let large = override_of(&world, "bob", "5000000 per hour");
    assert_eq!(told(&world, "bob"), (200, "5000000".into(), "4999999".into()));
    delete(&world, &large);
    override_of(&world, "bob", "3 per hour");
    assert_eq!(told(&world, "bob"), (200, "3".into(), "1".into()));
}

/// Boulder 8785: who had been granted more was refused still, for having exceeded a limit that it had not.
#[test]
fn who_is_granted_more_is_served_at_once_and_refused_for_what_is_then_its_limit() {
    let world = World::new();
    assert_eq!([(); 3].map(|()| visit_by(&world, "bob").status), [200, 200, 429]);
    override_of(&world, "bob", "3 per hour");
    assert_eq!(told(&world, "bob"), (200, "3".into(), "0".into()));
    let refused = visit_by(&world, "bob");
    assert!(refused.status == 429 && refused.text().contains("3 requests"), "{}", refused.text());
}

/// Kong 6266: whoever was deleted and made anew under the same name had no limit until a restart.
#[test]
fn who_is_deleted_and_made_anew_is_limited_as_before() {
    let world = World::new();
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 5 })).send().expect(201);
    for _ in 0..3 {
        world.operator("PUT", "users/bob").json(&json!({ "tier": "gold" })).send().expect(201);
        assert_eq!(told(&world, "bob").1, "10");
        delete(&world, "users/bob");
        assert_eq!(told(&world, "bob").1, "2");
    }
}

/// Unkey 2246 and 2873: a deleted override stood in the list and in its count, and broke the page that showed it.
#[test]
fn an_override_that_is_deleted_stands_nowhere() {
    let world = World::new();
    let path = override_of(&world, "bob", "9 per hour");
    delete(&world, &path);
    let none = |path: &str, of: &str| assert_eq!(world.viewer("GET", path).send().expect(200)[of], json!([]));
    none("overrides", "items");
    none("overrides?user=bob", "items");
    world.viewer("GET", &path).send().problem(404);
    let bob = world.viewer("GET", "users/bob").send();
    assert!(bob.status == 404 || bob.json()["overrides"] == json!([]), "{}", bob.text());
}

/// Flagsmith 8261, GrowthBook 4421: changes by a token had nobody's name, and whoever was removed lost it in all rows.
#[test]
fn the_audit_names_who_changed_something_by_a_token_also_when_that_is_removed() {
    let world = World::new();
    let ann = json!({ "name": "ann", "role": "operator" });
    let made = world.owner("POST", "members").json(&ann).send().expect(201);
    let body = json!({ "user": "bob", "limits": "9 per hour", "reason": "month end" });
    let by_token = world.ask("POST", "overrides").token(made["token"].as_str().unwrap()).json(&body).send();
    by_token.expect(201);
    world.owner("DELETE", "members/ann").send().expect(204);
    let rows = world.viewer("GET", "audit?actor=ann").send().expect(200)["items"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!((&rows[0]["actor"], &rows[0]["action"]), (&json!("ann"), &json!("create")));
    let exported = world.viewer("GET", "audit").header("Accept", "text/csv").send().text();
    assert!(exported.lines().any(|line| line.contains("ann") && line.contains("overrides/")), "{exported}");
}

/// Tyk 2665: each update of a token gave it its quota anew.
#[test]
fn neither_another_tier_nor_another_key_grants_anything_anew() {
    let world = World::new();
    let tier =
        |multiplier: u32| world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": multiplier })).send();
    tier(5).expect(201);
    let body = json!({ "name": "Acme", "tier": "gold", "user": "acme" });
    let made = world.operator("POST", "keys").json(&body).send().expect(201);
    let left = |key: &Value| {
        let answer = world.visit("/export").header("X-Api-Key", key.as_str().unwrap()).send();
        answer.header("x-ratelimit-remaining").unwrap().to_owned()
    };
    assert_eq!([left(&made["key"]), left(&made["key"])], ["9", "8"]);
    tier(4).expect(200);
    assert_eq!(left(&made["key"]), "5");
    let path = format!("keys/{}/rotate", made["id"].as_str().unwrap());
    let rotated = world.operator("POST", &path).json(&json!({ "grace_seconds": 60 })).send().expect(200);
    assert_eq!([left(&rotated["key"]), left(&made["key"])], ["4", "3"]);
}

/// httpsms 881: a key that had leaked was rotated, and served for two hours more.
#[test]
fn a_key_that_is_rotated_without_grace_is_nobodys_at_once() {
    let world = World::new();
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 5 })).send().expect(201);
    let body = json!({ "name": "Acme", "tier": "gold", "user": "acme" });
    let made = world.operator("POST", "keys").json(&body).send().expect(201);
    let limit = |key: &Value| {
        let answer = world.visit("/export").header("X-Api-Key", key.as_str().unwrap()).send();
        answer.header("x-ratelimit-limit").unwrap().to_owned()
    };
    assert_eq!(limit(&made["key"]), "10");
    let path = format!("keys/{}/rotate", made["id"].as_str().unwrap());
    let rotated = world.operator("POST", &path).json(&json!({ "grace_seconds": 0 })).send().expect(200);
    assert_eq!([limit(&made["key"]), limit(&rotated["key"])], ["2", "10"]);
}

/// Cachet 4620, xorcise 107: two at once, and one was told that the database is locked.
#[test]
fn whoever_writes_at_once_on_two_nodes_of_one_sqlite_is_heard() {
    let (world, other) = World::with_another_node();
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 5 })).send().expect(201);
    let addresses = [world.address, world.serve(&other)];
    let token = world.token(Role::Operator);
    let put = |n: usize| {
        let path = format!("/limits/api/v1/users/user{n}");
        let ask = Ask::new(addresses[n % 2], "PUT", &path).token(token).json(&json!({ "tier": "gold" }));
        ask.send().expect(201)
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || (0..10).for_each(|n| drop(put(thread * 10 + n))));
        }
    });
    // What was written on the other node is heard of within a second.
    eventually("all are listed", || {
        let mut listed = 0;
        let mut next = "users?limit=50".to_owned();
        loop {
            let page = world.viewer("GET", &next).send().expect(200);
            listed += page["items"].as_array().unwrap().len();
            let Some(after) = page["next"].as_str() else { break };
            next = format!("users?limit=50&after={after}");
        }
        listed == 80
    });
}

/// PasarGuard 281, 3x-ui 697: an end was an hour, or hours, off where the database or who wrote it was in another zone.
#[test]
fn an_end_is_the_same_instant_whatever_zone_it_is_written_or_kept_in() {
    let server = Server::start("-c timezone=Asia/Tehran");
    let uri = tokio::runtime::Runtime::new().unwrap().block_on(server.database());
    for world in [World::new(), World::on(Options::new(uri))] {
        let body = json!({
            "user": "bob", "limits": "90 per hour", "until": "2026-01-01T03:41:00+03:30", "reason": "as reported"
        });
        let made = world.operator("POST", "overrides").json(&body).send().expect(201);
        assert_eq!(made["until"], "2026-01-01T00:11:00Z");
        world.clock.advance(Duration::from_millis(59_999));
        assert_eq!(told(&world, "bob").1, "90");
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(told(&world, "bob").1, "2");
    }
}

/// postgrex 637, node-postgres 3003: whoever listened was cut off, listened again, and never heard of what was changed meanwhile.
#[test]
fn a_node_whose_listener_is_cut_off_misses_no_change() {
    let server = Server::start("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let uri = runtime.block_on(server.database());
    let world = World::on(Options::new(&uri));
    let other = world.other_node(&uri);
    let there = world.serve(&other);
    let name = uri.split("localhost/").nth(1).and_then(|rest| rest.split('?').next()).unwrap().to_owned();
    for multiplier in 2..6 {
        runtime.block_on(async {
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen%'";
            sqlx::query(cut).execute(&mut server.connect(&name).await).await.unwrap();
        });
        world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": multiplier })).send();
        world.operator("PUT", "users/bob").json(&json!({ "tier": "gold" })).send();
        eventually("it is heard of", || {
            let ask = Ask::new(there, "GET", "/export").header("X-Forwarded-User", "bob").send();
            ask.header("x-ratelimit-limit") == Some(&(2 * multiplier).to_string())
        });
    }
}
