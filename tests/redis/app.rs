//! Applications under one budget: the middleware asks, waits and answers as ever.

use std::future::{Future as _, poll_fn};
use std::task::Poll;

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, test, web};
use timebudget::model::rule::Component;
use timebudget::{Engine, Site, SystemClock, TimeBudget};

use crate::process::{rule, until};
use crate::server::Server;

fn budget(uri: &str, rates: &str) -> TimeBudget {
    let engine = Engine::over(timebudget::store::open(uri).unwrap(), SystemClock::new());
    let rules = vec![rule("budget", rates, Component::Site)];
    TimeBudget::of_site(Site { rules, ..Site::unlimited("site") }, engine)
}

macro_rules! app {
    ($budget:expr) => {
        test::init_service(
            App::new().wrap($budget).default_service(web::to(|| async { HttpResponse::Ok().body("hello") })),
        )
        .await
    };
}

#[actix_web::test]
async fn two_applications_have_one_budget() {
    let server = Server::start();
    let uri = server.uri("deadline=2s");
    let (one, other) = (app!(budget(&uri, "3 per day")), app!(budget(&uri, "3 per day")));
    let get = || test::TestRequest::get().uri("/").to_request();
    let first = test::call_service(&one, get()).await;
    assert_eq!(first.headers().get("x-ratelimit-remaining").unwrap(), "2");
    let second = test::call_service(&other, get()).await;
    assert_eq!(second.headers().get("x-ratelimit-remaining").unwrap(), "1");
    assert_eq!(test::read_body(second).await, "hello");
    assert_eq!(test::call_service(&one, get()).await.status(), StatusCode::OK);
    let refused = test::call_service(&other, get()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
}

#[actix_web::test]
async fn a_store_that_refuses_while_it_cannot_ask_answers_503_and_says_nothing_of_itself() {
    let mut server = Server::start();
    server.kill();
    let app = app!(budget(&server.uri("on_store_fault=refuse"), "3 per day"));
    let refused = test::call_service(&app, test::TestRequest::get().uri("/").to_request()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers().get("retry-after").unwrap(), "1");
    let body = test::read_body(refused).await;
    assert!(!String::from_utf8_lossy(&body).to_lowercase().contains("redis"));
}

#[actix_web::test]
async fn a_client_that_leaves_while_the_store_asks_holds_no_place() {
    let server = Server::start();
    let app = app!(budget(&server.uri("deadline=2s"), "1 concurrent"));
    let get = || test::TestRequest::get().uri("/").to_request();
    for _ in 0..50 {
        let mut asked = Box::pin(test::call_service(&app, get()));
        // Polled once, so that the question is under way, and dropped.
        poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_ready())).await;
    }
    let is_free = async || test::call_service(&app, get()).await.status() == StatusCode::OK;
    until("the place is free", is_free).await;
}
