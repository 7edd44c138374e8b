//! Where a request comes from, as the audit shows it and as guesses are counted.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use timebudget::AddressPolicy;

/// The address of the peer, or what proxies say of whom they speak for, if they are trusted; none on a socket of the machine.
///
/// What others say is not believed: whoever writes the header would choose it.
pub(crate) fn of(request: &HttpRequest, policy: &AddressPolicy) -> Option<IpAddr> {
    let lines: Vec<_> =
        request.headers().get_all(policy.header.as_str()).map(HeaderValue::as_bytes).collect();
    policy.client(request.peer_addr().map(|peer| peer.ip()), lines.into_iter())
}
