//! Logs: nothing of a token, a key or a cookie is ever in them.

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use serde_json::json;
use timebudget_control::thing::Role;

use crate::world::World;

struct Kept(Mutex<Vec<String>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(format!("{}: {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn no_log_at_any_level_holds_a_secret() {
    log::set_logger(&KEPT).expect("nobody else keeps the log");
    log::set_max_level(LevelFilter::Trace);
    let world = World::new();
    let cookie = world.log_in(Role::Owner);
    world.ask("GET", "session").header("Cookie", &cookie).send().expect(200);
    let wrong = format!("tbm_{}", "w".repeat(43));
    world.ask("GET", "session").token(&wrong).send().problem(401);
    world.ask("POST", "session").json(&json!({ "token": wrong })).send().problem(401);
    let made = world.owner("POST", "keys").json(&json!({ "name": "Acme" })).send().expect(201);
    world.visit("/export").header("X-Api-Key", made["key"].as_str().unwrap()).send();
    let kept = KEPT.0.lock().unwrap();
    assert!(!kept.is_empty(), "something is logged");
    let secrets =
        [world.token(Role::Owner), cookie.split_once('=').unwrap().1, &wrong, made["key"].as_str().unwrap()];
    for line in kept.iter() {
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
    }
}
