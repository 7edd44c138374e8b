//! Errors of inner middleware under a budget.

use std::fmt;
use std::rc::Rc;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};

use crate::limiter::Report;
use crate::middleware::running::Running;

/// An error of inner middleware, whose response says where the client stands.
///
/// It stands in for the error, and not a response mapper on it, since [`HttpResponse::from_error`] drops mappers. Outer
/// middleware that looks for an error of its own type finds it by [`LimitedError::error`]. Where headers are off, or no rule
/// applies, there is nothing to say, and the error arrives as it was made.
pub struct LimitedError {
    error: Error,
    running: Rc<Running>,
    report: Option<Report>,
}

impl LimitedError {
    /// Ends the request with an error; one to which there is nothing to say stays as it is.
    pub(crate) fn wrap(error: Error, running: &Rc<Running>) -> Error {
        if running.site().judges_answers {
            running.answered(error.error_response().head());
        }
        let report = running.holding().settle_and_look(running.site()).map(Report::from);
        match running.speaks() || running.is_rewritten() {
            true => Self { error, running: Rc::clone(running), report }.into(),
            false => error,
        }
    }

    /// The error as the inner middleware made it.
    pub const fn error(&self) -> &Error {
        &self.error
    }
}

impl ResponseError for LimitedError {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.error.error_response();
        self.running.write_headers(response.headers_mut(), self.report.as_ref());
        response
    }
}

impl fmt::Display for LimitedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for LimitedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}
