//! The places of requests, which a worker keeps for others: what is kept with them, and what is not.
//!
//! One worker, without a socket: the others would hold on to what they have yet to hear of.

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use timebudget::config::Loaded;
use timebudget::{Budget, Limiter, Sites, TimeBudget};

use crate::harness::{World, site, soon};

fn loaded(limit: u32) -> Loaded {
    Loaded::from_site(site("*", &format!(r#"{{"rate_limit": "{limit}s per hour"}}"#)))
}

fn in_force(sites: &Sites) -> Weak<Limiter> {
    Arc::downgrade(&sites.limiter(None))
}

/// Waits until a limiter is freed: what is no longer in force is, by a thread, once nobody looks at it.
async fn is_let_go_of(limiter: &Weak<Limiter>) {
    let freed = async {
        while limiter.upgrade().is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(freed).await;
}

/// Each place that a worker kept held on to the site that it was of.
#[actix_web::test]
async fn a_limiter_that_a_reload_has_replaced_is_let_go_of() {
    let world = World::new();
    let sites = Arc::new(Sites::new(loaded(5), world.engine()));
    let before = in_force(&sites);
    let budget = TimeBudget::of_sites(Arc::clone(&sites));
    let app = init_service(App::new().wrap(budget).default_service(web::to(async || "hello"))).await;
    let get = async || call_service(&app, TestRequest::get().to_request()).await.status();
    assert_eq!(get().await, 200);
    sites.replace(loaded(6));
    assert!(before.upgrade().is_some(), "no worker has heard of it");
    assert_eq!(get().await, 200);
    is_let_go_of(&before).await;
}

/// The place of an inner budget's request held on to that of the outer one's, and so to the outer one's site.
#[actix_web::test]
async fn so_is_that_of_a_budget_around_another_one() {
    let world = World::new();
    let outer = Arc::new(Sites::new(loaded(5), world.engine()));
    let inner = TimeBudget::of_site(site("inner", r#"{"rate_limit": "1s per hour"}"#), world.engine());
    let before = in_force(&outer);
    let around = TimeBudget::of_sites(Arc::clone(&outer));
    let scope = web::scope("/inner").wrap(inner).default_service(web::to(async || "hello"));
    let app = App::new().wrap(around).service(scope).default_service(web::to(async || "hello"));
    let app = init_service(app).await;
    let get = async |path| call_service(&app, TestRequest::get().uri(path).to_request()).await.status();
    assert_eq!(get("/inner/a").await, 200);
    outer.replace(loaded(6));
    assert_eq!(get("/elsewhere").await, 200);
    is_let_go_of(&before).await;
}

/// A handler may keep its budget; then the place is its own, and no other request's.
#[actix_web::test]
async fn a_budget_that_outlives_its_request_is_no_other_requests() {
    let world = World::new();
    let site = site("*", r#"{"rate_limit": "5s per hour"}"#);
    let kept: &'static std::sync::Mutex<Vec<u64>> = Box::leak(Box::default());
    let tell = move |budget: Budget| async move {
        assert!(budget.charge(timebudget::Micros::from_secs(1)));
        actix_web::rt::spawn(async move {
            let used = budget.report().map(|report| report.used);
            kept.lock().unwrap().extend(used);
        });
        "hello"
    };
    let app = App::new().wrap(TimeBudget::of_site(site, world.engine())).default_service(web::to(tell));
    let app = init_service(app).await;
    for _ in 0..3 {
        call_service(&app, TestRequest::get().to_request()).await;
    }
    actix_web::rt::task::yield_now().await;
    assert_eq!(*kept.lock().unwrap(), [1_000_000; 3]);
}
