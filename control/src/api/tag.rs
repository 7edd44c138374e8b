//! Entity tags: a thing's is the revision that put it there.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use crate::api::problem::Problem;
use crate::control::IfMatch;
use crate::thing::Wrong;

/// `"7"`.
pub(crate) fn of(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// What `If-Match` and `If-None-Match` expect of a write.
///
/// # Errors
///
/// What is wrong with them.
pub(crate) fn expected(request: &HttpRequest) -> Result<IfMatch, Problem> {
    let matches = one(request, &IF_MATCH)?;
    match (matches, one(request, &IF_NONE_MATCH)?) {
        (None, None) => Ok(IfMatch::Anything),
        (None, Some("*")) => Ok(IfMatch::Nothing),
        (None, Some(_)) => Err(wrong("If-None-Match", "expected * for a write")),
        (Some("*"), None) => Ok(IfMatch::Something),
        (Some(tag), None) => match revision(tag) {
            // What is not there is at revision 0.
            Some(0) => Ok(IfMatch::Nothing),
            Some(revision) => Ok(IfMatch::Revision(revision)),
            None => {
                Err(wrong("If-Match", "expected * or a revision such as \"7\", with its quotation marks"))
            }
        },
        (Some(_), Some(_)) => Err(wrong("If-None-Match", "stands beside If-Match; expected one of them")),
    }
}

/// Whether whoever reads has this revision already.
pub(crate) fn is_known(request: &HttpRequest, at: u64) -> bool {
    let said = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    said.flat_map(|value| value.split(',')).map(str::trim).any(|tag| {
        // Weakly, as RFC 9110 (13.1.2) wants.
        tag == "*" || revision(tag.strip_prefix("W/").unwrap_or(tag)) == Some(at)
    })
}

fn one<'a>(request: &'a HttpRequest, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value.trim())),
        _ => Err(wrong(name.as_str(), "expected one value")),
    }
}

fn revision(tag: &str) -> Option<u64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn wrong(header: &str, message: &str) -> Problem {
    Problem::parameters(vec![Wrong::new(header, message)])
}
