//! Refused requests that are served another page in place.

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest};

use crate::harness::{Answer, Client, Gate, Listening, SECOND, World, secs, serve, slow};

fn start(world: &World, file: &str) -> Listening {
    let budget = world.budget_of(file);
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route("/index.html", web::to(async || "the page"))
            .route("/rate_limit_page.html", web::get().to(other))
    })
}

async fn other(request: HttpRequest) -> String {
    assert_eq!((request.method(), request.query_string()), (&Method::GET, ""));
    format!("come back later: {}", request.path())
}

/// The overlap that Netlify's documentation describes.
const FIRST: &str = r#"{"name": "index", "when": {"path": "/index.html"}, "key": "site", "counts": "all",
    "limits": "10 per minute", "action": {"rewrite": "/rate_limit_page.html"}}"#;
const SECOND_RULE: &str = r#"{"name": "abusive", "when": {"header": {"authorization": "Bearer ABUSIVE-TOKEN"}},
    "key": "site", "counts": "all", "limits": "5 per minute"}"#;

/// How many of some requests that match both rules were served, were blocked, and were rewritten.
async fn outcomes(rules: [&str; 2], count: usize) -> (usize, usize, usize) {
    let world = World::new();
    let file = format!("{{\"rate_limit_rules\": [{}, {}]}}", rules[0], rules[1]);
    let mut client = start(&world, &file).connect().await;
    let mut answers = Vec::new();
    for _ in 0..count {
        answers.push(client.get_with("/index.html", "Authorization: Bearer ABUSIVE-TOKEN\r\n").await);
    }
    let count = |is: &dyn Fn(&Answer) -> bool| answers.iter().filter(|answer| is(answer)).count();
    let rewritten = count(&|answer| answer.status == 200 && answer.body.starts_with("come back later"));
    (count(&|answer| answer.body == "the page"), count(&|answer| answer.status == 429), rewritten)
}

#[actix_web::test]
async fn two_rules_that_overlap_share_the_requests_as_netlify_says() {
    assert_eq!(outcomes([FIRST, SECOND_RULE], 12).await, (5, 5, 2));
    assert_eq!(outcomes([FIRST, SECOND_RULE], 7).await, (5, 2, 0));
    assert_eq!(outcomes([SECOND_RULE, FIRST], 12).await, (5, 7, 0));
}

const SPENT: &str = r#"{"rate_limit_rules": [
    {"name": "none", "limits": "0 per hour", "action": {"rewrite": "/rate_limit_page.html"}}]}"#;

#[actix_web::test]
async fn a_rewritten_request_is_told_that_nothing_is_left_and_is_not_for_caches() {
    let world = World::new();
    let mut client = start(&world, SPENT).connect().await;
    let fields = "Range: bytes=0-1\r\nIf-None-Match: *\r\n";
    let answer = client.get_with("/index.html?q=1", fields).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "come back later: /rate_limit_page.html"));
    assert_eq!(
        (answer.remaining(), answer.field("retry-after"), answer.field("x-ratelimit-used")),
        (0, None, None)
    );
    assert_eq!((answer.field("cache-control"), answer.field("location")), (Some("no-store"), None));
}

#[actix_web::test]
async fn a_target_below_its_own_rule_does_not_loop() {
    let world = World::new();
    let mut client = start(&world, SPENT).connect().await;
    let answer = client.get("/rate_limit_page.html").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "come back later: /rate_limit_page.html"));
}

#[actix_web::test]
async fn a_post_becomes_a_get_and_its_body_is_left() {
    let world = World::new();
    let mut client = start(&world, SPENT).connect().await;
    let request = "POST /index.html HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(client.ask(request).await.body, "come back later: /rate_limit_page.html");
}

#[actix_web::test]
async fn a_target_that_is_not_there_is_not_found() {
    let world = World::new();
    let file = SPENT.replace("/rate_limit_page.html", "/nowhere");
    assert_eq!(start(&world, &file).connect().await.get("/index.html").await.status, 404);
}

#[actix_web::test]
async fn the_time_of_a_rewritten_request_is_charged() {
    let (world, gate) = (World::new(), Gate::new());
    let file = r#"{"rate_limit": "100s per hour", "rate_limit_rules": [
        {"name": "none", "limits": "0 per hour", "action": {"rewrite": "/slow"}}]}"#;
    let (budget, stop) = (world.budget_of(file), gate.clone());
    let server = serve(move || {
        App::new().wrap(budget.clone()).app_data(Data::new(stop.clone())).route("/slow", web::to(slow))
    });
    let mut client: Client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(secs(3));
    gate.open(1);
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(world.spent(), 3 * SECOND);
}

#[actix_web::test]
async fn what_is_rewritten_is_not_limited_again_by_a_budget_inside() {
    let world = World::new();
    let (outer, inner) = (world.budget_of(SPENT), World::new().budget("0 per hour"));
    let server = serve(move || {
        let inside = web::scope("").wrap(inner.clone()).route("/rate_limit_page.html", web::to(other));
        App::new().wrap(outer.clone()).service(inside)
    });
    assert_eq!(server.connect().await.get("/index.html").await.status, 200);
}

#[actix_web::test]
async fn under_a_scope_such_a_request_is_blocked() {
    let world = World::new();
    let budget = world.budget_of(SPENT);
    let server = serve(move || {
        App::new().service(web::scope("/api").wrap(budget.clone()).route("/x", web::to(async || "x")))
    });
    assert_eq!(server.connect().await.get("/api/x").await.status, 429);
}
