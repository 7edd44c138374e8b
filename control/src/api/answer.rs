//! Answers.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::api::tag;
use crate::control::Receipt;
use crate::thing::Held;

/// What a handler answers.
pub(crate) type Answer = Result<HttpResponse, Problem>;

/// A thing with the revision that put it there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Revised<T> {
    #[serde(flatten)]
    pub(crate) thing: T,
    /// The revision that put it there, for `If-Match`.
    pub(crate) revision: u64,
}

impl<'a, T> Revised<&'a T> {
    pub(crate) fn of(held: &'a Held<T>) -> Self {
        Self { thing: &held.thing, revision: held.revision }
    }
}

/// 200 with JSON.
pub(crate) fn json(value: &impl Serialize) -> HttpResponse {
    with(StatusCode::OK, None, value)
}

/// A thing that was asked for, unless whoever asks has it already.
pub(crate) fn one(request: &HttpRequest, revision: u64, value: &impl Serialize) -> HttpResponse {
    match tag::is_known(request, revision) {
        true => HttpResponse::NotModified().insert_header((ETAG, tag::of(revision))).finish(),
        false => with(StatusCode::OK, Some(revision), value),
    }
}

/// JSON under a revision.
pub(crate) fn revised(status: StatusCode, revision: u64, value: &impl Serialize) -> HttpResponse {
    with(status, Some(revision), value)
}

/// A thing that was put: 201 where there was none.
pub(crate) fn written(receipt: &Receipt, value: &impl Serialize) -> HttpResponse {
    let status = if receipt.before.is_none() { StatusCode::CREATED } else { StatusCode::OK };
    with(status, Some(receipt.revision), value)
}

/// 204.
pub(crate) fn nothing() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn with(status: StatusCode, revision: Option<u64>, value: &impl Serialize) -> HttpResponse {
    let body = serde_json::to_string(value).expect("what is answered has texts for keys");
    let mut response = HttpResponse::build(status);
    if let Some(revision) = revision {
        response.insert_header((ETAG, tag::of(revision)));
    }
    response.content_type("application/json").body(body)
}
