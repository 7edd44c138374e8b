//! Failures: what a client is answered where no upstream has answered.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use serde_json::json;

/// Why a request has no answer of an upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request cannot be passed on as it is.
    Malformed,
    /// Its path has a dot segment, so that rules may look at another path than the application does.
    DotSegment,
    /// It has come behind a request with which its connection was to end.
    AfterTheLast,
    /// Tunnels by CONNECT are not opened.
    Connect,
    /// Its body is larger than it may be.
    TooLarge,
    /// Its client has broken off the body, or encoded it wrongly.
    BrokenBody,
    /// Its client has paused too long amid the body.
    SlowBody,
    /// No upstream accepts a connection.
    Unreachable,
    /// None has in time.
    ConnectTimeout,
    /// The upstream took too long.
    HeadTimeout,
    /// The upstream hung up without an answer.
    HungUp,
    /// What the upstream sent is no answer.
    NoAnswer,
    /// The upstream broke off its answer before any of it was passed on.
    BrokenAnswer,
}

impl Failure {
    /// The status, and what is said of it.
    const fn words(self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "the request cannot be passed on as it is"),
            Self::DotSegment => (
                StatusCode::BAD_REQUEST,
                "the path has a segment `.` or `..`; expected a path in which they are resolved",
            ),
            Self::AfterTheLast => {
                (StatusCode::BAD_REQUEST, "the connection has ended with an earlier request")
            }
            Self::Connect => (StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not served here"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body of the request is too large"),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "the body of the request has broken off"),
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "the body of the request took too long"),
            Self::Unreachable => (StatusCode::BAD_GATEWAY, "the application cannot be reached"),
            Self::ConnectTimeout => {
                (StatusCode::GATEWAY_TIMEOUT, "the application has not accepted a connection in time")
            }
            Self::HeadTimeout => (StatusCode::GATEWAY_TIMEOUT, "the application has not answered in time"),
            Self::HungUp => {
                (StatusCode::BAD_GATEWAY, "the application has closed the connection without an answer")
            }
            Self::BrokenAnswer => (StatusCode::BAD_GATEWAY, "the application has broken off its answer"),
            Self::NoAnswer => (StatusCode::BAD_GATEWAY, "what the application has sent is no answer"),
        }
    }

    /// Whether it costs the site nothing: nobody has worked for the request.
    pub(crate) const fn is_free(self) -> bool {
        matches!(self, Self::Unreachable | Self::AfterTheLast)
    }

    /// Whether the client's connection is of no use any more.
    pub(crate) const fn closes(self) -> bool {
        matches!(
            self,
            Self::Malformed
                | Self::AfterTheLast
                | Self::TooLarge
                | Self::BrokenBody
                | Self::SlowBody
                | Self::Connect
        )
    }

    /// What the log says of it.
    pub(crate) const fn text(self) -> &'static str {
        self.words().1
    }

    /// The answer: problem+json (RFC 9457).
    pub(crate) fn response(self) -> HttpResponse {
        let (status, detail) = self.words();
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({ "status": status.as_u16(), "title": title, "detail": detail });
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")));
        response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        if self.closes() {
            response.force_close();
        }
        response.body(format!("{body}\n"))
    }
}
