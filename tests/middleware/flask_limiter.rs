//! What applications under Flask-Limiter rely on, said in Rust.

use actix_web::App;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use timebudget::{Component, Counts, RuleBuilder, TimeBudget};

use crate::harness::{Client, Gate, Listening, SECOND, World, secs, serve, slow};

fn start(world: &World, rules: impl IntoIterator<Item = RuleBuilder>) -> Listening {
    let budget = TimeBudget::rules(rules).engine(&world.engine()).build().expect("rules");
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/fail", web::to(async || ("no", StatusCode::BAD_REQUEST)))
            .default_service(web::to(async || "hello"))
    })
}

async fn ask(client: &mut Client, method: &str, path: &str) -> u16 {
    client.ask(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).await.status
}

#[actix_web::test]
async fn of_two_wraps_with_different_keys_the_shared_one_refuses_a_third_client_at_once() {
    let world = World::new();
    let each = world.build(TimeBudget::rule("each", "5 per hour").key(Component::Header("x-key".to_owned())));
    let shared = world.build(TimeBudget::rule("shared", "4 per hour").key(Component::Site));
    let server = serve(move || {
        let route = web::resource("/").route(web::to(async || "hello"));
        App::new().service(route.wrap(shared.clone()).wrap(each.clone()))
    });
    let mut client = server.connect().await;
    for (key, status) in [("a", 200), ("b", 200), ("a", 200), ("b", 200), ("c", 429), ("c", 429)] {
        assert_eq!(client.get_with("/", &format!("X-Key: {key}\r\n")).await.status, status, "{key}");
    }
}

#[actix_web::test]
async fn a_limit_for_get_leaves_post_to_the_defaults() {
    let world = World::new();
    let reads = TimeBudget::rule("reads", "1 per hour").methods(["GET"]);
    let defaults = TimeBudget::rule("default", "2 per hour").otherwise();
    let mut client = start(&world, [reads, defaults]).connect().await;
    for (method, status) in [("GET", 200), ("GET", 429), ("POST", 200), ("POST", 200), ("POST", 429)] {
        assert_eq!(ask(&mut client, method, "/").await, status, "{method}");
    }
}

#[actix_web::test]
async fn the_scope_of_a_shared_limit_can_come_from_a_parameter_of_the_path() {
    let world = World::new();
    let tenant = world.build(
        TimeBudget::rule("tenant", "2 per hour")
            .key_by(|request| request.match_info().get("tenant").map(str::to_owned)),
    );
    let server = serve(move || {
        let scope =
            |path: &str| web::scope(path).wrap(tenant.clone()).default_service(web::to(async || "hello"));
        App::new().service(scope("/read/{tenant}")).service(scope("/write/{tenant}"))
    });
    let mut client = server.connect().await;
    for (path, status) in
        [("/read/a/x", 200), ("/write/a/y", 200), ("/read/a/z", 429), ("/read/b/x", 200), ("/write/a/x", 429)]
    {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
}

#[actix_web::test]
async fn a_cost_of_two_of_four_lets_two_requests_pass() {
    let world = World::new();
    let mut client = start(&world, [TimeBudget::rule("a", "4 per hour").cost(2)]).connect().await;
    assert_eq!(client.statuses("/", 3).await, [200, 200, 429]);
}

#[actix_web::test]
async fn what_is_charged_on_failure_only_refuses_any_request_once_it_is_spent() {
    let world = World::new();
    let failures = TimeBudget::rule("failures", "1 per hour").charge_when([400]);
    let mut client = start(&world, [failures]).connect().await;
    assert_eq!(client.statuses("/", 3).await, [200; 3]);
    assert_eq!(client.get("/fail").await.status, 400);
    assert_eq!(client.statuses("/", 1).await, [429]);
}

#[actix_web::test]
async fn of_thirty_at_once_on_a_limit_of_three_that_an_answer_charges_three_are_admitted() {
    let (mut world, gate) = (World::new(), Gate::new());
    let rule = TimeBudget::rule("failures", "3 per hour").charge_by(|head| head.status.is_server_error());
    let (budget, stop) = (world.build(rule), gate.clone());
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(stop.clone())).default_service(web::to(slow))
    });
    let mut clients = server.crowd(30).await;
    assert_eq!(world.decisions(30).await, 3);
    gate.open(3);
    for client in &mut clients {
        client.answer().await;
    }
    assert_eq!(world.spent(), 0, "all is returned");
}

#[actix_web::test]
async fn two_refusals_ban_a_client() {
    let world = World::new();
    let narrow = TimeBudget::rule("narrow", "1 per minute").when_by(|request| request.path() == "/narrow");
    let ban = TimeBudget::rule("ban", "2 per hour").counts(Counts::Refusals).message("You are banned.");
    let mut client = start(&world, [narrow, ban]).connect().await;
    assert_eq!(client.statuses("/narrow", 3).await, [200, 429, 429]);
    world.advance(secs(60));
    assert!(client.get("/else").await.body.contains("You are banned."));
    world.advance(secs(3_600 - 60));
    assert_eq!(client.get("/narrow").await.status, 200);
}

/// A limiter that tells where the window stood at the request's arrival would send a reset in the past.
#[actix_web::test]
async fn a_request_that_is_slower_than_its_window_leaves_the_headers_of_the_window_in_force() {
    let (world, gate) = (World::new(), Gate::new());
    for (rates, expected) in [
        // Twenty-five seconds on: the third window has five seconds to go, and five of its ten were spent here.
        ("8s per 10 seconds", (8 * SECOND, 3 * SECOND, 5, Some(25 * SECOND))),
        // It was counted where it arrived.
        ("2 per 10 seconds", (2, 2, 5, Some(1))),
    ] {
        let world = World::beside(&world);
        let (budget, stop) = (world.build(TimeBudget::rule("a", rates)), gate.clone());
        let server = serve(move || {
            App::new().wrap(budget.clone()).app_data(Data::new(stop.clone())).default_service(web::to(slow))
        });
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        gate.arrivals(1).await;
        world.advance(secs(25));
        gate.open(1);
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.standing()), (200, expected), "{rates}");
        assert_eq!(answer.field("retry-after"), None);
        world.advance(secs(5));
    }
}

#[actix_web::test]
async fn who_waits_exactly_as_long_as_retry_after_says_is_served() {
    let world = World::new();
    for rates in
        ["1 per 7 seconds", "1 per minute; 2 per hour", "1us per 90 seconds", "1 per day", "1 per month"]
    {
        let rule = TimeBudget::rule("a", rates).key(Component::Site);
        let world = World::beside(&world);
        let mut client = start(&world, [rule]).connect().await;
        for _ in 0..3 {
            assert_eq!(client.statuses("/", 2).await, [200, 429], "{rates}");
            let wait = client.get("/").await.number("retry-after");
            world.advance(secs(wait - 1));
            assert_eq!(client.get("/").await.status, 429, "{rates}: a second early");
            world.advance(secs(1));
        }
    }
}
