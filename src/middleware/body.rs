//! Bodies under a budget: of a response, which runs while it is made, and of a request, which may have to be waited for.

use std::error::Error as StdError;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use actix_web::http::{Method, Version};
use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::middleware::cut::cut;
use crate::middleware::running::{Guard, Running};

pin_project! {
    /// The body of a response under a budget: its time runs while a chunk is made, and stops while the client takes it.
    ///
    /// No larger than it must be: a response is moved some times on its way.
    #[derive(Debug)]
    pub struct BudgetBody<B> {
        #[pin]
        body: Body<B>,
        // Of a body that is still to be made.
        guard: Option<Guard>,
    }
}

pin_project! {
    #[project = BodyProjection]
    #[derive(Debug)]
    enum Body<B> {
        /// A body that was complete with its head: the request is settled.
        Complete { bytes: Bytes },
        /// No body, which is less than an empty one.
        Nothing,
        /// A body that has broken off.
        Broken,
        /// A body that runs under the guard, if there is one; else no budget has to do with it.
        Made { #[pin] body: B },
        /// The body that the application has made for a refusal, where it is not complete.
        Own { body: Box<BoxBody> },
    }
}

impl<B> BudgetBody<B> {
    const fn of(body: Body<B>, guard: Option<Guard>) -> Self {
        Self { body, guard }
    }

    /// `size` says whether an empty body is one.
    pub(crate) fn complete(bytes: Bytes, size: BodySize) -> Self {
        Self::of(if size == BodySize::None { Body::Nothing } else { Body::Complete { bytes } }, None)
    }

    pub(crate) const fn streaming(body: B, guard: Guard) -> Self {
        Self::of(Body::Made { body }, Some(guard))
    }

    pub(crate) const fn passing(body: B) -> Self {
        Self::of(Body::Made { body }, None)
    }

    pub(crate) fn own(body: BoxBody) -> Self {
        let size = body.size();
        match body.try_into_bytes() {
            Ok(bytes) => Self::complete(bytes, size),
            Err(body) => Self::of(Body::Own { body: Box::new(body) }, None),
        }
    }
}

impl<B: MessageBody> MessageBody for BudgetBody<B> {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        match &self.body {
            Body::Complete { bytes } => bytes.size(),
            Body::Nothing => BodySize::None,
            Body::Made { body } => body.size(),
            Body::Own { body } => body.size(),
            Body::Broken => BodySize::Stream,
        }
    }

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let mut this = self.project();
        match this.body.as_mut().project() {
            BodyProjection::Complete { bytes } if bytes.is_empty() => Poll::Ready(None),
            BodyProjection::Complete { bytes } => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            _ => poll_other(this.body, this.guard, cx),
        }
    }

    /// A complete body stays one: whoever boxes it would otherwise make a stream of it.
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, guard } = self;
        match body {
            Body::Complete { bytes } => Ok(bytes),
            Body::Nothing => Ok(Bytes::new()),
            Body::Made { body } => body.try_into_bytes().map_err(|body| Self::of(Body::Made { body }, guard)),
            body @ (Body::Own { .. } | Body::Broken) => Err(Self::of(body, guard)),
        }
    }
}

/// Lets a body go on that is not complete.
#[inline(never)]
fn poll_other<B: MessageBody>(
    mut state: Pin<&mut Body<B>>,
    guard: &mut Option<Guard>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Box<dyn StdError>>>> {
    match state.as_mut().project() {
        BodyProjection::Complete { .. } | BodyProjection::Nothing => Poll::Ready(None),
        BodyProjection::Own { body } => body.as_pin_mut().poll_next(cx),
        BodyProjection::Broken => Poll::Ready(Some(Err("the body has broken off".into()))),
        BodyProjection::Made { body } if guard.is_none() => body.poll_next(cx).map_err(Into::into),
        BodyProjection::Made { body } => {
            let polled = poll_stream(body, guard, cx);
            let Some(cut) = (if polled.is_pending() { cut(guard, cx) } else { None }) else {
                return polled;
            };
            // What the body has is dropped here, where it waits.
            state.set(Body::Broken);
            Poll::Ready(Some(Err(cut.into())))
        }
    }
}

/// Lets the body go on, and with it the request's time, unless the client is waited for.
fn poll_stream<B: MessageBody>(
    body: Pin<&mut B>,
    guard: &mut Option<Guard>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Box<dyn StdError>>>> {
    let Some(running) = guard else { return Poll::Pending };
    running.enter();
    if running.is_spent() {
        return Poll::Pending;
    }
    let Poll::Ready(chunk) = body.poll_next(cx) else {
        running.leave();
        return Poll::Pending;
    };
    match chunk {
        Some(_) => running.rest(),
        None => running.settle(),
    }
    Poll::Ready(chunk.map(|chunk| chunk.map_err(Into::into)))
}

/// A request's body that tells when its reader has to wait for the client.
struct WatchedPayload {
    payload: Payload,
    running: Rc<Running>,
}

/// Watches the request's body, if it can have one.
///
/// A connection gives a payload to all that it may have to wait for: also to a CONNECT, to an upgrade to WebSocket that
/// the handler may decline, and to every request of HTTP/2, where a GET may go on as well.
#[inline]
pub(crate) fn watch_payload(request: &mut ServiceRequest, running: &Rc<Running>) {
    // Looked at before it is taken, which most requests need not be.
    if !matches!(request.parts().1, Payload::None) && !is_bodiless(request) {
        wrap_payload(request, running);
    }
}

#[cold]
fn wrap_payload(request: &mut ServiceRequest, running: &Rc<Running>) {
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
