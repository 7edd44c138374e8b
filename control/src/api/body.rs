//! Bodies: JSON of a bounded size and depth, still as it was written.

use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::api::problem::Problem;

/// The text of a body, which is JSON.
#[derive(Debug)]
pub(crate) struct Body(String);

/// The text of a body, whatever it is.
#[derive(Debug)]
pub(crate) struct Text(String);

/// The most that a body may have: a megabyte.
const MOST_BYTES: usize = 1 << 20;

/// How long it may take to come: whoever sends it need not have a token, and holds a connection.
const WITHIN: Duration = Duration::from_secs(10);

/// How deep its lists and objects may lie in each other.
const MOST_DEPTH: usize = 64;

impl Deref for Body {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Text {
    /// The same, if it is JSON.
    ///
    /// # Errors
    ///
    /// It is none, or too deep.
    pub(crate) fn json(self) -> Result<Body, Problem> {
        let Self(text) = self;
        if depth(&text) > MOST_DEPTH {
            let detail = format!("the body's lists and objects are nested deeper than {MOST_DEPTH}");
            return Err(Problem::unreadable(detail));
        }
        match serde_json::from_str::<&RawValue>(&text) {
            Ok(_) => Ok(Body(text)),
            Err(error) => Err(Problem::unreadable(format!("the body is not JSON: {error}"))),
        }
    }
}

impl FromRequest for Text {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let announced = announced(request);
        let payload = web::Payload::from_request(request, payload).into_inner();
        Box::pin(async move {
            announced?;
            let payload = payload.map_err(|error| Problem::unreadable(error.to_string()))?;
            let read = timeout(WITHIN, payload.to_bytes_limited(MOST_BYTES)).await.map_err(|_| too_late())?;
            let read = read.map_err(|_| too_large())?;
            let read =
                read.map_err(|error| Problem::unreadable(format!("the body cannot be read: {error}")))?;
            let text = String::from_utf8(read.into());
            text.map(Self).map_err(|error| Problem::unreadable(format!("the body is no UTF-8: {error}")))
        })
    }
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let text = Text::from_request(request, payload);
        Box::pin(async move { text.await?.json() })
    }
}

/// A body while it comes.
type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// # Errors
///
/// What the head says of the body is reason enough not to read it.
fn announced(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let length = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MOST_BYTES as u64) {
        return Err(too_large());
    }
    let kind = header(CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match kind {
        Some(kind) if kind.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected Content-Type: application/json")),
    }
}

fn too_late() -> Problem {
    let detail = format!("the body has not come within {} seconds", WITHIN.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large; expected at most 1 MB")
}

/// How deep the brackets outside of texts lie in each other; of what is no JSON, any number.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_are_no_depth() {
        for (text, deep) in
            [("1", 0), ("[]", 1), (r#"{"a":[{}],"b":{}}"#, 3), (r#"["[[{\"[","["]"#, 1), ("]]]", 0)]
        {
            assert_eq!(depth(text), deep, "{text}");
        }
    }
}
