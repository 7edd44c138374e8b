//! The keys that say how a client's address is found.

use crate::config::json::Json;
use crate::config::node::Node;
use crate::config::number::whole;
use crate::config::report::Report;
use crate::model::method::is_token;
use crate::model::network::{Network, NetworkFault};

const NETWORK: &str = "an address or a range such as \"10.0.0.0/8\"";
const NETWORKS: &str = "a list of addresses and ranges such as \"10.0.0.0/8\"";
const HEADER: &str = "the name of a header, such as \"X-Forwarded-For\"";
const PREFIX: &str = "whole bits from 1 to 128";

/// The proxies that `rate_limit_trusted_proxies` lists; an empty list trusts nobody.
pub(super) fn trusted_proxies(node: &Node<'_>, report: &mut Report) -> Option<Vec<Network>> {
    match node.json() {
        Json::List(items) if items.is_empty() => Some(Vec::new()),
        _ => {
            let items = node.items(NETWORKS, report)?;
            let networks: Vec<_> = items.iter().map(|item| network(item, report)).collect();
            networks.into_iter().collect()
        }
    }
}

/// The header that `rate_limit_forwarded_header` names.
pub(super) fn forwarded_header(node: &Node<'_>, report: &mut Report) -> Option<String> {
    header_name(node, HEADER, report)
}

/// The name of a header; `expected` has an example of one.
pub(super) fn header_name(node: &Node<'_>, expected: &str, report: &mut Report) -> Option<String> {
    let name = node.text(expected, report)?;
    match is_token(name) {
        true => Some(name.to_owned()),
        false => node.wrong(format_args!("no name of a header; expected {expected}"), report),
    }
}

/// The number of bits that `rate_limit_ipv6_prefix` is.
pub(super) fn ipv6_prefix(node: &Node<'_>, report: &mut Report) -> Option<u8> {
    let bits = whole(node, PREFIX, report)?;
    match u8::try_from(bits) {
        Ok(bits @ 1..=128) => Some(bits),
        _ => node.wrong(format_args!("not so many; expected {PREFIX}"), report),
    }
}

/// A range of addresses.
pub(super) fn network(node: &Node<'_>, report: &mut Report) -> Option<Network> {
    match node.text(NETWORK, report)?.parse() {
        Ok(network) => Some(network),
        Err(NetworkFault::NotAnAddress) => node.wrong(format_args!("no address; expected {NETWORK}"), report),
        Err(NetworkFault::NotAPrefix) => {
            node.wrong("no such prefix; expected at most 32 bits for IPv4, 128 for IPv6", report)
        }
        Err(NetworkFault::BitsBeyond(meant)) => {
            node.wrong(format_args!("has bits beyond its prefix; did you mean {meant}?"), report)
        }
    }
}
