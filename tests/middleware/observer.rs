//! What an observer is told of requests over real sockets.

use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse};
use futures_util::stream;
use timebudget::{Budget, Event, Kind, Observe, TimeBudget, Unit};

use crate::harness::{Listening, World, secs, serve};

/// What happened, a line each, with what time has cost.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn note(&self, what: &str, event: &Event<'_>) {
        let of_time = event.limits().find(|limit| limit.unit() == Unit::Time);
        let cost = of_time.map_or(0, |limit| limit.cost());
        let kind = if event.kind() == Kind::Detached { " elsewhere" } else { "" };
        let route = event.route().name().unwrap_or_else(|| "?".into());
        self.0.lock().unwrap().push(format!("{what}{kind} {route} {cost}"));
    }

    /// What was noted, in any order of workers' ends.
    fn all(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observe for Told {
    fn admitted(&self, event: &Event<'_>) {
        self.note("admitted", event);
    }

    fn refused(&self, event: &Event<'_>) {
        self.note("refused", event);
    }

    fn settled(&self, event: &Event<'_>) {
        self.note("settled", event);
    }
}

fn start(world: &World, rates: &str) -> (Arc<Told>, Listening) {
    let told = Arc::new(Told::default());
    let rule = TimeBudget::rule("site", rates);
    let budget = TimeBudget::builder().rule(rule).engine(&world.engine()).observe(Arc::clone(&told));
    let (budget, clock) = (budget.build().unwrap(), world.clock());
    let pass = move || clock.advance(secs(2));
    let server = serve(move || {
        let (passing, detached) = (pass.clone(), pass.clone());
        App::new()
            .wrap(budget.clone())
            .route(
                "/users/{id}",
                web::to(move || {
                    std::future::ready({
                        passing();
                        "user"
                    })
                }),
            )
            .route("/stream", web::to(chunks))
            .route("/panic", web::to(async || -> &'static str { panic!("as the test wants it") }))
            .route("/broken", web::to(async || HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)))
            .route(
                "/detached",
                web::to(move |budget: Budget| {
                    let work = budget.detached();
                    detached();
                    drop(work);
                    std::future::ready("done")
                }),
            )
    });
    (told, server)
}

async fn chunks() -> HttpResponse {
    let chunks = stream::iter(["a", "b"]).map_ok_bytes();
    HttpResponse::Ok().streaming(chunks)
}

/// Texts as a body's chunks.
trait Chunks: Sized + futures_util::Stream<Item = &'static str> {
    fn map_ok_bytes(self) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
        futures_util::StreamExt::map(self, |text| Ok(Bytes::from_static(text.as_bytes())))
    }
}

impl<S: futures_util::Stream<Item = &'static str>> Chunks for S {}

#[actix_web::test]
async fn requests_are_told_by_route_with_what_they_cost_however_they_end() {
    let world = World::new();
    let (told, server) = start(&world, "600s per hour");
    let mut client = server.connect().await;
    for (path, expected) in [
        ("/users/17", "settled GET /users/{id} 2000000"),
        ("/users/4711", "settled GET /users/{id} 2000000"),
        ("/stream", "settled GET /stream 1"),
        ("/broken", "settled GET /broken 1"),
        ("/nowhere", "settled GET 1"),
    ] {
        client.get(path).await;
        let noted = told.all();
        assert!(noted.len() == 2 && noted[0].starts_with("admitted GET"), "{path}: {noted:?}");
        assert_eq!(noted[1], expected, "{path}");
    }
    client.get("/detached").await;
    let noted = told.all();
    assert!(noted.contains(&"settled elsewhere GET /detached 2000000".to_owned()), "{noted:?}");
    assert_eq!(noted.len(), 4, "{noted:?}");
}

#[actix_web::test]
async fn a_request_whose_handler_panics_is_told_as_settled() {
    let world = World::new();
    let (told, server) = start(&world, "600s per hour");
    server.connect().await.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while told.0.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(told.all(), ["admitted GET /panic 0", "settled GET /panic 1"]);
}

#[actix_web::test]
async fn a_refused_request_is_told_once_with_its_route() {
    let world = World::new();
    let (told, server) = start(&world, "2s per hour");
    let mut client = server.connect().await;
    assert_eq!(client.get("/users/17").await.status, 200);
    told.all();
    assert_eq!(client.get("/users/18").await.status, 429);
    assert_eq!(told.all(), ["refused GET /users/{id} 0"]);
}
