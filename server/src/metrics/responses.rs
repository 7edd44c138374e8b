//! Counts responses by site and class of status: a middleware around everything, passed through where nobody asks for metrics.

use std::future::{Ready, ready};
use std::hash::BuildHasher as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready as poll_ready};
use std::thread;

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::StatusCode;
use foldhash::fast::FixedState;
use pin_project_lite::pin_project;
use timebudget::{Limiter, TimeBudget};

use crate::metrics::Observer;

/// What responses are counted as; the last is that of clients who had gone before there was any.
pub(crate) const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "gone"];

const FAULT: usize = 4;
const GONE: usize = 5;

/// How sites are numbered; the same in all workers.
const NUMBERS: FixedState = FixedState::with_seed(0);

/// The responses of one site, by class.
#[derive(Default)]
pub(crate) struct OfSite(pub(crate) [AtomicU64; CLASSES.len()]);

/// Counts responses, if there is somebody to count for.
#[derive(Clone)]
pub(crate) struct Responses(Option<Counting>);

#[derive(Clone)]
struct Counting {
    observer: Arc<Observer>,
    budget: TimeBudget,
}

impl Responses {
    /// Counts for an observer, if that counts.
    pub(crate) fn new(observer: &Arc<Observer>, budget: &TimeBudget) -> Self {
        let counting = || Counting { observer: Arc::clone(observer), budget: budget.clone() };
        Self(observer.counts().map(|_| counting()))
    }
}

impl<S, B> Transform<S, ServiceRequest> for Responses
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = ResponsesService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ResponsesService { service, counting: self.0.clone().map(Rc::new) }))
    }
}

/// A service whose responses are counted, if anything is.
pub(crate) struct ResponsesService<S> {
    service: S,
    counting: Option<Rc<Counting>>,
}

impl<S, B> Service<ServiceRequest> for ResponsesService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = ResponsesFuture<S::Future>;

    forward_ready!(service);

    #[inline]
    fn call(&self, request: ServiceRequest) -> Self::Future {
        let awaited = |counting: &Rc<Counting>| Awaited {
            limiter: counting.budget.limiter_of(request.request()),
            counting: Rc::clone(counting),
            status: None,
        };
        let awaited = self.counting.as_ref().map(awaited);
        ResponsesFuture { future: self.service.call(request), awaited }
    }
}

pin_project! {
    /// A response that is made, and then counted.
    pub(crate) struct ResponsesFuture<F> {
        #[pin]
        future: F,
        awaited: Option<Awaited>,
    }
}

impl<F, B> Future for ResponsesFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = poll_ready!(this.future.poll(cx));
        if let Some(mut awaited) = this.awaited.take() {
            awaited.status = Some(match &answered {
                Ok(response) => response.status(),
                Err(error) => error.as_response_error().status_code(),
            });
        }
        Poll::Ready(answered)
    }
}

/// A response that is awaited; dropped, it is counted.
struct Awaited {
    counting: Rc<Counting>,
    limiter: Arc<Limiter>,
    status: Option<StatusCode>,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let Some(counts) = self.counting.observer.counts() else { return };
        let site = &self.limiter.site().name;
        let number = NUMBERS.hash_one(site);
        let class = match self.status {
            Some(status) => usize::from(status.as_u16() / 100).clamp(1, 5) - 1,
            None if thread::panicking() => FAULT,
            None => GONE,
        };
        counts.responses.line(number, || site.clone()).0[class].fetch_add(1, Relaxed);
    }
}
