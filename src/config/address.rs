//! The keys that say how a client's address is found.

use crate::config::json::Json;
use crate::config::node::Node;
use crate::config::number::whole;
use crate::config::report::Report;
use crate::model::is_token;
use crate::model::wording::PROXY;
use crate::model::wording::STRANGERS;
use crate::model::{Network, Proxy};

const NETWORK: &str = "an address or a range such as \"10.0.0.0/8\"";
const PROXIES: &str = "a list of addresses, ranges such as \"10.0.0.0/8\", and \"unix\"";
const HOPS: &str = "a whole number from 0 to 255";
const HEADER: &str = "the name of a header, such as \"X-Forwarded-For\"";
const PREFIX: &str = "whole bits from 1 to 128";

/// The proxies that `rate_limit_trusted_proxies` lists; an empty list trusts nobody.
pub(super) fn trusted_proxies(node: &Node<'_>, report: &mut Report) -> Option<Vec<Proxy>> {
    match node.json() {
        Json::List(items) if items.is_empty() => Some(Vec::new()),
        _ => {
            let items = node.items(PROXIES, report)?;
            let proxies: Vec<_> = items.iter().map(|item| proxy(item, report)).collect();
            proxies.into_iter().collect()
        }
    }
}

fn proxy(node: &Node<'_>, report: &mut Report) -> Option<Proxy> {
    let proxy: Proxy = match node.text(PROXY, report)?.parse() {
        Ok(proxy) => proxy,
        Err(fault) => return node.wrong(fault.words(PROXY), report),
    };
    if proxy.has_strangers() {
        node.suspect(STRANGERS, report);
    }
    Some(proxy)
}

/// How many proxies `rate_limit_trusted_hops` says that there are.
pub(super) fn trusted_hops(node: &Node<'_>, report: &mut Report) -> Option<u8> {
    let hops = u8::try_from(whole(node, HOPS, report)?);
    hops.ok().or_else(|| node.wrong(format_args!("not so many; expected {HOPS}"), report))
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
        Err(fault) => node.wrong(fault.words(NETWORK), report),
    }
}
