//! Refusals in an application's own way.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse};
use futures_util::stream;
use timebudget::{Refusal, TimeBudget};

use crate::harness::{Listening, World, serve};

fn start(budget: TimeBudget) -> Listening {
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/full", web::to(async || "come back"))
            .default_service(web::to(async || "hello"))
    })
}

/// Where a closure writes what it is told.
type Log = Arc<Mutex<Vec<String>>>;

fn write_to(log: &Log) -> impl Fn(&ServiceRequest, &Refusal) + Send + Sync + 'static {
    let log = Arc::clone(log);
    move |request, refusal| {
        let Refusal { rule, retry_after_secs, .. } = refusal;
        log.lock().unwrap().push(format!("{} by {rule} for {retry_after_secs} s", request.path()));
    }
}

#[actix_web::test]
async fn a_callback_is_told_of_each_refusal_and_of_nothing_else() {
    let (world, log) = (World::new(), Log::default());
    let rule = TimeBudget::rule("narrow", "1 per hour").on_refusal(write_to(&log));
    let mut client = start(world.build(rule)).connect().await;
    assert_eq!(client.statuses("/a", 3).await, [200, 429, 429]);
    assert_eq!(*log.lock().unwrap(), ["/a by narrow for 3600 s", "/a by narrow for 3600 s"]);
}

#[actix_web::test]
async fn a_budget_of_a_site_file_has_a_callback_for_all_its_rules() {
    let (world, log) = (World::new(), Log::default());
    let file = r#"{"rate_limit_rules": [
        {"name": "closed", "when": {"path": "/closed"}, "limits": "0 per hour"},
        {"name": "full", "when": {"path": {"prefix": "/shop"}}, "limits": "0 per day", "action": {"rewrite": "/full"}}]}"#;
    let budget = world
        .budget_of(file)
        .on_refusal(write_to(&log))
        .message_by(|_, refusal| format!("{} is closed", refusal.rule));
    let mut client = start(budget).connect().await;
    assert!(client.get("/closed").await.body.contains(r#""detail":"closed is closed""#));
    assert_eq!(client.get("/shop/x").await.body, "come back");
    assert_eq!(*log.lock().unwrap(), ["/closed by closed for 3600 s", "/shop/x by full for 7200 s"]);
}

#[actix_web::test]
async fn a_message_can_be_a_value_or_computed_in_every_form() {
    let world = World::new();
    let value = TimeBudget::rule("value", "0 per hour").status(503).message("Back at nine.");
    let mut client = start(world.build(value)).connect().await;
    let answer = client.get_with("/", "Accept: text/plain\r\n").await;
    assert_eq!((answer.status, &*answer.body), (503, "Service Unavailable. Back at nine.\n"));
    let computed = TimeBudget::rule("computed", "0 per hour")
        .message_by(|request, refusal| format!("<{}> in {} s", request.path(), refusal.retry_after_secs));
    let mut client = start(world.build(computed)).connect().await;
    for path in ["/one", "/two"] {
        let answer = client.get_with(path, "Accept: text/html\r\n").await;
        assert!(answer.body.contains(&format!("<p>&lt;{path}&gt; in 3600 s</p>")), "{}", answer.body);
    }
}

#[actix_web::test]
async fn an_own_answer_says_what_every_refusal_says_unless_it_does_so_itself() {
    let world = World::new();
    let teapot = |request: &ServiceRequest, refusal: &Refusal| {
        let mut response = HttpResponse::ImATeapot();
        if request.path() == "/own" {
            response.insert_header((RETRY_AFTER, "7")).insert_header(("cache-control", "private"));
        }
        response.body(format!("{} of {} left", refusal.report.remaining, refusal.report.limit))
    };
    let mut client = start(world.build(TimeBudget::rule("tea", "2 per hour").cost(3).respond_with(teapot)))
        .connect()
        .await;
    let answer = client.get("/").await;
    assert_eq!((answer.status, &*answer.body), (418, "0 of 2 left"));
    assert_eq!(answer.standing(), (2, 0, 3600, None));
    assert_eq!((answer.number("retry-after"), answer.field("cache-control")), (3600, Some("no-store")));
    let answer = client.get("/own").await;
    assert_eq!((answer.number("retry-after"), answer.field("cache-control")), (7, Some("private")));
}

#[actix_web::test]
async fn an_own_answer_can_be_a_stream() {
    let world = World::new();
    let rule = TimeBudget::rule("a", "0 per hour").respond_with(|_, _| {
        let chunks = ["one", "two"].map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk)));
        HttpResponse::TooManyRequests().streaming(stream::iter(chunks))
    });
    let answer = start(world.build(rule)).connect().await.get("/").await;
    assert_eq!((answer.status, &*answer.body), (429, "onetwo"));
}

#[actix_web::test]
async fn the_answer_of_a_rule_comes_before_that_of_its_budget() {
    let world = World::new();
    let answer =
        |text: &'static str| move |_: &ServiceRequest, _: &Refusal| HttpResponse::Forbidden().body(text);
    let rules = [
        TimeBudget::rule("own", "0 per hour")
            .when_by(|request| request.path() == "/own")
            .respond_with(answer("own")),
        TimeBudget::rule("other", "0 per hour"),
    ];
    let budget =
        TimeBudget::rules(rules).engine(&world.engine()).build().unwrap().respond_with(answer("all"));
    let mut client = start(budget).connect().await;
    assert_eq!(client.get("/own").await.body, "own");
    assert_eq!(client.get("/else").await.body, "all");
}
