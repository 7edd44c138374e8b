//! All limits that applied to a request, as a handler and outer middleware read them.

use std::sync::{Arc, Mutex};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpMessage as _, error};
use timebudget::{Budget, Watch};
use timebudget::{LimitReport, Micros, TimeBudget};

use crate::harness::{Gate, Listening, World, secs, serve};

type Log = Data<Mutex<Vec<String>>>;

/// Writes down where all limits stand, outside of all budgets.
async fn write_down(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let log = request.app_data::<Log>().expect("a log").clone();
    let watch = Watch::new();
    let answer = watch.during(|| next.call(request)).await;
    log.lock().unwrap().push(told(&watch.limits()));
    answer
}

fn told(limits: &[LimitReport]) -> String {
    let line = |LimitReport { rule, limit, report, refuses, .. }: &LimitReport| {
        let (used, remaining, refuses) = (report.used, report.remaining, if *refuses { "!" } else { "" });
        format!("{rule}{refuses} {limit}: {used} {remaining}")
    };
    limits.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn start(world: &World, log: &Arc<Mutex<Vec<String>>>) -> Listening {
    let outer = world.budget_of(
        r#"{"rate_limit_exempt": {"path": "/free"}, "rate_limit_rules": [
            {"name": "all", "key": "site", "limits": "60s per minute; 9 concurrent"},
            {"name": "shadow", "shadow": true, "limits": "1 per hour"}]}"#,
    );
    let inner = world.build(TimeBudget::rule("inner", "2 per hour; 5 per day"));
    let log = Log::from(Arc::clone(log));
    serve(move || {
        App::new()
            .app_data(log.clone())
            .route("/free", web::to(async |budget: Budget| told(&budget.limits())))
            .service(
                web::scope("")
                    .wrap(inner.clone())
                    .route("/error", web::to(async || Err::<&str, _>(error::ErrorBadRequest("no"))))
                    .default_service(web::to(async |budget: Budget| {
                        let _ = budget.charge(Micros(99));
                        told(&budget.limits())
                    })),
            )
            .wrap(outer.clone())
            .wrap(from_fn(write_down))
    })
}

#[actix_web::test]
async fn a_handler_reads_the_limits_of_all_budgets_around_it() {
    let world = World::new();
    let mut client = start(&world, &Arc::default()).connect().await;
    assert_eq!(
        client.get("/").await.body,
        "all 60s per minute: 0 60000000, all 9 concurrent: 1 8, shadow 1 per hour: 1 0, \
         inner 2 per hour: 1 1, inner 5 per day: 1 4"
    );
    assert_eq!(client.get("/free").await.body, "", "no budget decides over it");
}

#[actix_web::test]
async fn outer_middleware_reads_them_after_the_answer_and_of_refusals_and_errors_too() {
    let (world, log) = (World::new(), Arc::default());
    let mut client = start(&world, &log).connect().await;
    for (path, status) in [("/", 200), ("/error", 400), ("/", 429), ("/free", 200)] {
        assert_eq!(client.get(path).await.status, status);
    }
    let log = log.lock().unwrap();
    assert_eq!(
        *log,
        [
            "all 60s per minute: 1 59999999, all 9 concurrent: 1 9, shadow 1 per hour: 1 0, \
             inner 2 per hour: 1 1, inner 5 per day: 1 4",
            "all 60s per minute: 1 59999998, all 9 concurrent: 1 9, shadow 1 per hour: 0 0, \
             inner 2 per hour: 1 0, inner 5 per day: 1 3",
            "all 60s per minute: 0 59999998, all 9 concurrent: 1 9, shadow 1 per hour: 0 0, \
             inner! 2 per hour: 0 0, inner 5 per day: 0 3",
            "",
        ]
    );
}

#[actix_web::test]
async fn one_who_watches_outside_of_another_sees_what_that_one_sees() {
    let (world, log) = (World::new(), Log::default());
    let (budget, shared) = (world.budget("3 per hour"), log.clone());
    let server = serve(move || {
        App::new()
            .app_data(shared.clone())
            .wrap(budget.clone())
            .wrap(from_fn(write_down))
            .wrap(from_fn(write_down))
            .default_service(web::to(async || "hello"))
    });
    assert_eq!(server.connect().await.get("/").await.status, 200);
    assert_eq!(*log.lock().unwrap(), ["budget 3 per hour: 1 2"; 2]);
}

/// Nothing is borrowed while the application's code runs, or such a closure would panic.
#[actix_web::test]
async fn closures_may_look_at_the_limits_of_the_request_that_they_are_about() {
    let (world, log) = (World::new(), Log::default());
    let seen = Log::clone(&log);
    let rule = TimeBudget::rule("a", "1 per hour")
        .cost_by(|request| 1 + watched(request).len() as u64)
        .on_refusal(move |request, _| seen.lock().unwrap().push(told(&watched(request))));
    let budget = world.build(rule);
    let server = serve(move || {
        let app = App::new().wrap(budget.clone()).wrap(from_fn(keep_watch));
        app.default_service(web::to(async || "hello"))
    });
    assert_eq!(server.connect().await.statuses("/", 2).await, [200, 429]);
    assert_eq!(*log.lock().unwrap(), ["a! 1 per hour: 0 0"]);
}

/// Leaves a watch with the request.
async fn keep_watch(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let watch = Watch::new();
    request.extensions_mut().insert(watch.clone());
    watch.during(|| next.call(request)).await
}

fn watched(request: &ServiceRequest) -> Vec<LimitReport> {
    request.extensions().get::<Watch>().expect("a watch").limits()
}

#[actix_web::test]
async fn requests_side_by_side_are_not_taken_for_each_other() {
    let (world, gate) = (World::new(), Gate::new());
    let (budget, stop, log) = (
        world.build(TimeBudget::rule("a", "9 per hour").key_by(|r| Some(r.path().to_owned()))),
        gate.clone(),
        Log::default(),
    );
    let shared = log.clone();
    let server = serve(move || {
        App::new()
            .app_data(Data::new(stop.clone()))
            .app_data(shared.clone())
            .wrap(budget.clone())
            .wrap(from_fn(write_down))
            .default_service(web::to(async |gate: Data<Gate>| {
                gate.pass().await;
                "done"
            }))
    });
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect().await;
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        gate.arrivals(1).await;
        clients.push(client);
    }
    gate.open(4);
    for client in &mut clients {
        client.answer().await;
    }
    assert_eq!(
        *log.lock().unwrap(),
        ["a 9 per hour: 1 5"; 4],
        "one each, and all where the account stands now"
    );
}

/// Writes down who asked, what answered, what refused, and what was charged.
async fn write_down_who(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let log = request.app_data::<Log>().expect("a log").clone();
    let watch = Watch::new();
    let answer = watch.during(|| next.call(request)).await;
    let site = watch.limiter().map(|limiter| limiter.site().name.clone()).unwrap_or_default();
    let client = watch.client().map(|client| client.to_string()).unwrap_or_default();
    let refused = watch.refused_by().map_or_else(|| "nobody".to_owned(), |rule| rule.to_string());
    log.lock().unwrap().push(format!("{site} {client} {refused} {}", watch.charged().0));
    answer
}

#[actix_web::test]
async fn a_watch_tells_the_site_the_client_what_was_charged_and_who_refused() {
    let world = World::new();
    let budget = world.budget_of(
        r#"{"rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_exempt": {"path": "/free"}, "rate_limit_rules": [
            {"name": "all", "key": "site", "limits": "60s per minute"},
            {"name": "one", "when": {"path": "/one"}, "limits": "1 per hour", "action": {"rewrite": "/instead"}},
            {"name": "two", "when": {"path": "/two"}, "limits": "1 per hour"}]}"#,
    );
    let (log, clock) = (Arc::new(Mutex::new(Vec::new())), world.clock());
    let (shared, pass) = (Log::from(Arc::clone(&log)), move || clock.advance(secs(2)));
    let server = serve(move || {
        let pass = pass.clone();
        App::new()
            .app_data(shared.clone())
            .wrap(budget.clone())
            .wrap(from_fn(write_down_who))
            .default_service(web::to(move || {
                pass();
                std::future::ready("done")
            }))
    });
    let mut client = server.connect().await;
    for path in ["/free", "/one", "/one", "/two", "/two"] {
        client.get_with(path, "X-Forwarded-For: 192.0.2.7\r\n").await;
    }
    let site = world.budget_of("{}").limiter().site().name.clone();
    let expected = ["nobody 0", "nobody 2000000", "one 2000000", "nobody 2000000", "two 0"];
    assert_eq!(*log.lock().unwrap(), expected.map(|told| format!("{site} 192.0.2.7 {told}")));
}
