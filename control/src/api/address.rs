//! Where a request comes from, as the audit shows it and as guesses are counted.

use std::net::IpAddr;

use actix_web::HttpRequest;

/// The address of the peer; none on a socket of the machine.
///
/// What proxies say of others is not believed: whoever writes the header would choose it.
pub(crate) fn of(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}
