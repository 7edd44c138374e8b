//! What a proxy says of the request that it passes on, beside whose it is.

use actix_web::HttpRequest;
use timebudget::AddressPolicy;

/// The host that whoever sent it asked for.
pub(crate) const HOST: &str = "x-forwarded-host";

/// The scheme by which it was asked for.
pub(crate) const PROTO: &str = "x-forwarded-proto";

/// What a trusted proxy says in a header; nothing where it says nothing, or nobody trusts it.
///
/// Of several values it is the last: those before it may have been sent by the client.
pub(crate) fn said<'a>(request: &'a HttpRequest, policy: &AddressPolicy, header: &str) -> Option<&'a str> {
    if !policy.trusts(request.peer_addr().map(|peer| peer.ip())) {
        return None;
    }
    let line = request.headers().get_all(header).last()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}
