//! HTTP/2, without TLS.

use actix_web::web::{self, Bytes, Data, Payload};
use actix_web::{App, HttpResponse};
use futures_util::{StreamExt as _, stream};
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use timebudget::{Component, Overrun, TimeBudget};
use tokio::net::TcpStream;

use crate::harness::{Event, Gate, Listening, SECOND, World, secs, serve_h2c, slow, soon};

/// As much as a client lets be sent before it has read anything, but for a byte.
const WINDOW: usize = 1 << 16;

fn start(world: &World, gate: &Gate) -> Listening {
    let (budget, gate) = (world.budget("3000s per hour"), gate.clone());
    serve_h2c(move || {
        App::new()
            .wrap(budget.clone())
            .app_data(Data::new(gate.clone()))
            .route("/slow", web::to(slow))
            .route("/whole", web::to(async |body: Bytes| body.len().to_string()))
            .route("/large", web::to(large))
            .route("/echo", web::to(async |body: Payload| HttpResponse::Ok().streaming(body)))
            .default_service(web::to(async || "hello"))
    })
}

async fn large() -> HttpResponse {
    let chunk = Bytes::from(vec![b'x'; WINDOW]);
    HttpResponse::Ok().streaming(stream::iter(vec![chunk; 8]).map(Ok::<_, std::io::Error>))
}

async fn connect(server: &Listening) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.expect("it listens");
    let (sender, connection) = Builder::new().handshake(stream).await.expect("HTTP/2");
    actix_web::rt::spawn(connection);
    sender
}

/// Sends a request; what follows of its body, if it is not the end, goes into the stream.
fn ask(
    sender: &mut SendRequest<Bytes>,
    method: &str,
    path: &str,
    is_end: bool,
) -> (ResponseFuture, SendStream<Bytes>) {
    let request = http::Request::builder().method(method).uri(format!("http://a.example{path}"));
    sender.send_request(request.body(()).expect("a request"), is_end).expect("the connection stands")
}

/// A large answer, of which nothing has been read but its head; the connection stands as long as its sender is kept.
async fn begun() -> (World, SendRequest<Bytes>, http::Response<h2::RecvStream>) {
    let world = World::new();
    let server = start(&world, &Gate::new());
    let mut sender = connect(&server).await;
    let answer = soon(ask(&mut sender, "GET", "/large", true).0).await.expect("an answer");
    (world, sender, answer)
}

fn used(response: &http::Response<h2::RecvStream>) -> u64 {
    response.headers()["x-ratelimit-used"].to_str().expect("digits").parse().expect("a number")
}

#[actix_web::test]
async fn a_request_of_http2_is_charged_live_and_to_the_microsecond() {
    let (world, gate) = (World::new(), Gate::new());
    let server = start(&world, &gate);
    let mut sender = connect(&server).await;
    let (one, _) = ask(&mut sender, "GET", "/slow", true);
    let (other, _) = ask(&mut sender, "GET", "/slow", true);
    gate.arrivals(2).await;
    world.advance(secs(3));
    assert_eq!(world.spent(), 6 * SECOND);
    gate.open(2);
    for answer in [one, other] {
        let answer = soon(answer).await.expect("an answer");
        assert_eq!((answer.status().as_u16(), used(&answer)), (200, 3 * SECOND));
    }
    world.assert_settled_at(6 * SECOND);
}

#[actix_web::test]
async fn a_reset_stream_is_charged_until_its_handler_ends() {
    let (mut world, gate) = (World::new(), Gate::new());
    let server = start(&world, &gate);
    let mut sender = connect(&server).await;
    let (answer, mut stream) = ask(&mut sender, "GET", "/slow", true);
    gate.arrivals(1).await;
    world.advance(secs(2));
    stream.send_reset(Reason::CANCEL);
    drop(answer);
    // A second request on the same connection shows that the server has read the reset.
    soon(ask(&mut sender, "GET", "/", true).0).await.expect("an answer");
    world.saw(Event::Settled).await;
    assert_eq!(world.account().admitted, 1, "nobody has told the handler");
    world.advance(secs(3));
    gate.open(1);
    world.saw(Event::Settled).await;
    world.assert_settled_at(5 * SECOND + 1);
}

#[actix_web::test]
async fn a_lost_connection_of_http2_is_charged_until_its_handlers_end() {
    let (mut world, gate) = (World::new(), Gate::new());
    let server = start(&world, &gate);
    let mut sender = connect(&server).await;
    let answer = ask(&mut sender, "GET", "/slow", true);
    gate.arrivals(1).await;
    drop((answer, sender));
    world.advance(secs(2));
    gate.open(1);
    world.saw(Event::Settled).await;
    world.assert_settled_at(2 * SECOND);
}

#[actix_web::test]
async fn a_slow_uploader_of_http2_is_not_charged_whatever_the_method() {
    for method in ["POST", "GET", "OPTIONS"] {
        let mut world = World::new();
        let server = start(&world, &Gate::new());
        let mut sender = connect(&server).await;
        let (answer, mut body) = ask(&mut sender, method, "/whole", false);
        world.is_quiet().await;
        world.advance(secs(100));
        body.send_data(Bytes::from("01234"), false).expect("the stream stands");
        world.is_quiet().await;
        world.advance(secs(100));
        body.send_data(Bytes::from("56789"), true).expect("the stream stands");
        assert_eq!(used(&soon(answer).await.expect("an answer")), 1, "{method}");
        world.assert_settled_at(1);
    }
}

/// In HTTP/2 no field announces a body: a form came behind what looked like a preflight, and each guess at a password was served.
#[actix_web::test]
async fn what_is_served_as_a_preflight_has_no_body() {
    let world = World::new();
    let budget = world.budget("0 per hour");
    let server = serve_h2c(move || {
        App::new()
            .wrap(budget.clone())
            .default_service(web::to(async |body: Bytes| String::from_utf8_lossy(&body).into_owned()))
    });
    let mut sender = connect(&server).await;
    let preflight = http::Request::builder().method("OPTIONS").uri("http://a.example/login");
    let preflight = preflight.header("origin", "https://b.example");
    let preflight = preflight.header("access-control-request-method", "POST");
    let preflight = preflight.header("content-type", "application/x-www-form-urlencoded");
    let (answer, mut form) =
        sender.send_request(preflight.body(()).expect("a request"), false).expect("it stands");
    form.send_data(Bytes::from("user=ann&password=secret"), true).expect("the stream stands");
    let mut answer = soon(answer).await.expect("an answer");
    assert_eq!(answer.status(), 200, "a preflight is never refused");
    let read = soon(answer.body_mut().data()).await;
    assert!(read.is_none(), "the handler has read {read:?}");
}

#[actix_web::test]
async fn a_slow_reader_of_http2_is_not_charged() {
    let (mut world, _sender, answer) = begun().await;
    // Its window of 64 KB is full.
    world.is_quiet().await;
    world.advance(secs(1_000));
    assert_eq!((world.spent(), world.account().admitted), (0, 1));
    let mut body = answer.into_body();
    let mut read = 0;
    while let Some(chunk) = soon(body.data()).await {
        let length = chunk.expect("the stream stands").len();
        body.flow_control().release_capacity(length).expect("so much was taken");
        read += length;
    }
    assert_eq!(read, 8 * WINDOW);
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn a_stream_that_is_reset_within_its_body_is_settled() {
    let (mut world, _sender, answer) = begun().await;
    world.is_quiet().await;
    world.advance(secs(1_000));
    drop(answer);
    world.saw(Event::Settled).await;
    world.assert_settled_at(1);
}

#[actix_web::test]
async fn the_authority_of_http2_is_its_host() {
    use std::sync::Arc;
    use timebudget::config::Loaded;
    let world = World::new();
    let here = crate::harness::site("a.example", r#"{"rate_limit": "11s per hour"}"#);
    let fallback = crate::harness::site("*", r#"{"rate_limit": "33s per hour"}"#);
    let mut loaded = Loaded::from_site(fallback);
    loaded.sites = vec![("a.example".to_owned(), Arc::new(here))];
    let budget = TimeBudget::of_sites(Arc::new(timebudget::Sites::new(loaded, world.engine())));
    let server =
        serve_h2c(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let answer = soon(ask(&mut connect(&server).await, "GET", "/", true).0).await.expect("an answer");
    assert_eq!(answer.headers()["x-ratelimit-limit"], "11000000");
}

#[actix_web::test]
async fn rules_see_the_same_of_a_request_of_http2() {
    let world = World::new();
    let file = r#"{"rate_limit_rules": [
        {"name": "a", "when": {"path": "/api/login", "header": {"x-a": {"regex": "Bad"}}}, "key": "cookie:sid", "limits": "1 per hour"}]}"#;
    let budget = world.budget_of(file);
    let server =
        serve_h2c(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello")));
    let mut sender = connect(&server).await;
    for (path, cookies, status) in [
        ("/api/login", ["x=1", "sid=a"], 200),
        ("//api/%6cogin/", ["sid=%61", "sid=b"], 429),
        ("/api/login", ["sid=b", "sid=a"], 200),
        ("/api", ["sid=b", "sid=a"], 200),
    ] {
        let mut request = http::Request::builder().uri(format!("http://a.example{path}"));
        request = request.header("x-a", http::HeaderValue::from_bytes(b"\xe9Bad").expect("bytes"));
        for cookie in cookies {
            request = request.header("cookie", cookie);
        }
        let (answer, _) = sender.send_request(request.body(()).expect("a request"), true).expect("it stands");
        assert_eq!(soon(answer).await.expect("an answer").status(), status, "{path} {cookies:?}");
    }
}

#[actix_web::test]
async fn a_body_that_has_begun_is_reset_when_its_budget_is_spent() {
    let (world, gate) = (World::new(), Gate::new());
    let rule = TimeBudget::rule("hard", "60s per hour").key(Component::Site).overrun(Overrun::Cut);
    let (budget, stops_at) = (world.build(rule), gate.clone());
    let server = serve_h2c(move || {
        let gate = stops_at.clone();
        App::new().wrap(budget.clone()).app_data(Data::new(gate)).default_service(web::to(endless))
    });
    let mut sender = connect(&server).await;
    let (response, _) = ask(&mut sender, "GET", "/", true);
    let mut response = soon(response).await.expect("a response");
    assert_eq!(response.status(), 200);
    gate.arrivals(1).await;
    world.advance(secs(60));
    let ended = soon(response.body_mut().data()).await.expect("no orderly end");
    assert!(ended.is_err(), "{ended:?}");
    let (refused, _) = ask(&mut sender, "GET", "/", true);
    assert_eq!(soon(refused).await.expect("a response").status(), 429);
    world.assert_settled_at(60 * SECOND);
}

async fn endless(gate: Data<Gate>) -> HttpResponse {
    let wait = stream::once(async move {
        gate.pass().await;
        Ok::<_, std::io::Error>(Bytes::from_static(b"never"))
    });
    HttpResponse::Ok().streaming(Box::pin(wait))
}
