//! The demonstration app: answers every request, and takes as much time about it as the query asks for.

use std::hint;
use std::time::{Duration, Instant};

use actix_web::error::PayloadError;
use actix_web::http::header::{self, ContentType};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::time::sleep;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde_json::json;

use crate::chunks;
use crate::steering::Steering;

/// Answers any request with its method, path and query as JSON, or as the query steers.
///
/// The body is read whole first, and forgotten as it comes: a slow upload is waited for here, and no upload takes
/// memory.
///
/// # Errors
///
/// The client broke off its body or encoded it wrongly, which actix answers by 400.
pub(crate) async fn answer(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, PayloadError> {
    if !is_tunnel(&request) {
        read_whole(body).await?;
    }
    Ok(match Steering::read(request.query_string()) {
        Ok(steering) => steered(&request, steering).await,
        Err(error) => HttpResponse::BadRequest().json(json!({ "error": error })),
    })
}

/// Whether a request goes on in another protocol, so that what follows its head has no end to wait for.
fn is_tunnel(request: &HttpRequest) -> bool {
    let has = |name| request.headers().contains_key(name);
    let has_body = has(header::CONTENT_LENGTH) || has(header::TRANSFER_ENCODING);
    request.method() == Method::CONNECT || (request.head().upgrade() && !has_body)
}

async fn read_whole(mut body: web::Payload) -> Result<(), PayloadError> {
    while let Some(chunk) = body.next().await {
        chunk?;
    }
    Ok(())
}

async fn steered(request: &HttpRequest, steering: Steering) -> HttpResponse {
    if !steering.wait.is_zero() {
        sleep(steering.wait).await;
    }
    spin(steering.spin);
    let mut response = HttpResponse::build(steering.status);
    match steering.stream {
        _ if is_bodyless(steering.status) => response.finish(),
        Some(stream) => response.content_type("text/plain; charset=utf-8").streaming(chunks::stream(stream)),
        None => response.content_type(ContentType::json()).body(described(request)),
    }
}

/// Keeps the worker busy, as a computation would.
fn spin(span: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        hint::spin_loop();
    }
}

/// Whether HTTP allows no body, so that one would be taken for the next response (RFC 9110, sections 15.3.5, 15.3.6
/// and 15.4.5).
fn is_bodyless(status: StatusCode) -> bool {
    [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// Ends in a newline, so that a shell's prompt does not stand behind it.
fn described(request: &HttpRequest) -> String {
    let json = json!({
        "method": request.method().as_str(),
        "path": request.path(),
        "query": request.query_string(),
    });
    format!("{json}\n")
}
