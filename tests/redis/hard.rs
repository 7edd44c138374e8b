//! Hard budgets of several processes: each ends what it runs, by the line that it knows.

use actix_web::http::StatusCode;
use actix_web::{App, test, web};
use futures_util::future;
use timebudget::{Component, Engine, Micros, Overrun, Rule, Site, SystemClock, TimeBudget};

use crate::process::{Process, rule, until};
use crate::server::Server;

fn hard(rates: &str) -> Vec<Rule> {
    vec![Rule { overrun: Overrun::Cut, ..rule("hard", rates, Component::Site) }]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_elsewhere_makes_the_line_steeper() {
    let server = Server::start();
    for mode in ["mode=exact", "mode=batched"] {
        let uri = server.uri(&format!("{mode}&prefix={mode}"));
        let (one, other) =
            (Process::of(&uri, hard("1000s per day")), Process::of(&uri, hard("1000s per day")));
        let mut here = one.admit().await.unwrap();
        assert!(here.cut_in() > Some(Micros::from_secs(500)), "{mode}");
        let there = other.admit().await.unwrap();
        let half = Some(Micros::from_secs(500));
        until("it is heard of", async || here.cut_in() <= half).await;
        assert_eq!(here.time_left().map(Micros::secs_rounded_up).max(Some(500)), Some(500), "{mode}");
        drop(there);
    }
}

/// None of the handlers ends by itself.
#[actix_web::test]
async fn two_applications_end_what_they_run_when_their_budget_is_spent() {
    let server = Server::start();
    for mode in ["mode=exact", "mode=batched"] {
        let uri = server.uri(&format!("{mode}&prefix={mode}"));
        let engine = || Engine::over(timebudget::store::open(&uri).unwrap(), SystemClock::new());
        let budget = || {
            let site = Site { rules: hard("2s per day"), ..Site::unlimited("site") };
            TimeBudget::of_site(site, engine())
        };
        let app = async || {
            let forever = web::to(future::pending::<&str>);
            test::init_service(App::new().wrap(budget()).default_service(forever)).await
        };
        let (one, other) = (app().await, app().await);
        let ask = |app| test::try_call_service(app, test::TestRequest::get().uri("/").to_request());
        let asked = future::join_all([ask(&one), ask(&other), ask(&one), ask(&other)]);
        for answer in asked.await {
            let status =
                answer.map_or_else(|cut| cut.as_response_error().status_code(), |served| served.status());
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{mode}");
        }
    }
}
