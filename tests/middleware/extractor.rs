//! What a handler can ask of its budget, and tell it.

use std::sync::{Arc, Mutex};

use actix_web::dev::Service as _;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse};
use futures_util::stream;
use timebudget::Budget;
use timebudget::Micros;

use crate::harness::{Gate, Listening, SECOND, World, secs, serve};

/// What handlers leave behind for the test.
type Kept = Data<Mutex<Vec<Micros>>>;

fn start(budget: timebudget::TimeBudget, gate: &Gate) -> Listening {
    let (gate, kept) = (gate.clone(), Arc::new(Mutex::new(Vec::<Micros>::new())));
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .app_data(Kept::from(Arc::clone(&kept)))
            .route("/ask", web::to(ask))
            .route("/charge", web::to(charge))
            .route("/charge-while-streaming", web::to(charge_while_streaming))
            .route("/waive", web::to(waive))
            .route("/waive-late", web::to(waive_late))
            .route("/waived-stream", web::to(waived_stream))
            .route("/linger", web::to(linger))
            .route("/lingered", web::to(async |kept: Kept| format!("{:?}", kept.lock().unwrap())))
            .default_service(web::to(async || "hello"))
    })
}

async fn ask(budget: Budget, gate: Data<Gate>) -> String {
    gate.pass().await;
    let report = budget.report().expect("a budget");
    let numbers = [budget.used().0, report.used, report.limit, report.remaining, report.reset_secs];
    format!("{numbers:?}")
}

async fn charge(budget: Budget) -> &'static str {
    let _ = budget.charge(Micros::from_millis(200));
    let _ = budget.charge(Micros::from_millis(50));
    "charged"
}

async fn charge_while_streaming(budget: Budget) -> HttpResponse {
    let chunks = stream::iter(["one", "two"]);
    HttpResponse::Ok().streaming(futures_util::StreamExt::map(chunks, move |chunk| {
        let _ = budget.charge(Micros::from_millis(50));
        Ok::<_, std::io::Error>(Bytes::from(chunk))
    }))
}

async fn waive(budget: Budget, gate: Data<Gate>) -> &'static str {
    budget.waive();
    gate.pass().await;
    "free"
}

async fn waive_late(budget: Budget, gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    budget.waive();
    "free"
}

/// Sends a chunk each time that it is let through.
async fn waived_stream(budget: Budget, gate: Data<Gate>) -> HttpResponse {
    budget.waive();
    let chunks = stream::unfold((budget, gate), |(budget, gate)| async move {
        gate.pass().await;
        Some((Ok::<_, std::io::Error>(Bytes::from("event")), (budget, gate)))
    });
    HttpResponse::Ok().streaming(Box::pin(chunks))
}

/// Keeps its budget after it has answered.
async fn linger(budget: Budget, gate: Data<Gate>, kept: Kept) -> &'static str {
    actix_web::rt::spawn(async move {
        gate.pass().await;
        let _ = budget.charge(Micros::from_secs(100));
        budget.waive();
        kept.lock().unwrap().push(budget.used());
        gate.pass().await;
    });
    "bye"
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[actix_web::test]
async fn a_handler_can_ask_where_it_stands() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(world.budget("600s per hour"), &gate).connect().await;
    client.send(request("/ask")).await;
    gate.arrivals(1).await;
    world.advance(secs(5));
    gate.open(1);
    let answer = client.answer().await;
    assert_eq!(answer.body, "[5000000, 5000000, 600000000, 595000000, 3595]");
    assert_eq!(answer.remaining(), 595 * SECOND, "as the headers say");
}

#[actix_web::test]
async fn a_handler_can_charge_what_others_have_done_for_it() {
    let world = World::new();
    let mut client = start(world.budget("600s per hour"), &Gate::new()).connect().await;
    let answer = client.get("/charge").await;
    assert_eq!(answer.standing(), (600 * SECOND, 600 * SECOND - 250_000, 3_600, Some(250_000)));
    world.assert_settled_at(250_000);
}

#[actix_web::test]
async fn a_body_can_charge_while_it_is_made() {
    let world = World::new();
    let mut client = start(world.budget("600s per hour"), &Gate::new()).connect().await;
    assert_eq!(client.get("/charge-while-streaming").await.body, "onetwo");
    world.assert_settled_at(100_000);
}

#[actix_web::test]
async fn a_waived_request_is_free() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(world.budget("600s per hour; 5 per hour"), &gate).connect().await;
    client.get("/").await;
    client.send(request("/waive")).await;
    gate.arrivals(1).await;
    world.advance(secs(5));
    assert_eq!(world.spent(), 1, "from the moment that it is waived");
    gate.open(1);
    let answer = client.answer().await;
    assert_eq!((answer.used(), answer.remaining()), (0, 4), "1 of 5 requests was used before");
    let spent: Vec<_> = world.accounts().iter().map(|account| account.spent).collect();
    assert_eq!(spent, [1, 1]);
}

/// A stream of events that a handler had made free refused all others for as long as it was open.
#[actix_web::test]
async fn a_waived_stream_refuses_nobody_while_it_is_open() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(world.budget("10s per hour"), &gate);
    let mut streaming = server.connect().await;
    streaming.send(request("/waived-stream")).await;
    assert_eq!(streaming.head().await.status, 200);
    let mut other = server.connect().await;
    for _ in 0..20 {
        gate.arrivals(1).await;
        world.advance(secs(50));
        let answer = other.get("/").await;
        assert_eq!((answer.status, answer.remaining() > 9 * SECOND), (200, true));
        gate.open(1);
        assert_eq!(streaming.chunk().await, "event");
    }
}

#[actix_web::test]
async fn what_a_waived_request_cost_an_ended_window_stays_there() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(world.budget("600s per hour"), &gate).connect().await;
    world.advance(secs(3_590));
    client.send(request("/waive-late")).await;
    gate.arrivals(1).await;
    world.advance(secs(15));
    assert_eq!(world.spent(), 5 * SECOND);
    gate.open(1);
    assert_eq!(client.answer().await.remaining(), 600 * SECOND);
    world.assert_settled_at(0);
}

#[actix_web::test]
async fn a_waived_request_returns_no_more_than_the_window_was_charged_even_if_the_clock_was_set() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(world.budget("600s per hour"), &gate).connect().await;
    world.advance(secs(3_590));
    client.send(request("/waive-late")).await;
    gate.arrivals(1).await;
    world.clock().set_wall_by(1_800);
    world.advance(secs(15));
    gate.open(1);
    client.answer().await;
    world.assert_settled_at(0);
    client.get("/").await;
    assert_eq!(world.spent(), 1, "nobody has a credit");
}

#[actix_web::test]
async fn a_waived_request_teaches_nothing() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(world.budget("600s per hour"), &gate);
    let mut client = server.connect().await;
    client.send(request("/waive-late")).await;
    gate.arrivals(1).await;
    world.advance(secs(50));
    gate.open(1);
    client.answer().await;
    client.send(request("/waive-late")).await;
    gate.arrivals(1).await;
    assert_eq!(world.account().hold, SECOND, "as of a rule of which no request has ended");
    gate.open(1);
    client.answer().await;
}

#[actix_web::test]
async fn a_budget_that_outlives_its_request_changes_nothing() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(world.budget("600s per hour"), &gate);
    let mut client = server.connect().await;
    assert_eq!(client.get("/linger").await.body, "bye");
    gate.arrivals(1).await;
    world.advance(secs(5));
    gate.open(1);
    gate.arrivals(1).await;
    assert_eq!(world.spent(), 1);
    assert_eq!(client.get("/lingered").await.body, format!("{:?}", [Micros::ZERO]));
    gate.open(1);
}

#[actix_web::test]
async fn without_a_budget_there_is_nothing_to_report_and_nothing_to_charge() {
    let server = serve(|| {
        App::new().default_service(web::to(async |budget: Budget| {
            let _ = budget.charge(Micros::from_secs(5));
            budget.waive();
            format!("{:?} {}", budget.report().map(|report| report.used), budget.used().0)
        }))
    });
    assert_eq!(server.connect().await.get("/").await.body, "None 0");
}

#[actix_web::test]
async fn an_exempt_request_has_no_budget_though_the_one_before_it_on_the_connection_had() {
    let world = World::new();
    let file = r#"{"rate_limit": "600s per hour", "rate_limit_exempt": {"path": "/health"}}"#;
    let budget = world.budget_of(file);
    let server = serve(move || {
        App::new().wrap(budget.clone()).default_service(web::to(async |budget: Budget| {
            let _ = budget.charge(Micros::from_secs(1));
            budget.report().is_some().to_string()
        }))
    });
    let mut client = server.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.body, "true");
        assert_eq!(client.get("/health").await.body, "false");
    }
    assert_eq!(world.spent(), 3 * SECOND);
}

/// Several requests run in one worker, each of which is found from within its own handler.
#[actix_web::test]
async fn requests_that_take_turns_keep_their_own_budgets() {
    let (world, gate) = (World::new(), Gate::new());
    let (budget, inside) = (world.budget("600s per hour"), gate.clone());
    let server = serve(move || {
        let gate = inside.clone();
        App::new()
            .wrap_fn(move |request, service| {
                let (answer, gate) = (service.call(request), gate.clone());
                async move {
                    gate.pass().await;
                    answer.await
                }
            })
            .wrap(budget.clone())
            .route("/{secs}", web::to(charge_secs))
    });
    let mut clients = Vec::new();
    for secs in 1..=6 {
        let mut client = server.connect().await;
        client.send(request(&format!("/{secs}"))).await;
        gate.arrivals(1).await;
        clients.push(client);
    }
    gate.open(6);
    for (client, secs) in clients.iter_mut().zip(1..) {
        assert_eq!(client.answer().await.used(), secs * SECOND);
    }
    world.assert_settled_at(21 * SECOND);
}

async fn charge_secs(budget: Budget, secs: web::Path<u64>) -> &'static str {
    let _ = budget.charge(Micros::from_secs(*secs));
    "charged"
}

#[actix_web::test]
async fn of_two_budgets_a_handler_is_given_the_inner_one() {
    let outside = World::new();
    let inside = World::beside(&outside);
    let (outer, inner) = (outside.budget("600s per hour"), inside.budget("600s per hour"));
    let server = serve(move || {
        App::new().route("/{secs}", web::to(charge_secs)).wrap(inner.clone()).wrap(outer.clone())
    });
    server.connect().await.get("/5").await;
    assert_eq!((outside.spent(), inside.spent()), (1, 5 * SECOND));
}
