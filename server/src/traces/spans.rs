//! Spans: of a request that is served, and of one to an upstream, by the conventions that OpenTelemetry has for HTTP.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;
use actix_web::http::{StatusCode, Version};
use actix_web::{HttpMessage as _, HttpRequest};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use timebudget::Upstream;

use crate::traces::export::Counts;
use crate::traces::open::open;
use crate::traces::propagation::{inside, parent, tell};
use crate::traces::{Asked, Ended};

/// How long the end waits for what waits to be sent.
const LAST_SPANS_WITHIN: Duration = Duration::from_secs(5);

/// The most bytes of a text that a client has written: so what waits is bounded.
const LONGEST: usize = 1_024;

/// The methods that are called by their names.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// What makes spans.
#[derive(Clone)]
pub(crate) struct Traces(Arc<Tracing>);

struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    counts: Arc<Counts>,
}

/// The span of a request.
#[derive(Debug)]
pub(crate) struct Serving(Span);

/// The span that others are inside of; it lies among the extensions of its request.
#[derive(Clone)]
pub(crate) struct Around {
    traces: Traces,
    span: SpanContext,
}

/// The span of a request to an upstream.
#[derive(Debug)]
pub(crate) struct Asking {
    span: Span,
    path: String,
}

impl Traces {
    /// As the environment asks for them; `None` where it does not.
    pub(crate) fn open() -> Option<Self> {
        let (provider, counts) = open()?;
        let tracer = provider.tracer("timebudget");
        Some(Self(Arc::new(Tracing { provider, tracer, counts })))
    }

    /// Begins the span of a request, inside of the one that the client tells.
    pub(crate) fn begin(&self, request: &ServiceRequest) -> Serving {
        let head = request.head();
        let is_secure = request.app_config().secure();
        let mut attributes = of_method(request.method().as_str());
        attributes.push(KeyValue::new("url.path", shortened(request.path())));
        attributes.push(KeyValue::new("url.scheme", if is_secure { "https" } else { "http" }));
        attributes.push(KeyValue::new("network.protocol.version", version(head.version)));
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        if let Some(authority) = head.uri.authority().map(Authority::as_str).or(host) {
            let (address, port) = divided(authority);
            attributes.push(KeyValue::new("server.address", shortened(address)));
            attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
        }
        let context = parent(request.headers());
        let span = self.start(request.method().as_str(), SpanKind::Server, attributes, &context);
        let around = Around { traces: self.clone(), span: span.span_context().clone() };
        request.extensions_mut().insert(around);
        Serving(span)
    }

    fn start(&self, method: &str, kind: SpanKind, attributes: Vec<KeyValue>, context: &Context) -> Span {
        let name = METHODS.into_iter().find(|known| *known == method).unwrap_or("HTTP");
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        self.0.tracer.build_with_context(builder, context)
    }

    /// How many spans were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.0.counts.sent.load(Relaxed)
    }

    /// How many were lost, for want of room or since they could not be sent.
    pub(crate) fn lost(&self) -> u64 {
        self.0.counts.lost.load(Relaxed)
    }

    /// Sends what waits, for some seconds at most.
    pub(crate) fn end(&self) {
        if let Err(error) = self.0.provider.shutdown_with_timeout(LAST_SPANS_WITHIN) {
            log::warn!("traces: the last spans may be lost: {error}");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Serving {
    /// The response has ended.
    pub(crate) fn end(&mut self, ended: &Ended<'_>) {
        let Self(span) = self;
        if span.is_recording() {
            span.set_attribute(KeyValue::new("timebudget.site", ended.site.to_owned()));
            let charged = i64::try_from(ended.charged.0).unwrap_or(i64::MAX);
            span.set_attribute(KeyValue::new("timebudget.charged_us", charged));
            span.set_attributes(ended.rule.map(|rule| KeyValue::new("timebudget.rule", rule.to_owned())));
            match ended.status {
                Some(status) => answer(span, status.as_u16(), StatusCode::INTERNAL_SERVER_ERROR),
                None => span.set_attribute(KeyValue::new("error.type", "client_gone")),
            }
        }
        span.end();
    }
}

impl Around {
    /// The one of a request, if it has one.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get().cloned()
    }

    /// Begins the span of a request to an upstream.
    pub(crate) fn ask(&self, asked: &Asked<'_>) -> Asking {
        let mut attributes = of_method(asked.method);
        attributes.extend(asked.is_second.then(|| KeyValue::new("http.request.resend_count", 1_i64)));
        let span = self.traces.start(asked.method, SpanKind::Client, attributes, &inside(&self.span));
        Asking { span, path: shortened(asked.path) }
    }
}

impl Asking {
    /// Says which upstream is asked, and tells it, by the fields of the request, for which span it works.
    pub(crate) fn goes_to(&mut self, upstream: &Upstream, fields: &mut http::HeaderMap) {
        if self.span.is_recording() {
            let (address, port) = place(upstream);
            self.span.set_attribute(KeyValue::new("server.address", address));
            self.span.set_attributes(port.map(|port| KeyValue::new("server.port", i64::from(port))));
            let is_tcp = port.is_some();
            let url = is_tcp.then(|| KeyValue::new("url.full", format!("{upstream}{}", self.path)));
            self.span.set_attributes(url);
        }
        tell(self.span.span_context(), fields);
    }

    /// The head of the answer has come.
    pub(crate) fn answered(mut self, status: u16) {
        answer(&mut self.span, status, StatusCode::BAD_REQUEST);
        self.span.end();
    }

    /// There is no answer.
    pub(crate) fn failed(mut self, kind: &'static str) {
        self.span.set_attribute(KeyValue::new("error.type", kind));
        self.span.set_status(Status::error(kind));
        self.span.end();
    }
}

/// What was answered, which is an error from a status on.
fn answer(span: &mut Span, status: u16, least_error: StatusCode) {
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
    if status >= least_error.as_u16() {
        span.set_attribute(KeyValue::new("error.type", status.to_string()));
        span.set_status(Status::error(""));
    }
}

fn of_method(method: &str) -> Vec<KeyValue> {
    match METHODS.into_iter().find(|known| *known == method) {
        Some(known) => vec![KeyValue::new("http.request.method", known)],
        None => vec![
            KeyValue::new("http.request.method", "_OTHER"),
            KeyValue::new("http.request.method_original", shortened(method)),
        ],
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// A host and its port, without a user.
fn divided(authority: &str) -> (&str, Option<u16>) {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((address, port)) if !port.contains(']') => (address, port.parse().ok()),
        _ => (host, None),
    }
}

/// Where an upstream is: its address, and its port if it has one.
fn place(upstream: &Upstream) -> (String, Option<u16>) {
    match upstream {
        Upstream::Http { host, port } => (host.clone(), Some(*port)),
        other => (other.to_string().trim_start_matches("unix:").to_owned(), None),
    }
}

/// No more of a text than is kept.
fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
