//! What a client reads that is not served.

use actix_web::HttpResponse;
use actix_web::body::MessageBody as _;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, Accept, CACHE_CONTROL, CONTENT_TYPE, Header as _, HeaderValue, Quality, RETRY_AFTER,
};
use actix_web::mime::Mime;
use bytes::Bytes;

use crate::limiter::Refusal;
use crate::middleware::body::BudgetBody;
use crate::middleware::worker::WorkerSite;
use crate::model::units::Unit;

/// The forms of a refusal, the one for clients without a wish first.
#[derive(Clone, Copy)]
enum Form {
    Problem,
    Html,
    Plain,
}

/// The answer to a refused request: 429, when to come back, and a body in the form that the client asks for.
pub(super) fn response<B>(
    request: &ServiceRequest,
    site: &WorkerSite,
    refusal: &Refusal,
) -> HttpResponse<BudgetBody<B>> {
    let form = form_for(request);
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, form, form.write(refusal));
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(refusal.retry_after_secs));
    site.wire().write(headers, site, &refusal.report, false);
    response
}

/// The answer where the limiter itself has failed and is told to refuse then. The client learns nothing of the store.
pub(super) fn of_fault<B>() -> HttpResponse<BudgetBody<B>> {
    let body = "the server cannot tell whether this request may be served; try again soon\n".to_owned();
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, Form::Plain, body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn answer<B>(status: StatusCode, form: Form, body: String) -> HttpResponse<BudgetBody<B>> {
    let bytes = Bytes::from(body);
    let size = bytes.size();
    let mut response = HttpResponse::with_body(status, BudgetBody::complete(bytes, size));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
                let rule = serde_json::Value::from(refusal.rule.as_str());
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

/// One sentence without characters that JSON or HTML would have to escape.
fn detail(refusal: &Refusal) -> String {
    let unit = match refusal.report.unit {
        Unit::Time => "microseconds of server time",
        Unit::Requests => "requests",
    };
    let wait = refusal.retry_after_secs;
    let plural = if wait == 1 { "" } else { "s" };
    format!("The budget of {} {unit} is spent. Try again in {wait} second{plural}.", refusal.report.limit)
}
