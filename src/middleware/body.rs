//! The bodies of requests and of responses: when the client is waited for, when the last byte has gone, and how one is cut off.
//!
//! A request's body tells whether a poll of the handler ended waiting for the client; a response's body runs while a chunk is made, is
//! flat while the client takes it, and settles the request when it is dropped. A body whose budget is spent ends with an error, so that
//! the client sees that it is not whole.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::{HttpMessage as _, HttpResponse, ResponseError};
use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::limiter::{Holding, Refusal};
use crate::middleware::facts::RequestFacts;
use crate::middleware::reply;
use crate::middleware::running::{Deadline, Guard, Running, Seldom};
use crate::middleware::told::Form;
use crate::model::{Facts as _, Micros};

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
        /// A connection in another protocol: its time runs until it ends, whoever is waited for.
        /// Boxed, which few are: where a body may lie in one place only, it has room for what tells all these apart.
        Open { body: Pin<Box<B>> },
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

    pub(crate) fn open(body: B, guard: Guard) -> Self {
        Self::of(Body::Open { body: Box::pin(body) }, Some(guard))
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
            Body::Open { body } => body.size(),
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
            body @ (Body::Own { .. } | Body::Open { .. } | Body::Broken) => Err(Self::of(body, guard)),
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
        BodyProjection::Open { body } => {
            let polled = body.as_mut().poll_next(cx);
            if let (Poll::Ready(None), Some(running)) = (&polled, &*guard) {
                running.settle();
            }
            let Some(cut) = (if polled.is_pending() { cut(guard, false, cx) } else { None }) else {
                return polled.map_err(Into::into);
            };
            state.set(Body::Broken);
            Poll::Ready(Some(Err(cut.into())))
        }
        BodyProjection::Made { body } => {
            let Some(running) = &*guard else { return Poll::Pending };
            running.enter();
            let is_spent = running.is_spent();
            let polled = if is_spent { Poll::Pending } else { poll_stream(body, running, cx) };
            let Some(cut) = (if polled.is_pending() { cut(guard, is_spent, cx) } else { None }) else {
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
    running: &Running,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Box<dyn StdError>>>> {
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

/// A preflight has no body, and is never refused. So what looks like one is served without the body that it has all the same: in
/// HTTP/2 no field announces it.
#[cold]
fn wrap_payload(request: &mut ServiceRequest, running: &Rc<Running>) {
    let payload = request.take_payload();
    if RequestFacts::new(request, running.site()).is_preflight() {
        return;
    }
    let watched = WatchedPayload { payload, running: Rc::clone(running) };
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

impl Running {
    /// From now on the request is ended when a budget of its is spent whose rule cuts what runs.
    #[cold]
    pub(crate) fn may_be_cut(&self, request: &ServiceRequest) {
        let alarm = self.holding().alarm(self.site());
        if let Some(alarm) = alarm {
            let deadline = Deadline { alarm, waker: None, form: reply::form_for(request) };
            *self.to_have_seldom().deadline.borrow_mut() = Some(deadline);
        }
    }

    /// Whether the request is to be ended before it goes on.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.seldom().is_some_and(|seldom| self.has_spent(seldom))
    }

    #[cold]
    fn has_spent(&self, seldom: &Seldom) -> bool {
        seldom.deadline.borrow().is_some() && self.cut_in() == Some(Micros::ZERO)
    }

    /// How long it may run on; `None` while it does not run, or if nothing ends it.
    fn cut_in(&self) -> Option<Micros> {
        let mut holding = self.holding();
        if holding.runs() { holding.cut_in(self.site()) } else { None }
    }

    /// Ready if the request is to be ended, after a poll that has yielded nothing; else it is polled again by then.
    #[cold]
    fn poll_spent(&self, seldom: &Seldom, is_spent: bool, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *seldom.deadline.borrow_mut() {
            Some(deadline) if is_spent => deadline.alarm.ring(),
            Some(deadline) => {
                deadline.waker = Some(cx.waker().clone());
                deadline.alarm.hear_extra(self.holding().extra());
                deadline.alarm.poll(cx, || self.cut_in())
            }
            None => Poll::Pending,
        }
    }

    /// Ends a poll of a body that has yielded a chunk: the client is waited for, and nothing runs that could be ended.
    pub(crate) fn rest(&self) {
        self.pause();
        if let Some(seldom) = self.seldom()
            && let Some(deadline) = &mut *seldom.deadline.borrow_mut()
        {
            let _ = deadline.alarm.rest();
        }
    }

    /// Has it polled, since its time runs again: its end is to be watched anew.
    pub(crate) fn runs_again(&self) {
        let Some(seldom) = self.seldom() else { return };
        if let Some(waker) = seldom.deadline.borrow().as_ref().and_then(|deadline| deadline.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// How long it can go on, at the present pace, until the first budget is spent: of this one and those around it.
    pub(crate) fn time_left(&self) -> Option<Micros> {
        let all = self.and_around();
        all.filter_map(|running| running.ask(|holding, site, _| holding.time_left(site))).min()
    }

    /// The same, of the budgets whose rules cut what runs.
    pub(crate) fn cut_in_of_all(&self) -> Option<Micros> {
        let all = self.and_around();
        all.filter_map(|running| running.ask(|holding, site, _| holding.cut_in(site))).min()
    }

    /// Ends the request, and says so to the budgets around it, which charge it what it has cost.
    #[cold]
    fn cut(&self) -> CutOff {
        let refused = self.with(Holding::cut);
        self.tells_of(&refused);
        let deadline = self.seldom().and_then(|seldom| seldom.deadline.take());
        let form = deadline.map_or(Form::Problem, |deadline| deadline.form);
        let response = reply::of_cut(self, &refused, form);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().try_into_bytes().unwrap_or_default();
        CutOff { refusal: self.refusal(&refused), status, headers, body }
    }
}

/// Ends a request that has yielded nothing, if it is to be ended; its guard is taken then.
///
/// `is_spent` says that it was not polled because its budget was [seen to be spent](Running::is_spent). It is ended then, and
/// nobody looks again: the budget may have been granted anew in between, and what had woken the request would be lost.
#[inline]
pub(crate) fn cut(guard: &mut Option<Guard>, is_spent: bool, cx: &mut Context<'_>) -> Option<CutOff> {
    let guard = guard.take_if(|guard| {
        let seldom = guard.seldom();
        seldom.is_some_and(|seldom| guard.poll_spent(seldom, is_spent, cx).is_ready())
    })?;
    Some(guard.cut())
}

/// The error of a request that was ended, because its budget was spent.
///
/// Before the head of a response it becomes the answer of a refusal, 429 or as the rule's `action` says. Of a body that
/// has begun it is the error that breaks the connection off. Middleware outside finds it by [`actix_web::Error::as_error`].
pub struct CutOff {
    refusal: Refusal,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl CutOff {
    /// Which budget was spent, and when there is more.
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl ResponseError for CutOff {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::with_body(self.status, BoxBody::new(self.body.clone()));
        *response.headers_mut() = self.headers.clone();
        response
    }
}

impl std::error::Error for CutOff {}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request was ended: {}", self.refusal)
    }
}

impl fmt::Debug for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CutOff").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}
