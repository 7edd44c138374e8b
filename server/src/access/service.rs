//! What is noted of requests for the access log. Where there is none, they pass.

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

/// Notes requests for the access log.
#[derive(Clone)]
pub(crate) struct Access(Option<Noting>);

/// Where requests are noted, and what of them.
#[derive(Clone)]
struct Noting {
    log: Arc<Log>,
    /// Whether with their queries.
    with_query: bool,
}

impl Access {
    pub(crate) fn new(log: Option<Arc<Log>>, with_query: bool) -> Self {
        Self(log.map(|log| Noting { log, with_query }))
    }
}

impl Note for Access {
    type Noted = Entry;

    #[inline]
    fn begin(&self, request: &mut ServiceRequest) -> Option<Entry> {
        self.0.as_ref().map(|noted| Entry::of(noted, request))
    }
}

/// A request that is being served; when it has ended, it is written to the log.
pub(crate) struct Entry {
    log: Arc<Log>,
    upstream_us: Option<u64>,
    began: Instant,
    time: u64,
    method: Method,
    path: String,
    request_id: String,
    status: Option<StatusCode>,
}

impl Entry {
    fn of(noted: &Noting, request: &mut ServiceRequest) -> Self {
        let path = match request.uri().path_and_query() {
            Some(target) if noted.with_query => target.as_str(),
            _ => request.uri().path(),
        };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            log: Arc::clone(&noted.log),
            upstream_us: None,
            began: Instant::now(),
            time: u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX),
            method: request.method().clone(),
            path: path.to_owned(),
            request_id: request_id::of(request.headers_mut()),
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
            && let Ok(id) = HeaderValue::from_str(&self.request_id)
        {
            fields.insert(X_REQUEST_ID, id);
        }
    }

    fn failed(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn ended(&mut self, watch: &Watch) {
        self.log.write(Record {
            time: self.time,
            client: watch.client(),
            user: watch.user(),
            site: watch.limiter(),
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            status: self.status.unwrap_or_else(Self::unanswered),
            charged_us: watch.charged().0,
            elapsed_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            upstream_us: self.upstream_us,
            rule: watch.refused_by(),
            request_id: std::mem::take(&mut self.request_id),
        });
    }
}
