//! Settled exactly once, whatever becomes of a request.

use std::future::{Ready, ready};

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::error::{ErrorConflict, ErrorImATeapot};
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpRequest, HttpResponse, Responder};
use tokio::io::AsyncWriteExt as _;

use crate::harness::{Event, Gate, Listening, SECOND, Spout, Tap, World, secs, serve};

fn start(world: &World, gate: &Gate, spout: &Spout) -> Listening {
    let (budget, gate, spout) = (world.budget("600s per hour"), gate.clone(), spout.clone());
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .app_data(Data::new(spout.clone()))
            .route("/ok", web::to(ok))
            .route("/error", web::to(error))
            .route("/panic", web::to(panic))
            .route("/stream", web::to(async |spout: Data<Spout>| HttpResponse::Ok().streaming(spout.body())))
            .route("/upgrade", web::to(upgrade))
    })
}

async fn ok(gate: Data<Gate>) -> HttpResponse {
    gate.pass().await;
    HttpResponse::Ok().finish()
}

async fn error(gate: Data<Gate>) -> Result<HttpResponse, Error> {
    gate.pass().await;
    Err(ErrorConflict("no"))
}

async fn panic(gate: Data<Gate>) -> HttpResponse {
    gate.pass().await;
    panic!("as the test wants it")
}

async fn upgrade(spout: Data<Spout>) -> impl Responder {
    HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS).upgrade("websocket").streaming(spout.body())
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[actix_web::test]
async fn a_response_settles() {
    let (mut world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate, &Spout::dry()).connect().await;
    client.send(request("/ok")).await;
    gate.arrivals(1).await;
    world.advance(secs(2));
    gate.open(1);
    assert_eq!(client.answer().await.used(), 2 * SECOND);
    world.assert_settled_at(2 * SECOND);
    assert_eq!(world.count(Event::Settled), 1);
}

#[actix_web::test]
async fn an_error_of_the_handler_settles_and_bears_headers() {
    let (mut world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate, &Spout::dry()).connect().await;
    client.send(request("/error")).await;
    gate.arrivals(1).await;
    world.advance(secs(2));
    gate.open(1);
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.used()), (409, 2 * SECOND));
    world.assert_settled_at(2 * SECOND);
    assert_eq!(world.count(Event::Settled), 1);
}

#[actix_web::test]
async fn a_handler_that_panics_settles() {
    let (mut world, gate) = (World::new(), Gate::new());
    let server = start(&world, &gate, &Spout::dry());
    let mut client = server.connect().await;
    client.send(request("/panic")).await;
    gate.arrivals(1).await;
    world.advance(secs(2));
    gate.open(1);
    assert!(client.is_hung_up_on().await);
    world.assert_settled_at(2 * SECOND);
    assert_eq!(world.count(Event::Settled), 1);
}

#[actix_web::test]
async fn a_panic_in_the_call_of_an_inner_service_settles() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new()
            .wrap_fn(|_, _| -> Ready<Result<ServiceResponse, Error>> { panic!("as the test wants it") })
            .wrap(budget.clone())
    });
    let mut client = server.connect().await;
    client.send(request("/")).await;
    assert!(client.is_hung_up_on().await);
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn an_error_of_inner_middleware_settles_and_bears_headers() {
    let mut world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new()
            .wrap_fn(|_, _| ready(Err::<ServiceResponse, _>(ErrorImATeapot("no coffee"))))
            .wrap(budget.clone())
    });
    let answer = server.connect().await.get("/").await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "no coffee"));
    assert_eq!(answer.standing(), (600 * SECOND, 600 * SECOND - 1, 3_600, Some(1)));
    world.assert_settled_at(1);
    assert_eq!(world.count(Event::Settled), 1);
}

#[actix_web::test]
async fn headers_survive_outer_middleware_that_answers_the_error_itself() {
    let world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new()
            .wrap_fn(|_, _| ready(Err::<ServiceResponse, _>(ErrorImATeapot("no coffee"))))
            .wrap(budget.clone())
            .wrap_fn(|request, service| {
                let known: HttpRequest = request.request().clone();
                let answer = service.call(request);
                async move {
                    answer
                        .await
                        .map(ServiceResponse::map_into_boxed_body)
                        .or_else(|error| Ok(ServiceResponse::new(known, HttpResponse::from_error(error))))
                }
            })
    });
    let answer = server.connect().await.get("/").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.used()), (418, "no coffee", 1));
}

#[actix_web::test]
async fn a_client_that_resets_while_the_handler_runs_settles() {
    let (mut world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate, &Spout::dry()).connect().await;
    client.send(request("/ok")).await;
    gate.arrivals(1).await;
    world.advance(secs(2));
    client.reset();
    world.saw(Event::Settled).await;
    world.assert_settled_at(2 * SECOND);
}

#[actix_web::test]
async fn a_client_that_resets_within_a_body_settles() {
    let (mut world, gate, (tap, spout)) = (World::new(), Gate::new(), Tap::new());
    let mut client = start(&world, &gate, &spout).connect().await;
    client.send(request("/stream")).await;
    client.head().await;
    world.saw(Event::Resumed).await;
    world.advance(secs(2));
    tap.send("one");
    assert_eq!(client.chunk().await, "one");
    client.reset();
    world.saw(Event::Settled).await;
    world.assert_settled_at(2 * SECOND);
}

#[actix_web::test]
async fn a_client_that_only_ends_its_sending_is_still_served_and_charged() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate, &Spout::dry()).connect().await;
    client.send(request("/ok")).await;
    gate.arrivals(1).await;
    client.stream.shutdown().await.expect("the connection stands");
    world.advance(secs(2));
    assert_eq!(world.account().admitted, 1);
    gate.open(1);
    assert_eq!(client.answer().await.used(), 2 * SECOND);
    world.assert_settled_at(2 * SECOND);
}

#[actix_web::test]
async fn a_call_that_is_dropped_before_its_first_poll_settles() {
    let mut world = World::new();
    let budget = world.budget("600s per hour");
    let server = serve(move || {
        App::new().wrap(budget.clone()).wrap_fn(|request, service| {
            drop(service.call(request));
            ready(Err::<ServiceResponse, _>(ErrorImATeapot("not today")))
        })
    });
    assert_eq!(server.connect().await.get("/").await.status, 418);
    world.assert_settled_at(1);
    assert_eq!(world.count(Event::Settled), 1);
}

#[actix_web::test]
async fn a_server_that_is_shut_down_settles() {
    let (mut world, gate) = (World::new(), Gate::new());
    let server = start(&world, &gate, &Spout::dry());
    let mut client = server.connect().await;
    client.send(request("/ok")).await;
    gate.arrivals(1).await;
    world.advance(secs(2));
    server.handle.stop(false).await;
    world.saw(Event::Settled).await;
    world.assert_settled_at(2 * SECOND);
}

#[actix_web::test]
async fn an_upgraded_connection_is_charged_up_to_its_head() {
    let (world, (tap, spout)) = (World::new(), Tap::new());
    let mut client = start(&world, &Gate::new(), &spout).connect().await;
    client
        .send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!((head.status, head.used()), (101, 1));
    assert_eq!(world.account().admitted, 0);
    world.advance(secs(1_000));
    tap.send("late news");
    assert_eq!(world.spent(), 1);
}
