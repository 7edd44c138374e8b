//! What is answered where something is not done: problem+json (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::{ChangeError, Unavailable};
use crate::thing::Wrong;

/// Why something was not done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what it is.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'static str,
    /// The status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16, example = 422)]
    status: StatusCode,
    /// What happened, for people to read.
    #[schema(example = "2 things are wrong with it")]
    detail: String,
    /// All that is wrong with what was sent, each with its path.
    errors: Vec<Wrong>,
    /// Where something is at another revision than the request expected: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip)]
    header: Option<Box<(HeaderName, String)>>,
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let (detail, errors) = (detail.into(), Vec::new());
        Self { kind: "about:blank", title, status, detail, errors, revision: None, header: None }
    }

    /// What was sent cannot be read at all.
    pub(crate) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A parameter or a header is wrong.
    pub(crate) fn parameters(errors: Vec<Wrong>) -> Self {
        Self { errors, ..Self::unreadable("the request's parameters are wrong") }
    }

    /// What was sent can be read, and is wrong.
    pub(crate) fn wrong(errors: Vec<Wrong>) -> Self {
        let detail = match &errors[..] {
            [only] => only.to_string(),
            _ => format!("{} things are wrong with it", errors.len()),
        };
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// Nobody is logged in, or not as who they say.
    pub(crate) fn unauthorized(detail: &str) -> Self {
        let header = Some(Box::new((WWW_AUTHENTICATE, "Bearer".to_owned())));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What a change has made is not what its path makes: no change does that.
    pub(crate) fn gone() -> Self {
        Self::conflict("it was made before, and is not there any more")
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// Something is at another revision than expected; at 0 if it is not there.
    pub(crate) fn stale(revision: u64) -> Self {
        let detail = match revision {
            0 => "it is not there".to_owned(),
            _ => format!("it was changed; it is at revision {revision}"),
        };
        Self { revision: Some(revision), ..Self::new(StatusCode::PRECONDITION_FAILED, detail) }
    }

    /// There is the path, but not for this method.
    pub(crate) fn not_allowed(allowed: &str) -> Self {
        let detail = format!("this path takes {allowed}");
        let header = Some(Box::new((ALLOW, allowed.to_owned())));
        Self { header, ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// Somebody has more of something than one may have.
    pub(crate) fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail)
    }

    /// Too many tokens were guessed.
    pub(crate) fn guessing(retry_after_secs: u64) -> Self {
        let header = Some(Box::new((RETRY_AFTER, retry_after_secs.to_string())));
        let detail = "too many wrong tokens were sent from this address";
        Self { header, ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // What is missing of the request may come yet, and would be taken for the next one.
            response.force_close();
        }
        if let Some((name, value)) = self.header.as_deref() {
            response.insert_header((name, value.as_str()));
        }
        let body = serde_json::to_string(self).expect("a problem has texts for keys");
        response.content_type(MEDIA_TYPE).body(body)
    }
}

impl From<Vec<Wrong>> for Problem {
    fn from(errors: Vec<Wrong>) -> Self {
        Self::wrong(errors)
    }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Self {
        if why.is_slow() {
            let detail = format!("{why}; ask for less at once: for a shorter time, one site or one rule");
            return Self::new(StatusCode::GATEWAY_TIMEOUT, detail);
        }
        let header = Some(Box::new((RETRY_AFTER, "1".to_owned())));
        let detail = format!("{why}; the rules in force stay, and nothing can be changed meanwhile");
        Self { header, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Wrong(errors) => Self::wrong(errors),
            ChangeError::InUse(_) | ChangeError::Conflict(_) | ChangeError::Exists => {
                Self::conflict(error.to_string())
            }
            ChangeError::Stale { revision } => Self::stale(revision),
            ChangeError::Missing => Self::not_found(error.to_string()),
            ChangeError::OtherBody => Self::wrong(vec![Wrong::new("Idempotency-Key", error.to_string())]),
            ChangeError::Unavailable(why) => why.into(),
        }
    }
}
