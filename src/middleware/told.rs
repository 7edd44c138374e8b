//! What a refused client is told, in the form that it asks for.

use std::cell::RefCell;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use serde_json::Value;

use crate::limiter::{Refusal, Refused};
use crate::model::Block;
use crate::store::Book;

/// The forms of a refusal, the one for clients without a wish first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Problem,
    Html,
    Plain,
}

/// What the last client was told that was refused. The next one is mostly told the same, since waits are in seconds.
#[derive(Debug, Default)]
pub(crate) struct LastRefusal(RefCell<Option<Told>>);

#[derive(Debug)]
struct Told {
    refused: Refused,
    /// The limit's book, and what it grants.
    limit: (Book, u64),
    form: Form,
    body: Bytes,
    retry_after: HeaderValue,
}

impl LastRefusal {
    /// The body and the `Retry-After` of a refusal by a limit; who writes it asks for all that is to be said.
    #[inline(always)]
    pub(crate) fn told(
        &self,
        refused: &Refused,
        limit: (Book, u64),
        form: Form,
        write: impl FnOnce() -> Bytes,
    ) -> (Bytes, HeaderValue) {
        let mut last = self.0.borrow_mut();
        let told = match &mut *last {
            Some(told) if told.refused == *refused && told.limit == limit && told.form == form => told,
            last => Told::write(last, refused, limit, form, write),
        };
        (told.body.clone(), told.retry_after.clone())
    }
}

impl Told {
    #[cold]
    #[inline(never)]
    fn write<'a>(
        last: &'a mut Option<Self>,
        refused: &Refused,
        limit: (Book, u64),
        form: Form,
        write: impl FnOnce() -> Bytes,
    ) -> &'a mut Self {
        let retry_after = HeaderValue::from(refused.retry_after_secs);
        last.insert(Self { refused: *refused, limit, form, body: write(), retry_after })
    }
}

/// The body of a refusal, by its rule or in its form.
pub(crate) fn body(refusal: &Refusal, block: &Block, status: StatusCode, form: Form) -> Bytes {
    match &block.body {
        Some(own) => Bytes::from(own.clone()),
        None => Bytes::from(form.write(refusal, block, status)),
    }
}

/// The body of a refusal with a message of its own.
pub(crate) fn with_message(
    refusal: &Refusal,
    message: String,
    block: &Block,
    status: StatusCode,
    form: Form,
) -> Bytes {
    let block = Block { message: Some(message), ..block.clone() };
    body(refusal, &block, status, form)
}

impl Form {
    /// The form's media type.
    #[inline]
    pub(crate) const fn content_type(self) -> HeaderValue {
        // Constants, for to look through a text whether a field can hold it takes longer than all else here.
        const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
        const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
        const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
        match self {
            Self::Problem => PROBLEM,
            Self::Html => HTML,
            Self::Plain => PLAIN,
        }
    }

    /// What is said where nobody can decide. The client learns nothing of the store, nor of a file that is wrong.
    pub(crate) const fn of_fault(self) -> &'static str {
        match self {
            Self::Problem => concat!(
                r#"{"type":"about:blank","status":503,"title":"Service Unavailable","detail":"#,
                r#""The server cannot tell whether this request may be served. Try again soon.","retry_after":1}"#,
                "\n"
            ),
            Self::Html => concat!(
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
                "<title>Service Unavailable</title></head>\n<body><h1>Service Unavailable</h1>",
                "<p>The server cannot tell whether this request may be served. Try again soon.</p></body></html>\n"
            ),
            Self::Plain => {
                "Service Unavailable. The server cannot tell whether this request may be served. Try again soon.\n"
            }
        }
    }

    fn write(self, refusal: &Refusal, block: &Block, status: StatusCode) -> String {
        let detail = block.message.clone().unwrap_or_else(|| refusal.to_string());
        let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or("Refused"));
        match self {
            Self::Problem => {
                let (rule, detail) = (Value::from(&*refusal.rule), Value::from(detail));
                let wait = refusal.retry_after_secs;
                format!(
                    "{{\"type\":\"about:blank\",\"status\":{code},\"title\":\"{title}\",\
                     \"detail\":{detail},\"retry_after\":{wait},\"rule\":{rule}}}\n"
                )
            }
            Self::Html => {
                let detail = escaped(&detail);
                format!(
                    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
                     <title>{title}</title></head>\n\
                     <body><h1>{title}</h1><p>{detail}</p></body></html>\n"
                )
            }
            Self::Plain => format!("{title}. {detail}\n"),
        }
    }
}

/// A text as HTML shows it to the letter.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
