//! What nodes write down together: usage, and when API keys were used last.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use timebudget_control::{Control, Options};

use crate::client::Ask;
use crate::postgres::Server;
use crate::usage::SHOP;
use crate::world::World;

fn postgres(server: &Server) -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(server.database())
}

fn save(node: &Control) {
    actix_web::rt::System::new().block_on(node.save_usage()).expect("the database takes it");
}

fn work(at: SocketAddr, user: &str) -> u16 {
    Ask::new(at, "GET", "/work/a").header("X-Forwarded-User", user).send().status
}

/// What usage tells by routes and by clients: requests, microseconds and refusals.
fn told(world: &World) -> Vec<(String, u64, u64, u64)> {
    let mut rows = Vec::new();
    for query in ["by=route", "by=time", "by=rule", "rule=each&by=client"] {
        let items = world.viewer("GET", &format!("usage?{query}")).send().expect(200)["items"].clone();
        for item in items.as_array().unwrap() {
            let number = |name: &str| item[name].as_u64().unwrap();
            let key = item["key"].as_str().or(item["at"].as_str()).unwrap();
            // Ids differ between engines.
            let key = if key.len() == 32 { "a client" } else { key };
            rows.push((format!("{query} {key}"), number("requests"), number("micros"), number("refused")));
        }
    }
    rows
}

#[test]
fn both_databases_add_up_the_usage_of_two_nodes_alike() {
    let (sqlite, second) = World::of_with_another_node(SHOP);
    let uri = postgres(Server::shared());
    let postgres = World::of_on(SHOP, Options::new(&uri));
    let third = postgres.other_node(&uri);
    let mut all = Vec::new();
    for (world, other) in [(sqlite, second), (postgres, third)] {
        let elsewhere = world.serve_apart(&other);
        let served: Vec<_> =
            (0..6).map(|_| work(world.address, "ann")).chain([work(elsewhere, "bob")]).collect();
        assert_eq!(served, [200, 200, 200, 200, 200, 429, 200]);
        // One row of each minute, which both nodes add to, in turns and twice.
        for _ in 0..2 {
            [&world.control, &other].into_iter().for_each(save);
        }
        let rows = told(&world);
        assert_eq!(rows[0], ("by=route GET /work/{task}".to_owned(), 7, 12_000_000, 1), "{rows:?}");
        assert_eq!(work(elsewhere, "bob"), 200);
        [&other, &world.control].into_iter().for_each(save);
        let rows = told(&world);
        assert_eq!(rows[0], ("by=route GET /work/{task}".to_owned(), 8, 14_000_000, 1), "{rows:?}");
        all.push(rows);
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn what_is_used_while_the_database_is_gone_is_told_when_it_is_back() {
    let server = Server::start("");
    let options = Options::new(postgres(&server)).with_patience(Duration::from_millis(500));
    let world = World::of_on(SHOP, options);
    assert_eq!(work(world.address, "ann"), 200);
    world.save_usage();
    server.signal("STOP");
    assert_eq!([work(world.address, "ann"), work(world.address, "bob")], [200, 200]);
    world.viewer("GET", "usage?by=route").send().problem(503);
    let saved = actix_web::rt::System::new().block_on(world.control.save_usage());
    assert!(saved.is_err(), "the database is frozen");
    // Some minutes of it, each a row.
    world.clock.advance(Duration::from_secs(180));
    assert_eq!(work(world.address, "bob"), 200);
    server.signal("CONT");
    let saved = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        actix_web::rt::System::new().block_on(world.control.save_usage()).is_ok()
    });
    assert!(saved, "it heals by itself");
    let rows = told(&world);
    assert_eq!(rows[0], ("by=route GET /work/{task}".to_owned(), 4, 8_000_000, 0), "{rows:?}");
    let minutes: Vec<_> =
        rows.iter().filter(|(key, ..)| key.starts_with("by=time")).map(|row| row.1).collect();
    assert_eq!(minutes, [3, 1]);
}

#[test]
fn when_a_key_was_used_last_is_written_down_at_most_once_a_minute() {
    let (world, other) = World::with_another_node();
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 2 })).send().expect(201);
    let made =
        world.operator("POST", "keys").json(&json!({ "name": "Acme", "tier": "gold" })).send().expect(201);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(made["last_used"], Value::Null);
    let visit = || {
        assert_eq!(
            world.visit("/export").header("X-Api-Key", key).send().header("x-ratelimit-limit"),
            Some("4")
        );
        world.control.now()
    };
    let mut seen = Vec::new();
    let mut wait_for = |at| {
        let is_known = (0..600).any(|_| {
            let uses = actix_web::rt::System::new().block_on(other.uses_of_keys()).unwrap();
            seen.extend(uses.get(id).copied());
            uses.get(id) == Some(&at) || {
                std::thread::sleep(Duration::from_millis(50));
                false
            }
        });
        assert!(is_known, "{at} is never known on another node; {seen:?} were");
    };
    let first = visit();
    wait_for(first);
    world.clock.advance(Duration::from_secs(59));
    visit();
    world.control.now();
    // That was taken and left out before the next is looked for: two rounds of what writes it down.
    std::thread::sleep(Duration::from_millis(2_500));
    world.clock.advance(Duration::from_secs(1));
    let second = visit();
    wait_for(second);
    seen.dedup();
    assert_eq!(seen, [first, second]);
    let told = world.viewer("GET", &format!("keys/{id}")).send().expect(200);
    assert_eq!(told["last_used"], json!("2026-01-01T00:11:00Z"));
}

#[test]
fn only_its_owner_can_read_a_database_in_a_file() {
    let (world, _) = World::with_another_node();
    world.owner("PUT", "tiers/gold").json(&json!({ "multiplier": 2 })).send().expect(201);
    let files = std::fs::read_dir(world.directory()).unwrap().map(Result::unwrap);
    let modes = files.map(|file| {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        (file.file_name().into_string().unwrap(), format!("{mode:o}"))
    });
    let mut modes: Vec<_> = modes.collect();
    modes.sort();
    let private = ["timebudget.db", "timebudget.db-shm", "timebudget.db-wal"];
    assert_eq!(modes, private.map(|name| (name.to_owned(), "600".to_owned())));
}

#[test]
fn a_name_that_no_path_can_carry_is_refused() {
    let world = World::new();
    let rules = json!({ "name": "..", "rules": [{ "name": "a", "limits": "1 per hour" }] });
    assert!(world.owner("POST", "rulesets").json(&rules).send().problem(422).starts_with("name: \"..\""));
    let member = json!({ "name": ".", "role": "viewer" });
    assert!(world.owner("POST", "members").json(&member).send().problem(422).starts_with("name: "));
    let of = json!({ "user": "..", "limits": "1 per hour", "reason": "r" });
    assert!(world.owner("POST", "overrides").json(&of).send().problem(422).starts_with("user: "));
    for path in ["users/%2E%2E", "tiers/%2e"] {
        let put = world.owner("PUT", path).json(&json!({ "tier": "gold", "multiplier": 1 })).send();
        assert!(matches!(put.status, 404 | 405 | 422), "{path}: {put:?}");
    }
}
