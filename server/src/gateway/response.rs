//! The head of an answer, as the upstream has sent it and as the client is sent it: the other file that knows both `http` crates.

use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::http::header::{self as client, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use http::header;
use http::response::Parts;

use crate::gateway::hop;
use crate::gateway::values::Values;

/// What upstreams say of the cost of a request, which is for the gateway alone.
pub(crate) const CHARGE: &str = "x-ratelimit-charge";
pub(crate) const WAIVE: &str = "x-ratelimit-waive";

/// The head that the client is sent; `None` if the upstream's cannot be passed on.
pub(crate) fn head(parts: &Parts) -> Option<HttpResponse<()>> {
    let status = StatusCode::from_u16(parts.status.as_u16()).ok()?;
    let mut response = HttpResponse::with_body(status, ());
    let from = &parts.headers;
    let taken = hop::named(from.get_all(header::CONNECTION).iter().map(http::HeaderValue::as_bytes));
    let taken: Vec<_> = taken.filter(|name| !hop::is_about_the_connection_alone(name)).collect();
    let mut values = Values::with_room(from.values().map(http::HeaderValue::len).sum());
    for (name, value) in from {
        let name = name.as_str();
        if is_left_behind(name, status) || taken.iter().any(|listed| hop::takes_away(listed, name)) {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(values.add(value.as_bytes())).ok()?;
        response.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).ok()?, value);
    }
    Some(response)
}

/// Makes the head one that switches to WebSocket.
pub(crate) fn upgrade(response: &mut HttpResponse<()>) {
    response.head_mut().set_connection_type(ConnectionType::Upgrade);
    response.headers_mut().insert(client::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Whether all who read an answer find the end of its body at the same place: by one length, or by chunks and nothing else.
pub(crate) fn ends_for_certain(parts: &Parts, method: &Method) -> bool {
    if method == Method::HEAD || is_bodiless(parts) {
        return true;
    }
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    match (lengths.next(), codings.next()) {
        (None, None) => true,
        (Some(length), None) => {
            let digits = length.as_bytes();
            lengths.next().is_none() && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        (None, Some(coding)) => {
            codings.next().is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
        (Some(_), Some(_)) => false,
    }
}

fn is_bodiless(parts: &Parts) -> bool {
    matches!(parts.status.as_u16(), 100..=199 | 204 | 304)
}

/// How large the body is that belongs to an answer; `None` for one that has none.
///
/// To HEAD it is what a GET would be sent, if that is said, and no body follows.
pub(crate) fn size(parts: &Parts, method: &Method) -> BodySize {
    let said =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match said {
        _ if is_bodiless(parts) => BodySize::None,
        // It has no body either, but is one of those that say so.
        _ if parts.status == http::StatusCode::RESET_CONTENT => BodySize::Sized(0),
        Some(length) => BodySize::Sized(length),
        None if method == Method::HEAD => BodySize::None,
        None => BodySize::Stream,
    }
}

/// Whether it is a stream of events, which has no end of its own.
pub(crate) fn is_of_events(parts: &Parts) -> bool {
    let kind = parts.headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Ends the body of an answer with its connection where the client knows no chunks.
pub(crate) fn fit_to(response: &mut HttpResponse<()>, version: Version, size: BodySize) {
    if version == Version::HTTP_10 && size == BodySize::Stream {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
}

/// Whether a field stays behind, or follows from the body. A 304 says how long the body is that it does not have.
fn is_left_behind(name: &str, status: StatusCode) -> bool {
    hop::is_hop_by_hop(name)
        || matches!(name, CHARGE | WAIVE)
        || (name == "content-length" && status != StatusCode::NOT_MODIFIED)
}
