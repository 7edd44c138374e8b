//! What a client reads that is not served.

use std::cell::RefCell;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, Accept, CACHE_CONTROL, CONTENT_TYPE, Header as _, HeaderValue, Quality, RETRY_AFTER,
};
use actix_web::mime::Mime;
use bytes::Bytes;

use crate::limiter::{Cause, Refusal, Report};
use crate::middleware::body::BudgetBody;
use crate::middleware::worker::WorkerSite;
use crate::model::units::Unit;

/// The forms of a refusal, the one for clients without a wish first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Problem,
    Html,
    Plain,
}

/// What the last client was told that was refused. The next one is mostly told the same, since waits are in seconds.
#[derive(Debug, Default)]
pub(super) struct LastRefusal(RefCell<Option<Told>>);

#[derive(Debug)]
struct Told {
    rule: Arc<str>,
    cause: Cause,
    limit: u64,
    unit: Unit,
    wait_secs: u64,
    form: Form,
    body: Bytes,
    retry_after: HeaderValue,
}

impl LastRefusal {
    /// The body and the `Retry-After` of a refusal.
    fn told(&self, refusal: &Refusal, form: Form) -> (Bytes, HeaderValue) {
        let mut last = self.0.borrow_mut();
        let told = match last.take() {
            Some(told) if told.fits(refusal, form) => told,
            _ => Told::of(refusal, form),
        };
        let told = last.insert(told);
        (told.body.clone(), told.retry_after.clone())
    }
}

impl Told {
    fn of(refusal: &Refusal, form: Form) -> Self {
        Self {
            rule: Arc::clone(&refusal.rule),
            cause: refusal.cause,
            limit: refusal.report.limit,
            unit: refusal.report.unit,
            wait_secs: refusal.retry_after_secs,
            form,
            body: Bytes::from(form.write(refusal)),
            retry_after: HeaderValue::from(refusal.retry_after_secs),
        }
    }

    fn fits(&self, refusal: &Refusal, form: Form) -> bool {
        let Report { limit, unit, .. } = refusal.report;
        self.wait_secs == refusal.retry_after_secs
            && (self.limit, self.unit, self.cause, self.form) == (limit, unit, refusal.cause, form)
            && Arc::ptr_eq(&self.rule, &refusal.rule)
    }
}

/// The answer to a refused request: 429, when to come back, and a body in the form that the client asks for.
pub(super) fn response<B>(
    request: &ServiceRequest,
    site: &WorkerSite,
    refusal: &Refusal,
) -> HttpResponse<BudgetBody<B>> {
    let form = form_for(request);
    let (body, retry_after) = site.last_refusal().told(refusal, form);
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, form, body, retry_after);
    let headers = response.headers_mut();
    site.wire().write(headers, site, &refusal.report, false);
    response
}

/// The answer where the limiter itself has failed and is told to refuse then. The client learns nothing of the store.
pub(super) fn of_fault<B>() -> HttpResponse<BudgetBody<B>> {
    let body =
        Bytes::from_static(b"the server cannot tell whether this request may be served; try again soon\n");
    answer(StatusCode::SERVICE_UNAVAILABLE, Form::Plain, body, HeaderValue::from_static("1"))
}

fn answer<B>(
    status: StatusCode,
    form: Form,
    body: Bytes,
    retry_after: HeaderValue,
) -> HttpResponse<BudgetBody<B>> {
    let size = body.size();
    let mut response = HttpResponse::with_body(status, BudgetBody::complete(body, size));
    let headers = response.headers_mut();
    headers.append(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(RETRY_AFTER, retry_after);
    response
}

/// The first form that the client accepts, by its own ranking.
fn form_for(request: &ServiceRequest) -> Form {
    let accepted = request.headers().get(ACCEPT);
    if accepted.is_none_or(|value| value == "*/*") {
        return Form::Problem;
    }
    let ranked = Accept::parse(request).map_or_else(|_| Vec::new(), ranked);
    let form = ranked.iter().find_map(|mime| match (mime.type_().as_str(), mime.subtype().as_str()) {
        ("application", "problem" | "json" | "*") | ("*", "*") => Some(Form::Problem),
        ("text", "html") | ("application", "xhtml") => Some(Form::Html),
        ("text", _) => Some(Form::Plain),
        _ => None,
    });
    form.unwrap_or(Form::Problem)
}

/// What is accepted, the best first; a weight of 0 says what is not (RFC 9110, section 12.4.2).
fn ranked(mut accept: Accept) -> Vec<Mime> {
    accept.0.retain(|item| item.quality > Quality::ZERO);
    accept.ranked()
}

impl Form {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Problem => "application/problem+json",
            Self::Html => "text/html; charset=utf-8",
            Self::Plain => "text/plain; charset=utf-8",
        }
    }

    fn write(self, refusal: &Refusal) -> String {
        let (detail, wait) = (detail(refusal), refusal.retry_after_secs);
        match self {
            Self::Problem => {
                let rule = serde_json::Value::from(&*refusal.rule);
                format!(
                    "{{\"type\":\"about:blank\",\"status\":429,\"title\":\"Too Many Requests\",\
                     \"detail\":\"{detail}\",\"retry_after\":{wait},\"rule\":{rule}}}\n"
                )
            }
            Self::Html => format!(
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
                 <title>Too Many Requests</title></head>\n\
                 <body><h1>Too Many Requests</h1><p>{detail}</p></body></html>\n"
            ),
            Self::Plain => format!("Too Many Requests. {detail}\n"),
        }
    }
}

/// Two sentences without characters that JSON or HTML would have to escape.
fn detail(refusal: &Refusal) -> String {
    let unit = match refusal.report.unit {
        Unit::Time => "microseconds of server time",
        Unit::Requests => "requests",
    };
    let (limit, wait) = (refusal.report.limit, refusal.retry_after_secs);
    let reason = match refusal.cause {
        Cause::Spent => format!("The budget of {limit} {unit} is spent."),
        Cause::Held => format!("What is left of the budget of {limit} {unit} is held for running requests."),
        Cause::Crowded => format!("No more than {limit} requests may run at once."),
    };
    let plural = if wait == 1 { "" } else { "s" };
    format!("{reason} Try again in {wait} second{plural}.")
}
