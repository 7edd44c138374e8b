//! A hint for those who have put a proxy in front and not said so.
//!
//! Nothing else shows it: requests are served, until one client's refusals are everybody's.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Once;

use actix_web::dev::ServiceRequest;

use crate::limiter::Refused;
use crate::middleware::worker::WorkerSite;
use crate::model::Component;

/// How many refusals of a worker are looked at. Behind a proxy the first one shows it, and looking at all of them would
/// cost each something.
const LOOKS: u8 = 64;

thread_local! {
    static LOOKS_LEFT: Cell<u8> = const { Cell::new(LOOKS) };
}

static SAID: Once = Once::new();

/// Logs, once in a process, that a request was refused as its peer's which somebody at a private address forwarded, where
/// nobody is believed who says so.
#[inline]
pub(crate) fn hint(request: &ServiceRequest, site: &WorkerSite, refused: &Refused) {
    let left = LOOKS_LEFT.get();
    if left > 0 {
        LOOKS_LEFT.set(left - 1);
        look(request, site, refused);
    }
}

#[cold]
fn look(request: &ServiceRequest, site: &WorkerSite, refused: &Refused) {
    let addresses = &site.site().addresses;
    let is_by_address = site.rule_at(refused.rule).key.0.contains(&Component::Ip);
    if addresses.trusts_somebody() || !is_by_address || !is_near(request) {
        return;
    }
    if let Some(header) =
        ["X-Forwarded-For", "Forwarded", &addresses.header].iter().find(|name| has(request, name))
    {
        SAID.call_once(|| {
            log::warn!(
                "a request was refused that bears {header}, which nobody is trusted to write: if a proxy wrote it, all \
                 clients behind it share one account; say rate_limit_trusted_proxies (in Rust, trusted_proxies)"
            );
        });
    }
}

fn has(request: &ServiceRequest, name: &str) -> bool {
    request.headers().contains_key(name)
}

/// Whether the peer is on this machine or in a private network, where proxies are. A stranger who writes such a header
/// is an attempt rather than a mistake.
fn is_near(request: &ServiceRequest) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    peer.is_none_or(|peer| match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    })
}
