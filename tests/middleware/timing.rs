//! What is timed: the server's time, while it passes.

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse};

use crate::harness::{Event, Gate, Listening, SECOND, Spout, Tap, World, secs, serve, slow};

/// `/slow` waits at the gate, `/stream` answers what comes out of the spout, everything else answers at once.
fn start(world: &World, rates: &str, gate: &Gate, spout: &Spout) -> Listening {
    let (budget, gate, spout) = (world.budget(rates), gate.clone(), spout.clone());
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .app_data(Data::new(spout.clone()))
            .route("/slow", web::to(slow))
            .route("/stream", web::to(stream))
            .default_service(web::to(async || "hello"))
    })
}

async fn stream(spout: Data<Spout>) -> HttpResponse {
    HttpResponse::Ok().streaming(spout.body())
}

#[actix_web::test]
async fn a_request_is_charged_what_it_takes_to_the_microsecond() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(&world, "600s per hour", &gate, &Spout::dry());
    let mut client = server.connect().await;
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(std::time::Duration::from_micros(1_234_567));
    gate.open(1);
    let answer = client.answer().await;
    assert_eq!(answer.standing(), (600 * SECOND, 600 * SECOND - 1_234_567, 3_599, Some(1_234_567)));
    world.assert_settled_at(1_234_567);
}

#[actix_web::test]
async fn a_served_request_costs_at_least_a_microsecond_and_says_so() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, "10us per hour", &gate, &Spout::dry()).connect().await;
    assert_eq!(client.get("/").await.standing(), (10, 9, 3_600, Some(1)));
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_running_request_counts_while_it_runs() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(&world, "10s per hour", &gate, &Spout::dry());
    let mut first = server.connect().await;
    first.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(secs(4));
    assert_eq!(world.spent(), 4 * SECOND);

    let mut second = server.connect().await;
    let answer = second.get("/").await;
    assert_eq!(answer.status, 200);
    // 4 s are spent; the first request is expected to take as long again, and a twentieth of the quota, for want of a past.
    assert_eq!(answer.remaining(), 2 * SECOND - 500_000 - 1);

    world.advance(secs(6));
    assert_eq!(second.get("/").await.status, 429, "the first request alone has spent the budget");
    gate.open(1);
    assert_eq!(first.answer().await.used(), 10 * SECOND);
    world.assert_settled_at(10 * SECOND + 1);
}

#[actix_web::test]
async fn two_requests_side_by_side_cost_twice_the_time() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(&world, "600s per hour", &gate, &Spout::dry());
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    one.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    other.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(2).await;
    world.advance(secs(3));
    assert_eq!(world.spent(), 6 * SECOND);
    gate.open(2);
    assert_eq!((one.answer().await.used(), other.answer().await.used()), (3 * SECOND, 3 * SECOND));
    world.assert_settled_at(6 * SECOND);
}

#[actix_web::test]
async fn a_request_over_the_windows_edge_pays_each_window_its_part() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(&world, "600s per hour", &gate, &Spout::dry());
    let mut client = server.connect().await;
    world.advance(secs(3_590));
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(secs(9));
    assert_eq!(world.spent(), 9 * SECOND, "still in the old window");
    world.advance(secs(6));
    assert_eq!(world.spent(), 5 * SECOND, "of the new window");
    gate.open(1);
    let answer = client.answer().await;
    assert_eq!(answer.standing(), (600 * SECOND, 595 * SECOND, 3_595, Some(15 * SECOND)));
    world.assert_settled_at(5 * SECOND);
}

#[actix_web::test]
async fn the_last_chunk_of_a_body_is_charged() {
    let (mut world, gate, (tap, spout)) = (World::new(), Gate::new(), Tap::new());
    let server = start(&world, "600s per hour", &gate, &spout);
    let mut client = server.connect().await;
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.head().await.used(), 0, "the head says what it costs up to the head");

    world.saw(Event::Resumed).await;
    world.advance(secs(2));
    tap.send("one");
    assert_eq!(client.chunk().await, "one");
    assert_eq!(world.spent(), 2 * SECOND);

    world.saw(Event::Resumed).await;
    world.advance(secs(3));
    tap.send("two");
    assert_eq!(client.chunk().await, "two");

    world.saw(Event::Resumed).await;
    world.advance(secs(5));
    drop(tap);
    assert_eq!(client.chunk().await, "");
    world.assert_settled_at(10 * SECOND);
    assert_eq!(world.count(Event::Settled), 1);
}

#[actix_web::test]
async fn a_complete_body_is_settled_with_its_head() {
    let (mut world, gate) = (World::new(), Gate::new());
    let server = start(&world, "600s per hour", &gate, &Spout::dry());
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "hello");
    assert_eq!((world.count(Event::Paused), world.account().admitted), (0, 0));
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn requests_of_one_connection_are_charged_one_by_one() {
    let (mut world, gate) = (World::new(), Gate::new());
    let server = start(&world, "600s per hour", &gate, &Spout::dry());
    let mut client = server.connect().await;
    for expected in 1..=5 {
        client.get("/").await;
        assert_eq!(world.spent(), expected);
    }
    assert_eq!(world.count(Event::Settled), 5);
}
