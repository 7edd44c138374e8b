//! A refusal has the form that the client accepts.

use actix_web::{App, web};
use serde_json::json;

use crate::harness::{Answer, World, serve};

/// The refusal for a client that sends these fields.
async fn refusal(fields: &str) -> Answer {
    let world = World::new();
    let budget = world.budget("0s per hour");
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let refused = server.connect().await.get_with("/", fields).await;
    assert_eq!(refused.status, 429);
    refused
}

async fn form_for(accept: &str) -> String {
    let refused = refusal(&format!("Accept: {accept}\r\n")).await;
    refused.field("content-type").expect("a type").to_owned()
}

const PROBLEM: &str = "application/problem+json";
const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

#[actix_web::test]
async fn a_problem_is_a_problem_of_rfc_9457() {
    let refused = refusal("Accept: application/json\r\n").await;
    assert_eq!(refused.field("content-type"), Some(PROBLEM));
    let problem: serde_json::Value = serde_json::from_str(&refused.body).expect("JSON");
    let expected = json!({
        "type": "about:blank",
        "status": 429,
        "title": "Too Many Requests",
        "detail": "The budget of 0 s of server time is spent. Try again in 3600 seconds.",
        "retry_after": 3600,
        "rule": "budget",
    });
    assert_eq!(problem, expected);
}

#[actix_web::test]
async fn a_browser_gets_a_page() {
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";
    let refused = refusal(&format!("Accept: {accept}\r\n")).await;
    assert_eq!(refused.field("content-type"), Some(HTML));
    assert!(refused.body.starts_with("<!DOCTYPE html>") && refused.body.trim_end().ends_with("</html>"));
    assert!(refused.body.contains("Try again in 3600 seconds."), "{}", refused.body);
}

#[actix_web::test]
async fn plain_text_is_one_line() {
    let refused = refusal("Accept: text/plain\r\n").await;
    assert_eq!(refused.field("content-type"), Some(PLAIN));
    assert_eq!(
        refused.body,
        "Too Many Requests. The budget of 0 s of server time is spent. Try again in 3600 seconds.\n"
    );
}

#[actix_web::test]
async fn the_best_form_that_is_accepted_is_taken() {
    for (accept, form) in [
        ("*/*", PROBLEM),
        ("application/*", PROBLEM),
        ("application/problem+json", PROBLEM),
        ("application/json;q=0.5, text/html", HTML),
        ("text/html;q=0.5, application/json;q=0.9, text/plain;q=0.1", PROBLEM),
        ("text/html;q=0.3, text/plain;q=0.4", PLAIN),
        ("text/html;q=0, text/plain;q=0.001", PLAIN),
        ("text/html;q=0, */*", PROBLEM),
        ("application/xhtml+xml", HTML),
        ("text/*", PLAIN),
        ("text/css", PLAIN),
        ("image/png, */*;q=0.1", PROBLEM),
    ] {
        assert_eq!(form_for(accept).await, form, "{accept}");
    }
}

#[actix_web::test]
async fn who_accepts_nothing_that_there_is_gets_a_problem() {
    for accept in
        ["image/png", "", ",", ";;;", "text", "text/html;q=2", "text/html;q=-1", "q=1", "a/b/c", "\u{e9}/*"]
    {
        let refused = refusal(&format!("Accept: {accept}\r\n")).await;
        assert!(refused.field("content-type").is_some(), "{accept}");
        assert!(!refused.body.is_empty(), "{accept}");
    }
    assert_eq!(form_for("image/png").await, PROBLEM);
    assert_eq!(refusal("").await.field("content-type"), Some(PROBLEM));
}

#[actix_web::test]
async fn several_accept_fields_are_one_list() {
    let refused = refusal("Accept: application/json;q=0.1\r\nAccept: text/html\r\n").await;
    assert_eq!(refused.field("content-type"), Some(HTML));
}

#[actix_web::test]
async fn a_refusal_of_a_head_request_has_no_body() {
    let world = World::new();
    let budget = world.budget("0s per hour");
    let server = serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut client = server.connect().await;
    let head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!((head.status, head.number("retry-after")), (429, 3_600));
    assert_eq!(client.get("/").await.status, 429, "the next answer begins where it should");
}
