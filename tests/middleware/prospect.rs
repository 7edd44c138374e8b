//! The page that tells clients where they stand.

use std::sync::{Arc, Mutex};

use actix_web::{App, web};
use serde_json::{Value, json};
use timebudget::{Event, KeyDigest, Observe, Site, TimeBudget, UnixMicros};

use crate::harness::{Client, Listening, World, secs, serve};

const PAGE: &str = "/.well-known/rate-limits";

fn start(world: &World, budget: TimeBudget) -> Listening {
    let clock = world.clock();
    serve(move || {
        let clock = Arc::clone(&clock);
        let work = move || {
            clock.advance(secs(2));
            std::future::ready("hello")
        };
        App::new().wrap(budget.clone()).default_service(web::to(work))
    })
}

async fn told(client: &mut Client, fields: &str) -> Value {
    let answer = client.get_with(PAGE, fields).await;
    assert_eq!((answer.status, answer.field("cache-control")), (200, Some("no-store")), "{answer:?}");
    assert_eq!(answer.field("x-ratelimit-remaining"), None);
    serde_json::from_str(&answer.body).unwrap()
}

const SITE: &str = r#"{
    "rate_limit": "600s per hour",
    "rate_limit_api_keys": {
        "sha256:5d139f5bf4d48b5d26803c1963cb1b11f9310226c4f4e390f2e171b6ee6f2558": {"name": "Bare", "tier": "gold"}},
    "rate_limit_tiers": {"gold": {"multiplier": 2}},
    "rate_limit_rules": [
        {"name": "key", "key": "api_key", "missing": "skip", "limits": "5 per day"},
        {"name": "export", "when": {"path": "/export"}, "key": "ip", "limits": "1 per hour"},
        {"name": "route", "key": ["ip", "route"], "limits": "9 per hour"},
        {"name": "trial", "key": "ip", "limits": "1 per year", "shadow": true}
    ]}"#;

#[actix_web::test]
async fn a_client_is_told_where_it_stands_and_pays_nothing_for_it() {
    let world = World::new();
    let server = start(&world, world.budget_of(SITE).tell_at(PAGE));
    let mut client = server.connect().await;
    assert_eq!(client.get("/export").await.status, 200);
    assert_eq!(client.get("/export").await.status, 429);
    let site = json!({"rule": "site", "limit": "600s per hour", "unit": "microseconds", "quota": 600_000_000,
                      "remaining": 598_000_000, "reset": 3_598});
    let export = json!({"rule": "export", "limit": "1 per hour", "unit": "requests", "quota": 1, "remaining": 0,
                        "reset": 3_598});
    for _ in 0..20 {
        assert_eq!(told(&mut client, "").await["limits"], json!([export, site]));
    }
}

#[actix_web::test]
async fn whoever_has_a_key_is_told_of_its_own_account_and_quota() {
    let world = World::new();
    let server = start(&world, world.budget_of(SITE).tell_at(PAGE));
    let mut client = server.connect().await;
    let key = "X-Api-Key: secret-bare\r\n";
    assert_eq!(client.get_with("/", key).await.status, 200);
    let own = &told(&mut client, key).await["limits"][0];
    assert_eq!((&own["rule"], &own["quota"], &own["remaining"]), (&json!("key"), &json!(10), &json!(9)));
    assert_eq!(told(&mut client, "").await["limits"][0]["rule"], "export");
}

#[actix_web::test]
async fn a_client_whose_budget_is_spent_is_told_so_and_no_request_of_another_method_is_free() {
    let world = World::new();
    let server = start(&world, world.budget("2s per hour").tell_at(PAGE));
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(told(&mut client, "").await["limits"][0]["remaining"], 0);
    let post = format!("POST {PAGE} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.ask(&post).await.status, 429);
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observe for Told {
    fn settled(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("settled for {}", event.site().name));
    }

    fn key_used(&self, site: &Site, key: &KeyDigest, at: UnixMicros) {
        let is_own = *key == KeyDigest::from_key("secret-bare");
        self.0.lock().unwrap().push(format!("key of {} used: {is_own} at {}", site.name, at.0));
    }
}

#[actix_web::test]
async fn an_observer_is_told_which_key_a_request_has_used_and_nothing_of_the_page() {
    let world = World::new();
    let seen = Arc::new(Told::default());
    let options = timebudget::config::Options::default();
    let (site, _) = options.parse_site("shop", SITE).unwrap();
    let engine = world.engine().observe(Arc::clone(&seen));
    let server = start(&world, TimeBudget::of_site(site, engine).tell_at(PAGE));
    let mut client = server.connect().await;
    told(&mut client, "X-Api-Key: secret-bare\r\n").await;
    let at = timebudget::Clock::now(&*world.clock()).wall().0;
    for key in ["secret-bare", "unknown"] {
        assert_eq!(client.get_with("/", &format!("X-Api-Key: {key}\r\n")).await.status, 200);
    }
    let mut seen = std::mem::take(&mut *seen.0.lock().unwrap());
    // What is settled of a request may be told in parts.
    seen.dedup();
    assert_eq!(seen, [format!("key of shop used: true at {at}"), "settled for shop".into()]);
}

/// It was asked about twice, and each time that was told.
#[actix_web::test]
async fn of_a_request_that_is_served_another_page_the_key_is_told_once() {
    let world = World::new();
    let seen = Arc::new(Told::default());
    let file = SITE
        .replace(r#""limits": "1 per hour"}"#, r#""limits": "0 per hour", "action": {"rewrite": "/other"}}"#);
    let (site, _) = timebudget::config::Options::default().parse_site("shop", &file).unwrap();
    let engine = world.engine().observe(Arc::clone(&seen));
    let server = start(&world, TimeBudget::of_site(site, engine));
    let answer = server.connect().await.get_with("/export", "X-Api-Key: secret-bare\r\n").await;
    assert_eq!((answer.status, answer.remaining()), (200, 0));
    let seen = std::mem::take(&mut *seen.0.lock().unwrap());
    let keys = seen.iter().filter(|line| line.starts_with("key of shop used: true")).count();
    assert_eq!(keys, 1, "{seen:?}");
}
