//! Traces: each request as a span of OpenTelemetry, and each request to an upstream as another.
//!
//! They are a feature, `otel`. Without it the same names stand for something of which there is none, so that who uses them is
//! compiled to nothing.

#[cfg(feature = "otel")]
mod client;
#[cfg(feature = "otel")]
mod export;
#[cfg(not(feature = "otel"))]
mod none;
#[cfg(feature = "otel")]
mod open;
#[cfg(feature = "otel")]
mod propagation;
#[cfg(feature = "otel")]
mod spans;

use std::env;

use actix_web::http::StatusCode;
use timebudget::Micros;

#[cfg(not(feature = "otel"))]
pub(crate) use self::none::{Around, Serving, Traces};
#[cfg(feature = "otel")]
pub(crate) use self::spans::{Around, Serving, Traces};

/// What became of a request, when its response has ended.
#[derive(Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "spans alone tell of it"))]
pub(crate) struct Ended<'a> {
    /// Nothing where the client had gone before there was any.
    pub(crate) status: Option<StatusCode>,
    pub(crate) site: &'a str,
    pub(crate) charged: Micros,
    /// The rule that refused it.
    pub(crate) rule: Option<&'a str>,
}

/// A request to an upstream.
#[derive(Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "spans alone tell of it"))]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// Without its query, which may hold secrets.
    pub(crate) path: &'a str,
    /// Whether it is sent once more.
    pub(crate) is_second: bool,
}

/// The variable of the environment that says where traces go, where one does and no other says that there are to be none.
fn endpoint() -> Option<&'static str> {
    let is_on = !said("OTEL_SDK_DISABLED").eq_ignore_ascii_case("true")
        && !said("OTEL_TRACES_EXPORTER").eq_ignore_ascii_case("none");
    let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    endpoints.into_iter().find(|name| is_on && !said(name).is_empty())
}

/// What a variable of the environment says; nothing where it is not set.
fn said(name: &str) -> String {
    env::var(name).map(|value| value.trim().to_owned()).unwrap_or_default()
}
