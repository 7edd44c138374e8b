//! The middleware that notes requests for the access log and for traces. Where there is neither, it is passed through.

use std::error::Error as StdError;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use actix_web::Error;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use pin_project_lite::pin_project;
use timebudget::{Watch, Watched};

use crate::access::Log;
use crate::access::log::Record;
use crate::gateway::Told;
use crate::request_id::{self, X_REQUEST_ID};
use crate::traces::{Ended, Serving, Traces};

/// Notes requests for the access log and for traces; wrapped around the budget.
#[derive(Clone)]
pub(crate) struct Access(Option<Noted>);

/// Where requests are noted, and what of them.
#[derive(Clone)]
struct Noted {
    log: Option<Arc<Log>>,
    /// Whether with their queries.
    with_query: bool,
    traces: Option<Traces>,
}

impl Access {
    pub(crate) fn new(log: Option<Arc<Log>>, with_query: bool, traces: Option<Traces>) -> Self {
        let is_noted = log.is_some() || traces.is_some();
        Self(is_noted.then_some(Noted { log, with_query, traces }))
    }
}

impl<S, B> Transform<S, ServiceRequest> for Access
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<AccessBody<B>>;
    type Error = Error;
    type Transform = AccessService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(AccessService { service, noted: self.0.clone() }))
    }
}

/// A service whose requests are noted, if there is somebody to note them for.
pub(crate) struct AccessService<S> {
    service: S,
    noted: Option<Noted>,
}

impl<S, B> Service<ServiceRequest> for AccessService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<AccessBody<B>>;
    type Error = Error;
    type Future = AccessFuture<S::Future>;

    forward_ready!(service);

    #[inline]
    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let Some(noted) = &self.noted else {
            return AccessFuture::Passing { future: self.service.call(request) };
        };
        let entry = Entry::of(noted, &mut request);
        let future = entry.watch.clone().during(|| self.service.call(request));
        AccessFuture::Noted { future, entry: Some(Box::new(entry)) }
    }
}

pin_project! {
    /// The response of a request, while it is made. A request that is dropped before has its line, too.
    #[project = FutureProjection]
    pub(crate) enum AccessFuture<F> {
        Passing { #[pin] future: F },
        Noted { #[pin] future: Watched<F>, entry: Option<Box<Entry>> },
    }
}

impl<F, B> Future for AccessFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<AccessBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            FutureProjection::Passing { future } => {
                let passing =
                    |response: ServiceResponse<B>| response.map_body(|_, body| AccessBody::of(body, None));
                future.poll(cx).map_ok(passing)
            }
            FutureProjection::Noted { future, entry } => future.poll(cx).map(|answered| {
                let mut entry = entry.take();
                match answered {
                    Ok(mut response) => {
                        if let Some(entry) = &mut entry {
                            entry.answered(&mut response);
                        }
                        Ok(response.map_body(|_, body| AccessBody::of(body, entry)))
                    }
                    Err(error) => {
                        if let Some(entry) = &mut entry {
                            entry.status = Some(error.as_response_error().status_code());
                        }
                        Err(error)
                    }
                }
            }),
        }
    }
}

pin_project! {
    /// A response's body, with whose end the line is written.
    pub(crate) struct AccessBody<B> {
        #[pin]
        body: B,
        // Dropped after the body, which settles what the request is charged.
        entry: Option<Box<Entry>>,
    }
}

impl<B> AccessBody<B> {
    const fn of(body: B, entry: Option<Box<Entry>>) -> Self {
        Self { body, entry }
    }
}

impl<B: MessageBody> MessageBody for AccessBody<B>
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

/// A request that is being served; dropped, it is written to the log, and its span ends.
pub(crate) struct Entry {
    log: Option<Arc<Log>>,
    span: Option<Serving>,
    watch: Watch,
    upstream_us: Option<u64>,
    began: Instant,
    time: u64,
    method: Method,
    path: String,
    /// With a log alone.
    request_id: Option<String>,
    status: Option<StatusCode>,
}

impl Entry {
    fn of(noted: &Noted, request: &mut ServiceRequest) -> Self {
        let path = match request.uri().path_and_query() {
            Some(target) if noted.with_query => target.as_str(),
            _ => request.uri().path(),
        };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = if noted.log.is_some() { path.to_owned() } else { String::new() };
        Self {
            log: noted.log.clone(),
            span: noted.traces.as_ref().map(|traces| traces.begin(request)),
            watch: Watch::new(),
            upstream_us: None,
            began: Instant::now(),
            time: u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX),
            method: request.method().clone(),
            path,
            request_id: noted.log.as_ref().map(|_| request_id::of(request.headers_mut())),
            status: None,
        }
    }

    /// The head leaves, with the request's id unless the application has set one.
    fn answered<B>(&mut self, response: &mut ServiceResponse<B>) {
        self.status = Some(response.status());
        self.upstream_us = response.response().extensions().get::<Told>().map(|told| told.upstream_micros);
        let fields = response.headers_mut();
        if !fields.contains_key(X_REQUEST_ID)
            && let Some(id) = &self.request_id
            && let Ok(id) = HeaderValue::from_str(id)
        {
            fields.insert(X_REQUEST_ID, id);
        }
    }

    /// A request without an answer: its handler has panicked, or its client has gone.
    fn unanswered() -> StatusCode {
        if thread::panicking() {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (site, charged, rule) = (self.watch.limiter(), self.watch.charged(), self.watch.refused_by());
        if let Some(span) = &mut self.span {
            let site = site.as_ref().map_or("", |limiter| &limiter.site().name);
            let status = self.status.or_else(|| thread::panicking().then(Self::unanswered));
            span.end(&Ended { status, site, charged, rule: rule.as_deref() });
        }
        let Some(log) = &self.log else { return };
        log.write(Record {
            time: self.time,
            client: self.watch.client(),
            user: self.watch.user(),
            site,
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            status: self.status.unwrap_or_else(Self::unanswered),
            charged_us: charged.0,
            elapsed_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            upstream_us: self.upstream_us,
            rule,
            request_id: self.request_id.take().unwrap_or_default(),
        });
    }
}
