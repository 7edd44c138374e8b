//! What is not timed: waiting for the client to send its body, or to take what it has been sent.

use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{App, HttpResponse};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::net::TcpSocket;

use crate::harness::{Client, Event, Gate, Listening, SECOND, World, secs, serve};

const MEGABYTE: usize = 1 << 20;

fn start(world: &World, gate: &Gate) -> Listening {
    let (budget, gate) = (world.budget("3000s per hour"), gate.clone());
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .app_data(web::PayloadConfig::new(64 * MEGABYTE))
            .route("/whole", web::to(async |body: Bytes| body.len().to_string()))
            .route("/peek", web::to(peek))
            .route("/unread", web::to(async |gate: Data<Gate>, _unread: Payload| gate_then_done(&gate).await))
            .route("/read-then-work", web::to(async |_: Bytes, gate: Data<Gate>| gate_then_done(&gate).await))
            .route("/echo", web::to(async |body: Payload| HttpResponse::Ok().streaming(body)))
            .route("/large", web::to(large))
    })
}

async fn gate_then_done(gate: &Gate) -> &'static str {
    gate.pass().await;
    "done"
}

/// Asks for the body once, and then waits for something else, such as a database.
async fn peek(mut body: Payload, gate: Data<Gate>) -> &'static str {
    assert!(body.next().now_or_never().is_none(), "nothing was sent yet");
    gate_then_done(&gate).await
}

/// 64 chunks of a megabyte, all of which could be made at once.
async fn large() -> HttpResponse {
    let chunk = Bytes::from(vec![b'x'; MEGABYTE]);
    HttpResponse::Ok().streaming(stream::iter(vec![chunk; 64]).map(Ok::<_, std::io::Error>))
}

/// A client whose kernel takes next to nothing that it does not read.
async fn slow_reader(server: &Listening) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket");
    Client::over(socket.connect(server.address).await.expect("it listens"))
}

#[actix_web::test]
async fn a_slow_uploader_is_not_charged_while_an_extractor_waits_for_its_body() {
    let mut world = World::new();
    let mut client = start(&world, &Gate::new()).connect().await;
    client.send("POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await;
    world.is_quiet().await;
    world.advance(secs(100));
    client.send("01234").await;
    world.is_quiet().await;
    world.advance(secs(100));
    client.send("56789").await;
    let answer = client.answer().await;
    assert_eq!((answer.body.as_str(), answer.used()), ("10", 1));
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_slow_uploader_of_chunks_is_not_charged_either() {
    let mut world = World::new();
    let mut client = start(&world, &Gate::new()).connect().await;
    client.send("POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    world.is_quiet().await;
    world.advance(secs(100));
    client.send("5\r\n01234\r\n").await;
    world.is_quiet().await;
    world.advance(secs(100));
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.body, "5");
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_client_that_asks_for_an_upgrade_and_sends_nothing_is_waited_for() {
    // The rest of such a connection is the request's body, whatever the handler makes of it.
    for request in ["GET /whole HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"] {
        let mut world = World::new();
        let mut client = start(&world, &Gate::new()).connect().await;
        client.send(request).await;
        world.is_quiet().await;
        world.advance(secs(100));
        assert_eq!(world.spent(), 0);
        client.reset();
        world.saw(Event::Settled).await;
        world.assert_settled_at(1);
    }
}

#[actix_web::test]
async fn work_after_the_body_has_arrived_is_charged() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send("POST /read-then-work HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
    gate.arrivals(1).await;
    world.advance(secs(7));
    gate.open(1);
    assert_eq!(client.answer().await.used(), 7 * SECOND);
}

#[actix_web::test]
async fn a_body_that_nobody_asks_for_is_not_waited_for() {
    let (world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n").await;
    gate.arrivals(1).await;
    world.advance(secs(7));
    gate.open(1);
    assert_eq!(client.answer().await.used(), 7 * SECOND);
}

#[actix_web::test]
async fn a_handler_that_asked_once_and_then_works_is_charged_from_its_next_poll_on() {
    let (mut world, gate) = (World::new(), Gate::new());
    let mut client = start(&world, &gate).connect().await;
    client.send("POST /peek HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n").await;
    world.saw(Event::Paused).await;
    // HTTP/1 polls the handler at each event of the socket.
    client.send("h").await;
    world.saw(Event::Resumed).await;
    world.advance(secs(7));
    assert_eq!(world.spent(), 7 * SECOND);
    gate.open(1);
    assert_eq!(client.answer().await.used(), 7 * SECOND);
    world.assert_settled_at(7 * SECOND);
}

#[actix_web::test]
async fn a_response_that_is_made_of_the_requests_body_waits_for_the_client_too() {
    let mut world = World::new();
    let mut client = start(&world, &Gate::new()).connect().await;
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n").await;
    client.head().await;
    world.is_quiet().await;
    world.advance(secs(100));
    client.send("foobar").await;
    assert_eq!(client.chunk().await, "foobar");
    assert_eq!(client.chunk().await, "");
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_slow_reader_is_not_charged() {
    let mut world = World::new();
    let mut client = slow_reader(&start(&world, &Gate::new())).await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    world.is_quiet().await;
    world.advance(secs(1_000));
    assert_eq!((world.spent(), world.account().admitted), (0, 1));
    assert_eq!(client.answer().await.body.len(), 64 * MEGABYTE);
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_slow_reader_that_hangs_up_is_settled() {
    let mut world = World::new();
    let mut client = slow_reader(&start(&world, &Gate::new())).await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    world.is_quiet().await;
    world.advance(secs(1_000));
    client.reset();
    world.saw(Event::Settled).await;
    world.assert_settled_at(1);
}
