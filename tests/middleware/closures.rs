//! Rules that closures decide, over real sockets.

use actix_web::dev::ServiceRequest;
use actix_web::web;
use actix_web::{App, HttpResponse, error};
use timebudget::{Component, Limit, TimeBudget};

use crate::harness::{Listening, World, serve};

fn start(budget: TimeBudget) -> Listening {
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/miss", web::to(async || HttpResponse::Ok().insert_header(("x-cache", "miss")).finish()))
            .route("/hit", web::to(async || HttpResponse::Ok().insert_header(("x-cache", "hit")).finish()))
            .route("/error", web::to(async || Err::<&str, _>(error::ErrorBadGateway("no"))))
            .default_service(web::to(async || "hello"))
    })
}

/// The value of a header.
fn field<'a>(request: &'a ServiceRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

#[actix_web::test]
async fn a_key_can_be_computed_and_where_it_is_missing_the_address_stands_in() {
    let world = World::new();
    let first_letter = |request: &ServiceRequest| field(request, "x-name").map(|name| name[..1].to_owned());
    let rule = TimeBudget::rule("letters", "1 per hour").key_by(first_letter);
    let mut client = start(world.build(rule)).connect().await;
    for (field, status) in [
        ("X-Name: ada\r\n", 200),
        ("X-Name: alice\r\n", 429),
        ("X-Name: bob\r\n", 200),
        ("", 200),
        ("", 429),
        ("X-Name: 1\r\n", 200),
    ] {
        assert_eq!(client.get_with("/", field).await.status, status, "{field}");
    }
}

#[actix_web::test]
async fn a_cost_can_be_computed() {
    let world = World::new();
    let cost = |request: &ServiceRequest| field(request, "x-cost").map_or(1, |cost| cost.parse().unwrap());
    let mut client = start(world.build(TimeBudget::rule("a", "4 per hour").cost_by(cost))).connect().await;
    for (cost, status) in [("0", 200), ("3", 200), ("2", 429), ("1", 200), ("0", 429)] {
        assert_eq!(client.get_with("/", &format!("X-Cost: {cost}\r\n")).await.status, status, "{cost}");
    }
}

#[actix_web::test]
async fn a_cost_without_end_spends_the_largest_quota_and_no_more() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "9007199254740992 per hour").cost_by(|_| u64::MAX);
    let mut client = start(world.build(rule)).connect().await;
    let answer = client.get("/").await;
    assert_eq!((answer.status, answer.remaining()), (200, 0));
    assert_eq!(client.statuses("/", 2).await, [429; 2]);
    assert_eq!(world.spent(), 1 << 53);
}

#[actix_web::test]
async fn a_cost_above_the_quota_refuses_and_leaves_no_trace() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "4 per hour")
        .cost_by(|request| if request.path() == "/large" { u64::MAX } else { 1 });
    let mut client = start(world.build(rule)).connect().await;
    assert_eq!(client.statuses("/large", 3).await, [429; 3]);
    assert_eq!(client.statuses("/", 5).await, [200, 200, 200, 200, 429]);
}

/// Four an hour for who pays, no limit for who works here, and else the rule's own.
fn by_plan(request: &ServiceRequest) -> Option<Vec<Limit>> {
    match field(request, "x-plan")? {
        "paid" => Some(vec!["4 per hour".parse().unwrap(), "9 per hour".parse().unwrap()]),
        "daily" => Some(vec!["1 per day".parse().unwrap()]),
        "staff" => Some(Vec::new()),
        _ => None,
    }
}

#[actix_web::test]
async fn limits_can_be_computed_and_another_quota_meets_what_was_spent() {
    let world = World::new();
    let rule = TimeBudget::rule("plans", "2 per hour").limits_by(by_plan);
    let mut client = start(world.build(rule)).connect().await;
    for (plan, status) in [
        ("free", 200),
        ("free", 200),
        ("free", 429),
        ("paid", 200),
        ("paid", 200),
        ("paid", 429),
        ("free", 429),
    ] {
        assert_eq!(client.get_with("/", &format!("X-Plan: {plan}\r\n")).await.status, status, "{plan}");
    }
    let daily = client.get_with("/", "X-Plan: daily\r\n").await;
    assert_eq!((daily.status, daily.number("x-ratelimit-limit"), daily.remaining()), (200, 1, 0));
    let staff = client.get_with("/", "X-Plan: staff\r\n").await;
    assert!(staff.status == 200 && staff.tells_nothing(), "{staff:?}");
}

#[actix_web::test]
async fn who_is_exempt_is_neither_refused_nor_counted() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "1 per hour").exempt_by(|request| field(request, "x-staff").is_some());
    let mut client = start(world.build(rule)).connect().await;
    for (fields, status) in [("X-Staff: 1\r\n", 200), ("", 200), ("", 429), ("X-Staff: 1\r\n", 200)] {
        let answer = client.get_with("/", fields).await;
        assert_eq!(answer.status, status, "{fields}");
        assert_eq!(answer.tells_nothing(), !fields.is_empty(), "{answer:?}");
    }
}

#[actix_web::test]
async fn who_is_exempt_from_a_rule_does_not_fall_to_the_defaults_that_it_displaces() {
    let world = World::new();
    let rules = [
        TimeBudget::rule("own", "1 per hour").exempt_by(|request| field(request, "x-staff").is_some()),
        TimeBudget::rule("default", "0 per hour").otherwise(),
    ];
    let budget = TimeBudget::rules(rules).engine(&world.engine()).build().unwrap();
    let mut client = start(budget).connect().await;
    assert_eq!(client.get_with("/", "X-Staff: 1\r\n").await.status, 200);
}

#[actix_web::test]
async fn the_head_of_an_answer_can_say_whether_it_is_charged() {
    let world = World::new();
    let is_miss = |head: &actix_web::dev::ResponseHead| {
        head.status.is_server_error() || head.headers().get("x-cache").is_some_and(|cache| cache == "miss")
    };
    let rule = TimeBudget::rule("misses", "2 per hour").charge_by(is_miss);
    let mut client = start(world.build(rule)).connect().await;
    assert_eq!(client.statuses("/hit", 5).await, [200; 5]);
    assert_eq!(client.get("/miss").await.remaining(), 1);
    assert_eq!(client.get("/error").await.status, 502);
    assert_eq!(client.statuses("/hit", 1).await, [429], "any kind is refused now");
}

#[actix_web::test]
async fn conditions_can_be_computed_and_methods_named() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "0 per hour")
        .methods(["POST", "put"])
        .when_by(|request| request.query_string().contains("draft"));
    let mut client = start(world.build(rule)).connect().await;
    for (method, path, status) in
        [("POST", "/?draft", 429), ("PUT", "/?draft", 429), ("GET", "/?draft", 200), ("POST", "/", 200)]
    {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.ask(&request).await.status, status, "{method} {path}");
    }
}

#[actix_web::test]
async fn a_key_can_have_several_parts_and_each_method_its_account() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "1 per hour").key([Component::Ip, Component::Path]).per_method();
    let mut client = start(world.build(rule)).connect().await;
    for (method, path, status) in
        [("GET", "/a", 200), ("POST", "/a", 200), ("GET", "/b", 200), ("GET", "/a", 429)]
    {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.ask(&request).await.status, status, "{method} {path}");
    }
}
