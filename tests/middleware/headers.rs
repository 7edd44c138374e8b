//! The fields that tell a client where it stands.

use actix_web::web;
use actix_web::{App, HttpResponse};

use crate::harness::{Listening, SECOND, World, secs, serve};

fn start(budget: timebudget::TimeBudget) -> Listening {
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/proxied", web::to(proxied))
            .default_service(web::to(async || "hello"))
    })
}

/// Passes on what another server has said of itself.
async fn proxied() -> HttpResponse {
    HttpResponse::Ok()
        .append_header(("X-RateLimit-Remaining", "77"))
        .append_header(("X-RateLimit-Reset", "78"))
        .append_header(("X-RateLimit-Reset", "79"))
        .append_header(("X-Other", "kept"))
        .finish()
}

#[actix_web::test]
async fn a_site_file_names_the_fields() {
    let world = World::new();
    let budget = world.budget_of(
        r#"{"rate_limit": "600s per hour", "rate_limit_headers": {"names":
            {"limit": "Quota", "remaining": "Quota-Left", "reset": "Quota-Reset", "used": "Quota-Used"}}}"#,
    );
    let answer = start(budget).connect().await.get("/").await;
    let numbers = ["quota", "quota-left", "quota-reset", "quota-used"].map(|name| answer.number(name));
    assert_eq!(numbers, [600 * SECOND, 600 * SECOND - 1, 3_600, 1]);
    assert!(answer.tells_nothing(), "{answer:?}");
}

#[actix_web::test]
async fn the_reset_can_be_an_instant() {
    let world = World::new();
    let budget =
        world.budget_of(r#"{"rate_limit": "1us per hour", "rate_limit_headers": {"reset": "unix"}}"#);
    let mut client = start(budget).connect().await;
    world.advance(std::time::Duration::from_micros(1_500_000));
    assert_eq!(client.get("/").await.number("x-ratelimit-reset"), 1_700_002_800);
    let refused = client.get("/").await;
    assert_eq!((refused.status, refused.number("x-ratelimit-reset")), (429, 1_700_002_800));
    assert_eq!(refused.number("retry-after"), 3_599, "this one stays a number of seconds");
}

#[actix_web::test]
async fn the_fields_can_be_turned_off_but_for_retry_after() {
    let world = World::new();
    let budget =
        world.budget_of(r#"{"rate_limit": "1us per hour", "rate_limit_headers": {"enabled": false}}"#);
    let mut client = start(budget).connect().await;
    assert!(client.get("/").await.tells_nothing());
    let refused = client.get("/").await;
    assert_eq!((refused.status, refused.number("retry-after")), (429, 3_600));
    assert_eq!(refused.field("x-ratelimit-limit"), None);
}

#[actix_web::test]
async fn of_several_limits_the_fields_say_which_they_describe() {
    let world = World::new();
    let mut client = start(world.budget_of(r#"{"rate_limit": "3 per day; 4us per hour"}"#)).connect().await;
    let described = |answer: &crate::harness::Answer| {
        let text = |name| answer.field(name).map(str::to_owned);
        (text("x-ratelimit-resource").unwrap(), text("x-ratelimit-unit").unwrap(), answer.standing())
    };
    let (rule, unit, standing) = described(&client.get("/").await);
    assert_eq!((rule.as_str(), unit.as_str()), ("site-requests", "requests"));
    assert_eq!(standing, (3, 2, 7_200, Some(1)), "2 of 3 are less than 3 of 4");
    client.get("/").await;
    client.get("/").await;
    let refused = client.get("/").await;
    assert_eq!(described(&refused), ("site-requests".into(), "requests".into(), (3, 0, 7_200, None)));
}

#[actix_web::test]
async fn a_single_limit_needs_no_name() {
    let answer = start(World::new().budget("5 per hour")).connect().await.get("/").await;
    assert_eq!((answer.field("x-ratelimit-resource"), answer.field("x-ratelimit-unit")), (None, None));
}

#[actix_web::test]
async fn what_a_handler_wrote_of_the_same_name_gives_way() {
    let answer = start(World::new().budget("5 per hour")).connect().await.get("/proxied").await;
    assert_eq!(answer.standing(), (5, 4, 3_600, Some(1)), "each field once");
    assert_eq!(answer.field("x-other"), Some("kept"));
}

#[actix_web::test]
async fn the_reset_is_rounded_up_and_at_least_a_second() {
    let world = World::new();
    let mut client = start(world.budget("600s per hour")).connect().await;
    let mut reset_after = async |micros| {
        world.advance(std::time::Duration::from_micros(micros));
        client.get("/").await.number("x-ratelimit-reset")
    };
    assert_eq!(reset_after(0).await, 3_600);
    assert_eq!(reset_after(1).await, 3_600);
    assert_eq!(reset_after(999_999).await, 3_599);
    assert_eq!(reset_after(1).await, 3_599);
    assert_eq!(reset_after(3_598 * SECOND).await, 1);
    assert_eq!(reset_after(999_998).await, 1, "one microsecond before the end");
    assert_eq!(reset_after(1).await, 3_600, "a new window");
}

#[actix_web::test]
async fn many_answers_keep_their_own_numbers() {
    // The digits of many answers are cut from one buffer.
    let world = World::new();
    let mut client = start(world.budget("600s per hour")).connect().await;
    for seen in 1..=2_000 {
        if seen % 500 == 0 {
            world.advance(secs(1));
        }
        let answer = client.get("/").await;
        assert_eq!((answer.remaining(), answer.used()), (600 * SECOND - seen, 1));
    }
}
