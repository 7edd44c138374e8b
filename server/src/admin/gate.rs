//! Who is told how the process is and what it has done: everybody on this machine, and members from elsewhere.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;
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
    if !gate.is_open && !is_of_this_machine(peer, request.head()) {
        let control = gate.control.ok_or_else(|| {
            error::ErrorForbidden(
                "this machine alone is answered, unless --admin-open-metrics says otherwise\n",
            )
        })?;
        control.must_be(request.request(), Role::Viewer).await?;
    }
    next.call(request).await
}

/// Whether it is asked here and by one who is here: not for somebody else, and not by the name of another host, as a page in a browser
/// here asks whose host has been given our address (DNS rebinding).
fn is_of_this_machine(peer: Option<IpAddr>, head: &RequestHead) -> bool {
    let is_near = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
    is_near && !FORWARDED.iter().any(|name| head.headers.contains_key(*name)) && asks_this_machine(head)
}

/// By the host that is asked for. Checks of HTTP/1.0 name none; proxies that speak it, as nginx did unless told, name ours.
fn asks_this_machine(head: &RequestHead) -> bool {
    let named = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    let asked = head.uri.authority().map(Authority::as_str);
    let is_one = |host: Option<&str>| host.is_none_or(is_loopback);
    is_one(named) && is_one(asked) && (named.is_none() || head.version >= Version::HTTP_11)
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    /// Whether one is who comes from there with these fields.
    fn is(peer: &str, version: Version, fields: &[(&'static str, &'static str)]) -> bool {
        let mut head = RequestHead::default();
        head.version = version;
        for (name, value) in fields {
            head.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_of_this_machine(peer.parse().ok(), &head)
    }

    #[test]
    fn who_is_elsewhere_or_speaks_for_others_is_not_of_this_machine() {
        for near in ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is(near, Version::HTTP_11, &[("accept", "any")]), "{near}");
            assert!(FORWARDED.iter().all(|name| !is(near, Version::HTTP_11, &[(name, "any")])), "{near}");
        }
        for far in ["10.0.0.1", "192.0.2.7", "::ffff:10.0.0.1", "fe80::1", "nowhere"] {
            assert!(!is(far, Version::HTTP_11, &[("host", "127.0.0.1")]), "{far}");
        }
    }

    /// A proxy on this machine without a word about whom it speaks for, or a page whose host has our address, opened both pages to
    /// whoever reached it.
    #[test]
    fn who_asks_for_another_host_or_as_old_proxies_do_is_not_of_this_machine() {
        let asks = |version, host| is("127.0.0.1", version, &[("host", host)]);
        for host in [
            "127.0.0.1",
            "127.0.0.1:8081",
            "localhost",
            "LocalHost:8081",
            "[::1]",
            "[::1]:8081",
            "127.1.2.3:1",
        ] {
            assert!(asks(Version::HTTP_11, host), "{host}");
            assert!(!asks(Version::HTTP_10, host), "{host}");
        }
        for host in [
            "limits.example",
            "limits.example:8081",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost.",
            "",
            "[::1",
            "127.0.0.1:x",
        ] {
            assert!(!asks(Version::HTTP_11, host), "{host}");
        }
        assert!(is("127.0.0.1", Version::HTTP_10, &[]), "a check of HAProxy");
    }
}
