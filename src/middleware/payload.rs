//! The body of a request, watched for waits.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use actix_web::http::{Method, Version};
use bytes::Bytes;
use futures_core::Stream;

use crate::middleware::running::Running;

/// A request's body that tells when its reader has to wait for the client.
struct WatchedPayload {
    payload: Payload,
    running: Rc<Running>,
}

/// Watches the request's body, if it can have one.
///
/// A connection gives a payload to all that it may have to wait for: also to a CONNECT, to an upgrade to WebSocket that
/// the handler may decline, and to every request of HTTP/2, where a GET may go on as well.
pub(super) fn watch(request: &mut ServiceRequest, running: &Rc<Running>) {
    // Looked at before it is taken, which most requests need not be.
    if matches!(request.parts().1, Payload::None) || is_bodiless(request) {
        return;
    }
    let watched = WatchedPayload { payload: request.take_payload(), running: Rc::clone(running) };
    request.set_payload(Payload::Stream { payload: Box::pin(watched) });
}

/// Whether there is certainly no body: an HTTP/1 request without a length, a coding, or another protocol to go on with
/// (RFC 9112, section 6.3).
fn is_bodiless(request: &ServiceRequest) -> bool {
    let head = request.head();
    let announced = [&CONTENT_LENGTH, &TRANSFER_ENCODING, &UPGRADE];
    head.version != Version::HTTP_2
        && head.method != Method::CONNECT
        && !announced.into_iter().any(|name| head.headers.contains_key(name))
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
