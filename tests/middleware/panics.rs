//! Closures that panic: the connection ends as if the handler had, and no account is charged wrongly.

use actix_web::dev::ServiceRequest;
use actix_web::web;
use actix_web::{App, HttpResponse};
use timebudget::RuleBuilder;
use timebudget::TimeBudget;

use crate::harness::{Listening, World, serve};

/// A rule in a budget of an engine, within another one on an engine of its own.
fn start(outer: &World, inner: &World, rule: RuleBuilder) -> Listening {
    let (outer, inner) = (outer.budget("600s per hour; 5 concurrent"), inner.build(rule));
    serve(move || {
        App::new()
            .service(web::scope("").wrap(inner.clone()).default_service(web::to(async || "hello")))
            .wrap(outer.clone())
    })
}

fn is_bad(request: &ServiceRequest) -> bool {
    request.path() == "/bad"
}

/// Panics over a bad request.
fn is_good(request: &ServiceRequest) -> bool {
    assert!(!is_bad(request), "a bad request");
    true
}

async fn is_hung_up_on(server: &Listening) -> bool {
    let mut client = server.connect().await;
    client.send("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.is_hung_up_on().await
}

/// What the accounts have spent, and how many requests they think run.
fn charged(world: &World) -> Vec<(u64, u32)> {
    world.accounts().iter().map(|account| (account.spent, account.admitted)).collect()
}

#[actix_web::test]
async fn a_closure_that_panics_before_the_decision_charges_the_inner_rule_nothing() {
    let panicking: [fn(RuleBuilder) -> RuleBuilder; 5] = [
        |rule| rule.key_by(|request| is_good(request).then(|| "key".to_owned())),
        |rule| rule.cost_by(|request| u64::from(is_good(request))),
        |rule| rule.when_by(is_good),
        |rule| rule.exempt_by(|request| !is_good(request)),
        |rule| rule.limits_by(|request| is_good(request).then(|| ["3 per hour".parse().unwrap()])),
    ];
    for panics in panicking {
        let (outer, inner) = (World::new(), World::new());
        let server = start(&outer, &inner, panics(TimeBudget::rule("a", "3 per hour")));
        assert_eq!(server.connect().await.get("/good").await.status, 200);
        for _ in 0..3 {
            assert!(is_hung_up_on(&server).await);
        }
        assert_eq!(charged(&inner), [(1, 0)], "the good one");
        assert_eq!(charged(&outer), [(4, 0), (0, 0)], "a microsecond each, as when a handler panics");
        assert_eq!(server.connect().await.get("/good").await.remaining(), 1);
    }
}

#[actix_web::test]
async fn a_closure_that_panics_over_an_answer_leaves_the_request_charged() {
    let (outer, inner) = (World::new(), World::new());
    let rule = TimeBudget::rule("a", "3 per hour; 2 concurrent").key(timebudget::Component::Site);
    let server = start(&outer, &inner, rule.charge_by(|_| panic!("no")));
    for _ in 0..3 {
        assert!(is_hung_up_on(&server).await);
    }
    assert_eq!(charged(&inner), [(3, 0), (0, 0)]);
    assert_eq!(charged(&outer), [(3, 0), (0, 0)]);
    assert_eq!(server.connect().await.get("/bad").await.status, 429);
}

#[actix_web::test]
async fn a_closure_that_panics_over_a_refusal_charges_nobody_for_what_is_refused() {
    let panicking: [fn(RuleBuilder) -> RuleBuilder; 3] = [
        |rule| rule.message_by(|_, _| panic!("no")),
        |rule| rule.respond_with(|_, _| -> HttpResponse { panic!("no") }),
        |rule| rule.on_refusal(|_, _| panic!("no")),
    ];
    for panics in panicking {
        let (outer, inner) = (World::new(), World::new());
        let rule = TimeBudget::rule("a", "3 per hour").cost_by(|request| if is_bad(request) { 4 } else { 1 });
        let server = start(&outer, &inner, panics(rule));
        assert!(is_hung_up_on(&server).await);
        assert_eq!(charged(&inner), [(0, 0)]);
        assert_eq!(charged(&outer), [(0, 0), (0, 0)]);
        assert_eq!(server.connect().await.statuses("/good", 3).await, [200; 3]);
    }
}
