//! Writes that another site's page makes a browser send.
//!
//! A browser sends cookies along, whoever asks it to. So a write that is known by one must carry a header that no foreign
//! page can add without asking first, and what the browser tells of the page must not be another origin's.

use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};

use crate::api::problem::Problem;

const HEADER: &str = "x-timebudget-csrf";

/// Lets a write through that is known by a cookie.
///
/// # Errors
///
/// It lacks the header, or comes from elsewhere.
pub(crate) fn check(request: &HttpRequest) -> Result<(), Problem> {
    if request.headers().get(HEADER).is_none_or(|value| value != "1") {
        return Err(Problem::forbidden("a write by cookie needs the header X-Timebudget-Csrf: 1"));
    }
    check_origin(request)
}

/// Lets a request through that no page of another origin has sent, as far as the browser tells.
///
/// # Errors
///
/// It comes from elsewhere.
pub(crate) fn check_origin(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site");
    let is_own_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    match is_own_site && is_own_origin(headers) {
        true => Ok(()),
        false => Err(Problem::forbidden("the request comes from a page of another origin")),
    }
}

fn is_own_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    // `null`, as of a page in a sandbox, has no authority.
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    let authority = origin.as_ref().filter(|origin| origin.scheme().is_some()).and_then(Uri::authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.zip(host).is_some_and(|(own, host)| own.as_str().eq_ignore_ascii_case(host))
}
