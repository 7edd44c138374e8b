//! What is noted of requests for the access log and for traces. Where there is neither, they pass.

use std::sync::Arc;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode};
use timebudget::Watch;
use timebudget_control::noting::{Note, Noted};

use crate::access::Log;
use crate::access::log::Record;
use crate::gateway::Told;
use crate::request_id::{self, X_REQUEST_ID};
use crate::traces::{Ended, Serving, Traces};

/// Notes requests for the access log and for traces.
#[derive(Clone)]
pub(crate) struct Access(Option<Noting>);

/// Where requests are noted, and what of them.
#[derive(Clone)]
struct Noting {
    log: Option<Arc<Log>>,
    /// Whether with their queries.
    with_query: bool,
    traces: Option<Traces>,
}

impl Access {
    pub(crate) fn new(log: Option<Arc<Log>>, with_query: bool, traces: Option<Traces>) -> Self {
        let is_noted = log.is_some() || traces.is_some();
        Self(is_noted.then_some(Noting { log, with_query, traces }))
    }

    /// Whether it notes anything.
    pub(crate) const fn notes(&self) -> bool {
        self.0.is_some()
    }
}

impl Note for Access {
    type Noted = Entry;

    #[inline]
    fn begin(&self, request: &mut ServiceRequest) -> Option<Entry> {
        self.0.as_ref().map(|noted| Entry::of(noted, request))
    }
}

/// A request that is being served; when it has ended, it is written to the log, and its span ends.
pub(crate) struct Entry {
    log: Option<Arc<Log>>,
    span: Option<Serving>,
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
    fn of(noted: &Noting, request: &mut ServiceRequest) -> Self {
        let path = match request.uri().path_and_query() {
            Some(target) if noted.with_query => target.as_str(),
            _ => request.uri().path(),
        };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let path = if noted.log.is_some() { path.to_owned() } else { String::new() };
        Self {
            log: noted.log.clone(),
            span: noted.traces.as_ref().map(|traces| traces.begin(request)),
            upstream_us: None,
            began: Instant::now(),
            time: u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX),
            method: request.method().clone(),
            path,
            request_id: noted.log.as_ref().map(|_| request_id::of(request.headers_mut())),
            status: None,
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

impl Noted for Entry {
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

    fn failed(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn ended(&mut self, watch: &Watch) {
        let (site, charged, rule) = (watch.limiter(), watch.charged(), watch.refused_by());
        if let Some(span) = &mut self.span {
            let site = site.as_ref().map_or("", |limiter| &limiter.site().name);
            let status = self.status.or_else(|| thread::panicking().then(Self::unanswered));
            span.end(&Ended { status, site, charged, rule: rule.as_deref() });
        }
        let Some(log) = &self.log else { return };
        log.write(Record {
            time: self.time,
            client: watch.client(),
            user: watch.user(),
            api_key: watch.api_key(),
            site,
            host: watch.host(),
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            status: self.status.unwrap_or_else(Self::unanswered),
            charged_us: charged.0,
            waived: watch.is_waived(),
            elapsed_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            upstream_us: self.upstream_us,
            rule,
            request_id: self.request_id.take().unwrap_or_default(),
        });
    }
}
