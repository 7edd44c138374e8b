//! What a client meets that is not served.

use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::web::{self, Data};
use timebudget::{Engine, TimeBudget};

use crate::harness::{Broken, Event, Gate, Listening, SECOND, World, secs, serve, site, slow};

fn start(budget: TimeBudget, gate: &Gate) -> Listening {
    let gate = gate.clone();
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .route("/slow", web::to(slow))
            .default_service(web::to(async || "hello"))
    })
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

#[actix_web::test]
async fn a_refusal_says_when_to_come_back_and_is_not_to_be_stored() {
    let world = World::new();
    let mut client = start(world.budget("1us per hour"), &Gate::new()).connect().await;
    let served = client.get("/").await;
    assert_eq!((served.field("retry-after"), served.field("cache-control")), (None, None));
    world.advance(Duration::from_millis(1_500));
    let refused = client.get("/").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.standing(), (1, 0, 3_599, None));
    assert_eq!(refused.number("retry-after"), 3_599);
    assert_eq!(refused.field("cache-control"), Some("no-store"));
}

#[actix_web::test]
async fn who_waits_as_long_as_told_is_let_in() {
    let world = World::new();
    let mut client = start(world.budget("1us per hour"), &Gate::new()).connect().await;
    world.advance(Duration::from_micros(1_234_567_890));
    client.get("/").await;
    for _ in 0..3 {
        let refused = client.get("/").await;
        assert_eq!(refused.status, 429);
        let wait = refused.number("retry-after");
        world.advance(secs(wait - 1));
        assert_eq!(client.get("/").await.status, 429, "a second too early");
        world.advance(secs(1));
        assert_eq!(client.get("/").await.status, 200);
    }
}

#[actix_web::test]
async fn a_refused_request_costs_nothing() {
    let mut world = World::new();
    let mut client = start(world.budget("1s per hour; 1 per hour"), &Gate::new()).connect().await;
    client.get("/").await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.status, 429);
    }
    let spent: Vec<_> = world.accounts().iter().map(|account| account.spent).collect();
    assert_eq!(spent, [1, 1]);
    assert_eq!((world.count(Event::Refused), world.account().admitted), (10, 0));
}

#[actix_web::test]
async fn an_exactly_spent_budget_refuses() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(world.budget("3s per hour"), &gate).connect().await;
    client.send(SLOW).await;
    gate.arrivals(1).await;
    world.advance(secs(3));
    gate.open(1);
    assert_eq!(client.answer().await.standing(), (3 * SECOND, 0, 3_597, Some(3 * SECOND)));
    assert_eq!(client.get("/").await.status, 429);
}

#[actix_web::test]
async fn a_quota_of_0_refuses_always() {
    for rates in ["0s per hour", "0 per hour"] {
        let mut client = start(World::new().budget(rates), &Gate::new()).connect().await;
        assert_eq!(client.get("/").await.status, 429, "{rates}");
    }
}

#[actix_web::test]
async fn a_refusal_by_the_hold_alone_hints_when_there_will_be_room() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(world.budget("100s per hour"), &gate);
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    // A request of 40 s has been seen.
    one.send(SLOW).await;
    gate.arrivals(1).await;
    world.advance(secs(40));
    gate.open(1);
    one.answer().await;
    // Another begins. After 12 s it has spent them, and holds 40 s and as much as it has run: 40 + 12 + 52 > 100.
    one.send(SLOW).await;
    gate.arrivals(1).await;
    world.advance(secs(12));
    let refused = other.get("/slow").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.standing(), (100 * SECOND, 0, 3_548, None));
    assert_eq!(refused.number("retry-after"), 40, "what such a request is expected to take");
    assert!(refused.body.contains("held for running requests"), "{}", refused.body);
    gate.open(1);
    one.answer().await;
    assert_eq!(other.get("/").await.status, 200, "there is room again, in the same window");
}

#[actix_web::test]
async fn a_refusal_by_a_cap_says_so() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(world.budget("1 concurrent"), &gate);
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    one.send(SLOW).await;
    gate.arrivals(1).await;
    let refused = other.get("/").await;
    assert_eq!((refused.status, refused.number("retry-after")), (429, 1));
    assert!(refused.body.contains("No more than 1 request may run at once."), "{}", refused.body);
    gate.open(1);
    one.answer().await;
    assert_eq!(other.get("/").await.status, 200);
}

#[actix_web::test]
async fn of_several_refusals_the_latest_reset_counts() {
    let world = World::new();
    let mut client = start(world.budget("1 per minute; 1 per hour; 1 per day"), &Gate::new()).connect().await;
    client.get("/").await;
    let refused = client.get("/").await;
    assert_eq!((refused.number("retry-after"), refused.number("x-ratelimit-reset")), (7_200, 7_200));
}

#[actix_web::test]
async fn a_client_never_sees_why_the_store_failed() {
    let engine = Engine::new(Broken::default(), Arc::clone(&World::new().clock()));
    let budget = TimeBudget::of_site(site("test", r#"{"rate_limit": "600s per hour"}"#), engine);
    let mut client = start(budget, &Gate::new()).connect().await;
    for accept in ["", "Accept: text/html\r\n", "Accept: application/json\r\n"] {
        let answer = client.get_with("/", accept).await;
        assert_eq!((answer.status, answer.field("cache-control")), (503, Some("no-store")));
        assert_eq!(answer.number("retry-after"), 1);
        let told = format!("{answer:?}").to_lowercase();
        for secret in ["6379", "10.1.2.3", "admin", "store failed", "fault", "redis"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
}
