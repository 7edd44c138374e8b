//! Middleware that notes requests, from their arrival to the end of their response: for logs, and for what a draft is tried on.

use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;
use timebudget::{Watch, Watched};

/// Who notes requests.
pub trait Note: Clone + 'static {
    /// What it notes of one.
    type Noted: Noted;

    /// Begins to note a request; `None` where nobody wants to know of it, and it passes.
    fn begin(&self, request: &mut ServiceRequest) -> Option<Self::Noted>;
}

/// What is noted of a request.
pub trait Noted: 'static {
    /// The head of the response leaves.
    fn answered<B>(&mut self, response: &mut ServiceResponse<B>);

    /// There is no response, but an error that will be answered by this status.
    fn failed(&mut self, status: StatusCode);

    /// All is over: the body has ended, or the request was dropped before. All budgets inside have settled.
    fn ended(&mut self, watch: &Watch);
}

/// One who may not be there.
impl<N: Note> Note for Option<N> {
    type Noted = N::Noted;

    #[inline]
    fn begin(&self, request: &mut ServiceRequest) -> Option<N::Noted> {
        self.as_ref()?.begin(request)
    }
}

/// Two who note the same requests; either may let one pass.
impl<A: Note, B: Note> Note for (A, B) {
    type Noted = (Option<A::Noted>, Option<B::Noted>);

    fn begin(&self, request: &mut ServiceRequest) -> Option<Self::Noted> {
        let both = (self.0.begin(request), self.1.begin(request));
        (both.0.is_some() || both.1.is_some()).then_some(both)
    }
}

impl<A: Noted, B: Noted> Noted for (Option<A>, Option<B>) {
    fn answered<Body>(&mut self, response: &mut ServiceResponse<Body>) {
        if let Some(first) = &mut self.0 {
            first.answered(response);
        }
        if let Some(second) = &mut self.1 {
            second.answered(response);
        }
    }

    fn failed(&mut self, status: StatusCode) {
        if let Some(first) = &mut self.0 {
            first.failed(status);
        }
        if let Some(second) = &mut self.1 {
            second.failed(status);
        }
    }

    fn ended(&mut self, watch: &Watch) {
        if let Some(first) = &mut self.0 {
            first.ended(watch);
        }
        if let Some(second) = &mut self.1 {
            second.ended(watch);
        }
    }
}

/// Middleware that has requests noted; wrapped around the budget.
#[derive(Clone, Debug)]
pub struct Noting<N>(N);

impl<N: Note> Noting<N> {
    /// Has requests noted.
    pub const fn new(note: N) -> Self {
        Self(note)
    }
}

impl<N, S, B> Transform<S, ServiceRequest> for Noting<N>
where
    N: Note,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<NotedBody<B, N::Noted>>;
    type Error = Error;
    type Transform = NotingService<S, N>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(NotingService { service, note: self.0.clone() }))
    }
}

/// A service whose requests are noted.
#[derive(Debug)]
pub struct NotingService<S, N> {
    service: S,
    note: N,
}

impl<N, S, B> Service<ServiceRequest> for NotingService<S, N>
where
    N: Note,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<NotedBody<B, N::Noted>>;
    type Error = Error;
    type Future = NotedFuture<S::Future, N::Noted>;

    forward_ready!(service);

    #[inline]
    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let Some(noted) = self.note.begin(&mut request) else {
            return NotedFuture { state: State::Passing { future: self.service.call(request) } };
        };
        let entry = Entry { noted, watch: Watch::new() };
        let future = entry.watch.clone().during(|| self.service.call(request));
        NotedFuture { state: State::Noted { future, entry: Some(Box::new(entry)) } }
    }
}

pin_project! {
    /// The response of a request, while it is made. A request that is dropped before is noted, too.
    pub struct NotedFuture<F, T: Noted> {
        #[pin]
        state: State<F, T>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T: Noted> {
        Passing { #[pin] future: F },
        Noted { #[pin] future: Watched<F>, entry: Option<Box<Entry<T>>> },
    }
}

impl<F, T, B> Future for NotedFuture<F, T>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    T: Noted,
{
    type Output = Result<ServiceResponse<NotedBody<B, T>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passing { future } => {
                let passing =
                    |response: ServiceResponse<B>| response.map_body(|_, body| NotedBody::of(body, None));
                future.poll(cx).map_ok(passing)
            }
            StateProjection::Noted { future, entry } => future.poll(cx).map(|answered| {
                let mut entry = entry.take();
                match answered {
                    Ok(mut response) => {
                        if let Some(entry) = &mut entry {
                            entry.noted.answered(&mut response);
                        }
                        Ok(response.map_body(|_, body| NotedBody::of(body, entry)))
                    }
                    Err(error) => {
                        if let Some(entry) = &mut entry {
                            entry.noted.failed(error.as_response_error().status_code());
                        }
                        Err(error)
                    }
                }
            }),
        }
    }
}

pin_project! {
    /// A response's body, with whose end the request is.
    pub struct NotedBody<B, T: Noted> {
        #[pin]
        body: B,
        // Dropped after the body, which settles what the request is charged.
        entry: Option<Box<Entry<T>>>,
    }
}

impl<B, T: Noted> NotedBody<B, T> {
    const fn of(body: B, entry: Option<Box<Entry<T>>>) -> Self {
        Self { body, entry }
    }
}

impl<B: MessageBody, T: Noted> MessageBody for NotedBody<B, T>
where
    B::Error: Into<Box<dyn StdError + 'static>>,
{
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, entry } = self;
        body.try_into_bytes().map_err(|body| Self::of(body, entry))
    }
}

/// A request that is being served; dropped, it is over.
struct Entry<T: Noted> {
    noted: T,
    watch: Watch,
}

impl<T: Noted> Drop for Entry<T> {
    fn drop(&mut self) {
        self.noted.ended(&self.watch);
    }
}
