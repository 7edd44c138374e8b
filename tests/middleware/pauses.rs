//! Time that a handler stops, since it waits for something that costs nothing.

use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{App, HttpResponse, rt};
use futures_util::{StreamExt as _, stream};
use timebudget::Budget;

use crate::harness::{Gate, Listening, SECOND, World, secs, serve};

fn start(world: &World, gate: &Gate) -> Listening {
    let (outer, inner, gate) = (world.budget("600s per hour"), world.budget("600s per day"), gate.clone());
    serve(move || {
        let nested = web::scope("/nested").wrap(inner.clone()).route("", web::to(long_poll));
        App::new()
            .wrap(outer.clone())
            .app_data(Data::new(gate.clone()))
            .route("/long-poll", web::to(long_poll))
            .route("/twice", web::to(twice))
            .route("/forgetful", web::to(forgetful))
            .route("/events", web::to(events))
            .route("/upload", web::to(upload))
            .service(nested)
            .default_service(web::to(async || "hello"))
    })
}

async fn long_poll(budget: Budget, gate: Data<Gate>) -> &'static str {
    gate.pass().await;
    budget.pause();
    gate.pass().await;
    budget.resume();
    gate.pass().await;
    "news"
}

async fn twice(budget: Budget, gate: Data<Gate>) -> &'static str {
    budget.resume();
    budget.pause();
    budget.pause();
    gate.pass().await;
    budget.resume();
    budget.resume();
    gate.pass().await;
    "news"
}

async fn forgetful(budget: Budget, gate: Data<Gate>) -> &'static str {
    budget.pause();
    gate.pass().await;
    "news"
}

/// Events that cost nothing until they happen.
async fn events(budget: Budget, gate: Data<Gate>) -> HttpResponse {
    let chunks = stream::unfold((budget, gate), |(budget, gate)| async move {
        budget.pause();
        gate.pass().await;
        budget.resume();
        gate.pass().await;
        Some((Ok::<_, std::io::Error>(Bytes::from("event")), (budget, gate)))
    });
    HttpResponse::Ok().streaming(Box::pin(chunks))
}

/// Waits for its body while another task resumes its time.
async fn upload(budget: Budget, gate: Data<Gate>, mut body: Payload) -> String {
    budget.pause();
    rt::spawn(async move {
        gate.pass().await;
        budget.resume();
        gate.pass().await;
    });
    let mut read = 0;
    while let Some(Ok(chunk)) = body.next().await {
        read += chunk.len();
    }
    read.to_string()
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[actix_web::test]
async fn a_handler_that_waits_for_something_that_costs_nothing_is_not_charged_for_it() {
    for path in ["/long-poll", "/nested"] {
        let (world, gate) = (World::new(), Gate::new());
        let mut client = start(&world, &gate).connect().await;
        client.send(request(path)).await;
        for stage in [1, 500, 2] {
            gate.arrivals(1).await;
            world.advance(secs(stage));
            // Of a request behind this one: whatever comes wakes the handler.
            client.send("GET /").await;
            gate.open(1);
        }
        let answer = client.answer().await;
        assert_eq!((answer.used(), answer.remaining()), (3 * SECOND, 597 * SECOND), "{path}");
    }
}

#[actix_web::test]
async fn a_paused_request_holds_little() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(&world, &gate);
    let mut paused = server.connect().await;
    paused.send(request("/long-poll")).await;
    gate.arrivals(1).await;
    world.advance(secs(590));
    gate.open(1);
    gate.arrivals(1).await;
    world.advance(secs(5));
    let answer = server.connect().await.get("/").await;
    assert_eq!((answer.status, answer.remaining()), (200, 5 * SECOND), "half of 10 s is held");
}

#[actix_web::test]
async fn to_pause_and_to_resume_twice_is_to_do_it_once() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send(request("/twice")).await;
    for stage in [100, 7] {
        gate.arrivals(1).await;
        world.advance(secs(stage));
        gate.open(1);
    }
    assert_eq!(client.answer().await.used(), 7 * SECOND);
    world.assert_settled_at(7 * SECOND);
}

#[actix_web::test]
async fn who_answers_without_resuming_has_the_answer_for_free() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send(request("/forgetful")).await;
    gate.arrivals(1).await;
    world.advance(secs(100));
    gate.open(1);
    client.answer().await;
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_stream_of_events_is_charged_for_what_it_does_about_them() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send(request("/events")).await;
    client.head().await;
    for event in 1..=3 {
        gate.arrivals(1).await;
        world.advance(secs(100));
        gate.open(1);
        gate.arrivals(1).await;
        world.advance(secs(2));
        gate.open(1);
        assert_eq!(client.chunk().await, "event");
        assert_eq!(world.spent(), event * 2 * SECOND);
    }
}

/// What resumes the time is another task, while the handler waits for its client.
#[actix_web::test]
async fn a_wait_for_the_client_stays_free_when_the_time_is_resumed_meanwhile() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(secs(50));
    gate.open(1);
    gate.arrivals(1).await;
    world.advance(secs(70));
    assert_eq!(world.spent(), 0);
    client.send("1234").await;
    assert_eq!(client.answer().await.body, "4");
    world.assert_settled_at(1);
}
