//! The fields of the draft: `RateLimit-Policy` and `RateLimit`.

use std::time::Duration;

use actix_web::web;
use actix_web::{App, HttpResponse};
use timebudget::TimeBudget;

use crate::harness::{Answer, Listening, World, secs, serve};

fn start(budget: TimeBudget) -> Listening {
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/proxied", web::to(proxied))
            .route("/stream", web::to(stream))
            .default_service(web::to(async || "hello"))
    })
}

/// Passes on what another server has said of itself.
async fn proxied() -> HttpResponse {
    HttpResponse::Ok().append_header(("RateLimit", "\"theirs\";r=1")).finish()
}

async fn stream() -> HttpResponse {
    let chunk = Ok::<_, std::convert::Infallible>(web::Bytes::from_static(b"chunk"));
    HttpResponse::Ok().streaming(futures_util::stream::iter([chunk]))
}

/// A site file with these rules, and the fields of the draft.
fn file(rules: &str) -> String {
    format!(r#"{{"rate_limit_headers": {{"standard": "draft-11"}}, "rate_limit_rules": [{rules}]}}"#)
}

/// The lines of a field.
fn lines<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
}

fn fields(answer: &Answer) -> (&str, &str) {
    (answer.field("ratelimit-policy").unwrap_or_default(), answer.field("ratelimit").unwrap_or_default())
}

#[actix_web::test]
async fn all_limits_have_a_policy_and_those_in_force_say_where_they_stand() {
    let world = World::new();
    let rules = r#"{"name": "all", "key": "site", "limits": "50 per hour; 200 per day; 3s per minute; 9 concurrent"},
        {"name": "other", "when": {"path": "/other"}, "limits": "1 per day"},
        {"name": "hidden", "limits": "1 per day", "shadow": true}"#;
    let answer = start(world.budget_of(&file(rules))).connect().await.get("/").await;
    let (policy, limit) = fields(&answer);
    assert_eq!(
        policy,
        r#""all/hour";q=50;qu="requests";w=3600, "all/day";q=200;qu="requests";w=86400, "all/time/minute";q=3000000;qu="microseconds";w=60, "all/concurrent";q=9;qu="concurrent-requests""#
    );
    assert_eq!(
        limit,
        r#""all/hour";r=49;t=3600, "all/day";r=199;t=7200, "all/time/minute";r=2999999;t=60, "all/concurrent";r=9"#
    );
    assert!(answer.field("x-ratelimit-limit").is_some(), "beside ours");
}

#[actix_web::test]
async fn a_refusal_names_the_limits_that_refuse_and_none_is_later_than_retry_after() {
    let world = World::new();
    let rules = r#"{"name": "a", "limits": "1 per hour; 5 per day"}"#;
    let mut client = start(world.budget_of(&file(rules))).connect().await;
    client.get("/").await;
    world.advance(secs(100));
    let refused = client.get("/").await;
    assert_eq!((refused.status, refused.number("retry-after")), (429, 3_500));
    let policy = r#""a/hour";q=1;qu="requests";w=3600, "a/day";q=5;qu="requests";w=86400"#;
    assert_eq!(fields(&refused), (policy, r#""a/hour";r=0;t=3500"#));
}

#[actix_web::test]
async fn a_stream_and_a_month_have_fields_too() {
    let world = World::new();
    let rules = r#"{"name": "a", "key": "site", "limits": "5s per month"}"#;
    let answer = start(world.budget_of(&file(rules))).connect().await.get("/stream").await;
    let (policy, limit) = fields(&answer);
    assert_eq!(policy, r#""a";q=5000000;qu="microseconds";w=2592000"#, "30 days of November");
    assert!(limit.starts_with(r#""a";r=5000000;t="#), "{limit}");
}

#[actix_web::test]
async fn a_rewritten_request_keeps_the_fields_of_its_refusal() {
    let world = World::new();
    let rules = r#"{"name": "a", "key": "site", "limits": "1us per hour", "action": {"rewrite": "/busy"}}"#;
    let mut client = start(world.budget_of(&file(rules))).connect().await;
    client.get("/").await;
    let rewritten = client.get("/").await;
    assert_eq!((rewritten.status, rewritten.remaining()), (200, 0));
    assert_eq!(fields(&rewritten), (r#""a";q=1;qu="microseconds";w=3600"#, r#""a";r=0;t=3600"#));
}

#[actix_web::test]
async fn what_a_handler_wrote_of_the_same_name_gives_way() {
    let world = World::new();
    let rules = r#"{"name": "a", "limits": "5 per hour"}"#;
    let answer = start(world.budget_of(&file(rules))).connect().await.get("/proxied").await;
    assert_eq!(lines(&answer, "ratelimit"), [r#""a";r=4;t=3600"#]);
}

#[actix_web::test]
async fn nothing_is_written_unless_it_is_asked_for() {
    let world = World::new();
    let answer = start(world.budget("5 per hour")).connect().await.get("/").await;
    assert_eq!(fields(&answer), ("", ""));
    let off =
        r#"{"rate_limit": "1 per hour", "rate_limit_headers": {"standard": "draft-11", "enabled": false}}"#;
    let mut client = start(world.budget_of(off)).connect().await;
    let [served, refused] = [client.get("/").await, client.get("/").await];
    assert_eq!((refused.status, fields(&served), fields(&refused)), (429, ("", ""), ("", "")));
}

#[actix_web::test]
async fn of_nested_budgets_each_has_lines_of_its_own_and_a_refusal_inside_only_one() {
    let world = World::new();
    let outer = world.budget_of(&file(r#"{"name": "outer", "limits": "9 per hour"}"#));
    let inner = world.budget_of(&file(r#"{"name": "inner", "limits": "1 per minute"}"#));
    let server = serve(move || {
        let scope = web::scope("/in").wrap(inner.clone()).default_service(web::to(async || "in"));
        App::new().wrap(outer.clone()).service(scope).default_service(web::to(async || "out"))
    });
    let mut client = server.connect().await;
    let served = client.get("/in/").await;
    assert_eq!(lines(&served, "ratelimit"), [r#""inner";r=0;t=60"#, r#""outer";r=8;t=3600"#]);
    assert_eq!(lines(&served, "ratelimit-policy").len(), 2);
    let refused = client.get("/in/").await;
    assert_eq!((refused.status, lines(&refused, "ratelimit")), (429, vec![r#""inner";r=0;t=60"#]));
    assert_eq!(lines(&client.get("/").await, "ratelimit"), [r#""outer";r=7;t=3600"#]);
}

#[actix_web::test]
async fn a_limit_that_only_running_requests_explain_says_when_it_is_worth_to_ask_again() {
    let world = World::new();
    let rules = r#"{"name": "a", "key": "site", "limits": "2us per hour", "hold": "2us"}"#;
    let budget = world.budget_of(&file(rules));
    let gate = crate::harness::Gate::new();
    let held = gate.clone();
    let server = serve(move || {
        let gate = held.clone();
        let slow = web::to(move || {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                "done"
            }
        });
        App::new().wrap(budget.clone()).route("/slow", slow).default_service(web::to(async || "hello"))
    });
    let mut slow = server.connect().await;
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(1).await;
    let refused = server.connect().await.get("/").await;
    assert_eq!((refused.status, refused.number("retry-after")), (429, 1));
    assert_eq!(fields(&refused).1, r#""a";r=0;t=1"#, "and not the end of the window");
    world.advance(Duration::from_micros(1));
    gate.open(1);
    slow.answer().await;
}
