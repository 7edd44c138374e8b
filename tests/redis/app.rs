//! Applications under one budget: the middleware asks, waits and answers as ever.

use std::future::{Future as _, poll_fn};
use std::task::Poll;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, test, web};
use timebudget::{Action, Component, Engine, Rule, Site, SystemClock, TimeBudget};

use crate::process::{rule, until};
use crate::server::Server;

fn engine(uri: &str) -> Engine {
    Engine::over(timebudget::store::open(uri).unwrap(), SystemClock::new())
}

fn budget(engine: &Engine, rates: &str) -> TimeBudget {
    let rules = vec![rule("budget", rates, Component::Site)];
    TimeBudget::of_site(Site { rules, ..Site::unlimited("site") }, engine.clone())
}

/// Has two processes do something, with new accounts each time, until no decision of theirs was made without the server.
async fn where_all_is_asked<T>(server: &Server, something: impl AsyncFn(&[Engine; 2]) -> T) -> T {
    for attempt in 0..100 {
        let uri = server.uri(&format!("prefix=attempt{attempt}"));
        let engines = [engine(&uri), engine(&uri)];
        let answers = something(&engines).await;
        if engines.iter().all(|engine| engine.census().degraded == 0) {
            return answers;
        }
    }
    panic!("of a hundred attempts each had a decision that was made without the server");
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
    let [first, second, third, refused] = where_all_is_asked(&server, async |[one, other]| {
        let (one, other) = (app!(budget(one, "3 per day")), app!(budget(other, "3 per day")));
        let get = || test::TestRequest::get().uri("/").to_request();
        let first = test::call_service(&one, get()).await;
        let second = test::call_service(&other, get()).await;
        let third = test::call_service(&one, get()).await;
        [first, second, third, test::call_service(&other, get()).await]
    })
    .await;
    assert_eq!(first.headers().get("x-ratelimit-remaining").unwrap(), "2");
    assert_eq!(second.headers().get("x-ratelimit-remaining").unwrap(), "1");
    assert_eq!(test::read_body(second).await, "hello");
    assert_eq!(third.status(), StatusCode::OK);
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
}

/// Once because the server says so, and once more because this process knows.
#[actix_web::test]
async fn a_request_that_the_store_refuses_is_served_another_page_in_place() {
    let server = Server::start();
    let start = |engine: &Engine| {
        let action = Action::Rewrite("/later.html".to_owned());
        let rules = vec![
            Rule { action, ..rule("few", "2 per day", Component::Site) },
            rule("time", "1000s per day", Component::Site),
        ];
        TimeBudget::of_site(Site { rules, ..Site::unlimited("site") }, engine.clone())
    };
    let page = async |request: HttpRequest| format!("come back later: {}", request.path());
    let app = || {
        let later = web::get().to(page);
        App::new().route("/later.html", later).default_service(web::to(|| async { "hello" }))
    };
    let answers = where_all_is_asked(&server, async |[one, other]| {
        let one = test::init_service(app().wrap(start(one))).await;
        let other = test::init_service(app().wrap(start(other))).await;
        let mut answers = Vec::new();
        for app in [&one, &other, &one, &other, &one, &other] {
            let get = test::TestRequest::get().uri("/shop?q=1").to_request();
            answers.push(test::call_service(app, get).await);
        }
        answers
    })
    .await;
    for (answer, n) in answers.into_iter().zip(0..) {
        assert_eq!(answer.status(), StatusCode::OK);
        if n < 2 {
            assert_eq!(test::read_body(answer).await, "hello");
            continue;
        }
        assert_eq!(answer.headers().get("x-ratelimit-remaining").unwrap(), "0");
        assert_eq!(test::read_body(answer).await, "come back later: /later.html");
    }
}

#[actix_web::test]
async fn a_store_that_refuses_while_it_cannot_ask_answers_503_and_says_nothing_of_itself() {
    let mut server = Server::start();
    server.kill();
    let app = app!(budget(&engine(&server.uri("on_store_fault=refuse")), "3 per day"));
    let refused = test::call_service(&app, test::TestRequest::get().uri("/").to_request()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers().get("retry-after").unwrap(), "1");
    let body = test::read_body(refused).await;
    assert!(!String::from_utf8_lossy(&body).to_lowercase().contains("redis"));
}

#[actix_web::test]
async fn a_client_that_leaves_while_the_store_asks_holds_no_place() {
    let server = Server::start();
    let app = app!(budget(&engine(&server.uri("")), "1 concurrent"));
    let get = || test::TestRequest::get().uri("/").to_request();
    for _ in 0..50 {
        let mut asked = Box::pin(test::call_service(&app, get()));
        // Polled once, so that the question is under way, and dropped.
        poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_ready())).await;
    }
    let is_free = async || test::call_service(&app, get()).await.status() == StatusCode::OK;
    until("the place is free", is_free).await;
}
