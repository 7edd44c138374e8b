//! Refused requests that are served another page in place.

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    RANGE, TRANSFER_ENCODING,
};
use actix_web::http::uri::{PathAndQuery, Uri};

use crate::limiter::Refused;
use crate::middleware::worker::WorkerSite;
use crate::model::Action;

/// The target of the rule that refuses, if it is one that rewrites and the request can be.
///
/// Under a scope or a resource, the router has gone part of the way already, and does not turn round.
#[inline]
pub(crate) fn target<'a>(
    site: &'a WorkerSite,
    refused: &Refused,
    request: &ServiceRequest,
) -> Option<&'a str> {
    match &site.rule_at(refused.rule).action {
        Action::Rewrite(target) if is_unrouted(request) && PathAndQuery::try_from(&**target).is_ok() => {
            Some(target)
        }
        _ => None,
    }
}

/// Makes the request a GET of the target, without the query; `None` if the target is no path.
///
/// What it asks of the page, be it a part or whether it has changed, is not asked of the target; and a body that was
/// meant for the page is left unread.
pub(crate) fn rewrite(request: &mut ServiceRequest, target: &str) -> Option<()> {
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    let uri = Uri::from_parts(parts).ok()?;
    request.match_info_mut().get_mut().update(&uri);
    request.match_info_mut().reset();
    request.set_payload(Payload::None);
    let head = request.head_mut();
    head.uri = uri;
    head.method = Method::GET;
    for name in OF_THE_PAGE {
        head.headers.remove(name);
    }
    Some(())
}

/// What a request says of its body, and asks of the page.
const OF_THE_PAGE: [actix_web::http::header::HeaderName; 9] = [
    CONTENT_LENGTH,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TRANSFER_ENCODING,
];

fn is_unrouted(request: &ServiceRequest) -> bool {
    let path = request.match_info();
    path.unprocessed() == path.as_str()
}
