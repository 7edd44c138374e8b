//! The body of a request, watched for waits.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::http::{Method, Version};
use bytes::Bytes;
use futures_core::Stream;

use crate::middleware::running::Running;

/// A request's body that tells when its reader has to wait for the client.
struct WatchedPayload {
    payload: Payload,
    running: Rc<Running>,
}

/// Watches the request's body, if it has one.
pub(super) fn watch(request: &mut ServiceRequest, running: &Rc<Running>) {
    if has_body(request) {
        let payload = request.take_payload();
        let watched = WatchedPayload { payload, running: Rc::clone(running) };
        request.set_payload(Payload::Stream { payload: Box::pin(watched) });
    }
}

impl Stream for WatchedPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let watched = self.get_mut();
        let chunk = Pin::new(&mut watched.payload).poll_next(cx);
        watched.running.waits_for_client(chunk.is_pending());
        chunk
    }
}

/// Whether there is a body to wait for (RFC 9112, section 6; an HTTP/2 body needs no header).
fn has_body(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    if let Some(length) = headers.get(CONTENT_LENGTH) {
        return length != "0";
    }
    if request.version() == Version::HTTP_2 {
        return ![Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(request.method());
    }
    headers.contains_key(TRANSFER_ENCODING)
}
