//! What a refused client is told by the rule that refuses it: status, body and fields, in the form that it asks for.
//!
//! It is the same for who is answered in the handler's place and for who is cut while it runs.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, Accept, CACHE_CONTROL, CONTENT_TYPE, Header as _, HeaderMap, HeaderValue, Quality, RETRY_AFTER,
};
use actix_web::mime::Mime;
use bytes::Bytes;

use crate::limiter::Refused;
use crate::middleware::running::Running;
use crate::middleware::told::{Form, body, with_message};
use crate::model::{Action, Block};

pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What a rule says of its refusals that says nothing of them.
static USUAL: Block = Block { status: None, message: None, body: None, content_type: None };

const PLAIN: HeaderValue = Form::Plain.content_type();

/// What a client is told by a rule, or where nobody can decide.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: HeaderValue,
    pub(crate) body: Bytes,
    pub(crate) retry_after: HeaderValue,
}

/// What is told by the rule, in a form, and with a message of its own if there is one.
#[inline(always)]
pub(crate) fn reply(running: &Running, refused: &Refused, form: Form, message: Option<String>) -> Reply {
    let site = running.site();
    let block = match &site.rule_at(refused.rule).action {
        Action::Block(block) => block,
        // Where the request could not be rewritten.
        Action::Rewrite(_) => &USUAL,
    };
    let status = block.status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    let limit = running.held().refusing_book(refused);
    let write = move || body(&running.refusal(refused), block, status, form);
    let (mut body, retry_after) = site.last_refusal().told(refused, limit, form, write);
    if let Some(message) = message {
        body = with_message(&running.refusal(refused), message, block, status, form);
    }
    let content_type = match (&block.body, &block.content_type) {
        (None, _) => form.content_type(),
        (Some(_), Some(own)) => HeaderValue::from_str(own).unwrap_or(PLAIN),
        (Some(_), None) => PLAIN,
    };
    Reply { status, content_type, body, retry_after }
}

/// The answer to who is cut, in a form.
#[cold]
pub(crate) fn of_cut(running: &Running, refused: &Refused, form: Form) -> HttpResponse {
    let Reply { status, content_type, body, retry_after } = reply(running, refused, form, None);
    let mut response = HttpResponse::with_body(status, BoxBody::new(body));
    write(response.headers_mut(), content_type, retry_after);
    running.write_refused(response.headers_mut(), refused);
    response
}

#[inline(always)]
pub(crate) fn write(headers: &mut HeaderMap, content_type: HeaderValue, retry_after: HeaderValue) {
    headers.append(CONTENT_TYPE, content_type);
    headers.append(CACHE_CONTROL, NO_STORE);
    headers.append(RETRY_AFTER, retry_after);
}

/// The first form that the client accepts, by its own ranking.
#[inline]
pub(crate) fn form_for(request: &ServiceRequest) -> Form {
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
