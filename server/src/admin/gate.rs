//! Who is told how the process is and what it has done: everybody on this machine, and members from elsewhere.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::web::ThinData;
use actix_web::{Error, error};
use timebudget_control::Control;
use timebudget_control::thing::Role;

/// Who is let in.
#[derive(Clone)]
pub(crate) struct Gate {
    /// Who knows the members, if there are any.
    pub(crate) control: Option<Control>,
    /// Whether everybody is let in.
    pub(crate) is_open: bool,
}

/// What proxies put into the requests that they pass on: one on this machine speaks for whoever it was that asked it.
const FORWARDED: [&str; 5] = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"];

/// Hands a request on, or refuses it.
pub(crate) async fn gate(
    ThinData(gate): ThinData<Gate>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    if !gate.is_open && !is_of_this_machine(peer, request.headers()) {
        let control = gate.control.ok_or_else(|| {
            error::ErrorForbidden(
                "this machine alone is answered, unless --admin-open-metrics says otherwise\n",
            )
        })?;
        control.must_be(request.request(), Role::Viewer).await?;
    }
    next.call(request).await
}

fn is_of_this_machine(peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
    let is_near = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
    is_near && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn who_is_elsewhere_or_speaks_for_others_is_not_of_this_machine() {
        let is = |peer: &str, name: Option<&'static str>| {
            let field = |name| (HeaderName::from_static(name), HeaderValue::from_static("any"));
            is_of_this_machine(peer.parse().ok(), &name.into_iter().map(field).collect())
        };
        for near in ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is(near, Some("accept")), "{near}");
            assert!(FORWARDED.iter().all(|name| !is(near, Some(name))), "{near}");
        }
        for far in ["10.0.0.1", "192.0.2.7", "::ffff:10.0.0.1", "fe80::1", "nowhere"] {
            assert!(!is(far, None), "{far}");
        }
    }
}
