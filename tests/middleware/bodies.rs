//! Bodies of every kind pass as they are.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse};
use futures_util::stream;

use crate::harness::{Listening, World, serve};

/// A body of five bytes that cannot be taken at once.
struct Hello(Option<Bytes>);

impl MessageBody for Hello {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(5)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}

fn chunks() -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::iter(["he", "llo"].map(|chunk| Ok(Bytes::from(chunk))))
}

fn start(world: &World) -> Listening {
    let budget = world.budget("600s per hour");
    serve(move || {
        App::new()
            .wrap(budget.clone())
            .route(
                "/custom",
                web::to(async || HttpResponse::with_body(StatusCode::OK, Hello(Some("hello".into())))),
            )
            .route("/sized", web::to(async || HttpResponse::Ok().body(SizedStream::new(5, chunks()))))
            .route("/boxed", web::to(async || HttpResponse::with_body(StatusCode::OK, BoxBody::new("hello"))))
            .route(
                "/either",
                web::to(async || {
                    let body: EitherBody<BoxBody, &str> = EitherBody::right("hello");
                    HttpResponse::with_body(StatusCode::OK, body)
                }),
            )
            .route("/stream", web::to(async || HttpResponse::Ok().streaming(chunks())))
            .route("/empty", web::to(async || HttpResponse::Ok().finish()))
            .route(
                "/none",
                web::to(async || HttpResponse::with_body(StatusCode::OK, actix_web::body::None::new())),
            )
            .route("/204", web::to(async || HttpResponse::NoContent().streaming(chunks())))
            .route("/304", web::to(async || HttpResponse::NotModified().streaming(chunks())))
            .route("/broken", web::to(broken))
    })
}

async fn broken() -> HttpResponse {
    let chunks = [Ok(Bytes::from("he")), Err(std::io::Error::other("no more"))];
    HttpResponse::Ok().streaming(stream::iter(chunks))
}

#[actix_web::test]
async fn a_body_of_known_size_keeps_its_content_length() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    for path in ["/custom", "/sized", "/boxed", "/either"] {
        let answer = client.get(path).await;
        assert_eq!((answer.field("content-length"), answer.body.as_str()), (Some("5"), "hello"), "{path}");
        assert_eq!(answer.field("transfer-encoding"), None, "{path}");
        assert_eq!(world.account().admitted, 0, "{path}");
    }
}

#[actix_web::test]
async fn a_body_of_unknown_size_is_chunked() {
    let mut client = start(&World::new()).connect().await;
    let answer = client.get("/stream").await;
    assert_eq!((answer.field("transfer-encoding"), answer.field("content-length")), (Some("chunked"), None));
    assert_eq!(answer.body, "hello");
}

#[actix_web::test]
async fn an_empty_body_differs_from_none() {
    let mut client = start(&World::new()).connect().await;
    assert_eq!(client.get("/empty").await.field("content-length"), Some("0"));
    assert_eq!(client.get("/none").await.field("content-length"), None);
}

#[actix_web::test]
async fn a_head_request_is_settled_whatever_the_body_would_have_been() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    for (seen, path) in (1..).zip(["/custom", "/sized", "/boxed", "/stream", "/empty", "/none"]) {
        let answer = client.ask(&format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{path}");
        // The next answer can only begin where this one has ended.
        assert_eq!(client.get("/empty").await.status, 200, "{path}");
        assert_eq!((world.spent(), world.account().admitted), (2 * seen, 0), "{path}");
    }
}

#[actix_web::test]
async fn an_answer_that_may_not_have_a_body_is_settled_though_it_was_given_one() {
    for path in ["/204", "/304"] {
        let world = World::new();
        let mut client = start(&world).connect().await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(client.head().await.status.to_string(), path[1..]);
        client.until_the_end().await;
        world.assert_settled_at(1);
    }
}

#[actix_web::test]
async fn a_body_that_fails_is_settled() {
    let world = World::new();
    let mut client = start(&world).connect().await;
    client.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.until_the_end().await;
    world.assert_settled_at(1);
}
