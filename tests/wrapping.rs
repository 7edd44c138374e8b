//! Budgets that are wrapped as they are not meant to be: what is logged of them, and what is not.
//!
//! A program of its own, since what is logged is shared by all of a program's tests.

#[path = "kit/journal.rs"]
mod journal;

use std::sync::{Arc, Barrier};

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpServer, web};
use timebudget::RuleBuilder;
use timebudget::{Component, Engine, TimeBudget};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What was logged of the budget that a line of this file builds.
fn told_of(line: u32) -> Vec<String> {
    let place = format!("tests/wrapping.rs:{line}:");
    journal::lines().into_iter().filter(|told| told.starts_with("WARN") && told.contains(&place)).collect()
}

fn rule() -> RuleBuilder {
    TimeBudget::rule("wrapped", "5 per hour")
}

/// Serves with four workers, sends requests on connections of their own, and counts the 200s.
async fn served<F>(requests: usize, budget: F) -> usize
where
    F: Fn() -> TimeBudget + Send + Clone + 'static,
{
    let server =
        HttpServer::new(move || App::new().wrap(budget()).default_service(web::to(async || "hello")))
            .workers(4)
            .bind(("127.0.0.1", 0))
            .unwrap();
    let address = server.addrs()[0];
    let server = server.disable_signals().run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    let mut served = 0;
    for _ in 0..requests {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        served += usize::from(answer.starts_with(b"HTTP/1.1 200"));
    }
    handle.stop(false).await;
    let _ = serving.await;
    served
}

/// Four workers admitted four times five, and nobody said so.
#[actix_web::test]
async fn a_budget_that_each_worker_builds_is_told_of_once_with_its_line() {
    journal::keep();
    let line = line!() + 1;
    let in_the_factory = || rule().build().unwrap();
    assert_eq!(served(24, in_the_factory).await, 20);
    let told = told_of(line);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("build it outside of the application's factory"), "{told:?}");
}

/// A server needs no system of actix's around it.
#[tokio::test]
async fn a_budget_that_each_worker_builds_is_told_of_under_tokio_too() {
    journal::keep();
    let line = line!() + 1;
    let in_the_factory = || rule().build().unwrap();
    tokio::task::LocalSet::new().run_until(served(24, in_the_factory)).await;
    assert_eq!(told_of(line).len(), 1);
}

#[actix_web::test]
async fn a_budget_that_is_cloned_into_workers_is_not_told_of() {
    journal::keep();
    let line = line!() + 1;
    let built = || rule().build().unwrap();
    let shared = built();
    assert_eq!(served(12, move || shared.clone()).await, 5);
    // Several of one line, each for a server of its own, in one system.
    for _ in 0..2 {
        let another = built();
        assert_eq!(served(12, move || another.clone()).await, 5);
    }
    assert_eq!(told_of(line), [""; 0]);
}

#[actix_web::test]
async fn budgets_of_each_worker_on_one_engine_are_not_told_of() {
    journal::keep();
    let engine = Engine::in_memory();
    let line = line!() + 1;
    let in_the_factory = move || rule().engine(&engine).build().unwrap();
    assert_eq!(served(12, in_the_factory).await, 5);
    assert_eq!(told_of(line), [""; 0]);
}

/// Tests build many applications at one line, at once and one after another.
#[test]
fn tests_that_build_many_applications_are_not_told_of() {
    journal::keep();
    let line = line!() + 1;
    let build = || rule().build().unwrap();
    let all_at_once = Arc::new(Barrier::new(8));
    let threads = [true, false].repeat(4).into_iter().map(|has_system| {
        let all_at_once = Arc::clone(&all_at_once);
        std::thread::spawn(move || {
            let test = async {
                let apps = [build(), build()];
                all_at_once.wait();
                for budget in apps {
                    let app = App::new().wrap(budget).default_service(web::to(async || "hello"));
                    call_service(&init_service(app).await, TestRequest::default().to_request()).await;
                }
            };
            match has_system {
                true => actix_web::rt::System::new().block_on(test),
                false => actix_web::rt::Runtime::new().unwrap().block_on(test),
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(told_of(line), [""; 0]);
}

/// A scope of one budget within another.
async fn ask_within(outer: TimeBudget, inner: TimeBudget) {
    let inside = web::scope("/in").wrap(inner).default_service(web::to(async || "hello"));
    let app = init_service(App::new().wrap(outer).service(inside)).await;
    for _ in 0..2 {
        let request = TestRequest::with_uri("/in/x").peer_addr(([192, 0, 2, 1], 1).into()).to_request();
        call_service(&app, request).await;
    }
}

#[actix_web::test]
async fn a_budget_that_is_wrapped_twice_is_told_of_once_with_its_line() {
    journal::keep();
    let line = line!() + 1;
    let budget = rule().build().unwrap();
    ask_within(budget.clone(), budget).await;
    let told = told_of(line);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("wrapped around a request twice, and its rule wrapped charges it twice"),
        "{told:?}"
    );
}

#[actix_web::test]
async fn two_budgets_of_one_account_are_as_one_that_is_wrapped_twice() {
    journal::keep();
    let engine = Engine::in_memory();
    let outer = rule().engine(&engine).build().unwrap();
    let line = line!() + 1;
    let inner = rule().engine(&engine).build().unwrap();
    ask_within(outer, inner).await;
    assert_eq!(told_of(line).len(), 1);
}

#[actix_web::test]
async fn budgets_within_budgets_are_not_told_of() {
    journal::keep();
    let engine = Engine::in_memory();
    let first = line!();
    let one = TimeBudget::rule("one", "5 per hour").engine(&engine).build().unwrap();
    let another = TimeBudget::rule("another", "5 per hour").engine(&engine).build().unwrap();
    let apart = TimeBudget::rule("one", "5 per hour").build().unwrap();
    let by_path = rule().key(Component::Path).engine(&engine).build().unwrap();
    ask_within(one.clone(), another).await;
    ask_within(one.clone(), apart).await;
    ask_within(one.clone().except("/in"), one).await;
    ask_within(by_path.clone().except("/in/x"), by_path).await;
    for line in first..line!() {
        assert_eq!(told_of(line), [""; 0]);
    }
}

#[actix_web::test]
async fn what_is_suspect_about_a_budget_is_logged_once_when_it_is_wrapped() {
    journal::keep();
    let line = line!() + 1;
    let budget = rule().cost(9).build().unwrap();
    for _ in 0..3 {
        init_service(App::new().wrap(budget.clone())).await;
    }
    let told = told_of(line);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("WARN the rule wrapped: refuses whatever it applies to"), "{told:?}");
}
