//! What a rule's accounts are keyed by.

use crate::config::json::Json;
use crate::config::node::{Node, complete};
use crate::config::report::Report;
use crate::model::is_token;
use crate::model::nearest;
use crate::model::wording::{COMPONENT, TWICE_IN_KEY};
use crate::model::{Component, KeySpec, Missing};

/// Components by themselves, and the beginnings of those that name something.
const KNOWN: [&str; 15] = [
    "site",
    "ip",
    "host",
    "user",
    "api_key",
    "tier",
    "groups",
    "country",
    "region",
    "method",
    "path",
    "route",
    "header:NAME",
    "cookie:NAME",
    "query:NAME",
];

/// The key that a component, or a list of them, describes.
pub(super) fn key(node: &Node<'_>, report: &mut Report) -> Option<KeySpec> {
    let Json::List(_) = node.json() else {
        return Some(component(node, report)?.into());
    };
    let items = node.items(COMPONENT, report)?;
    let parts = complete(items.iter().map(|item| component(item, report)).collect())?;
    let twice = (1..parts.len()).find(|at| parts[..*at].contains(&parts[*at]));
    if let Some(at) = twice {
        return items[at].wrong(TWICE_IN_KEY, report);
    }
    Some(KeySpec(parts))
}

/// What stands in for a component that is missing.
pub(super) fn missing(node: &Node<'_>, report: &mut Report) -> Option<Missing> {
    match node.json() {
        Json::Text(text) if text == "skip" => Some(Missing::Skip),
        _ => component(node, report).map(Missing::Use),
    }
}

fn component(node: &Node<'_>, report: &mut Report) -> Option<Component> {
    let text = node.text(COMPONENT, report)?;
    let named = text.split_once(':').map(|(kind, name)| (kind, name.trim()));
    Some(match (text, named) {
        ("site", _) => Component::Site,
        ("ip", _) => Component::Ip,
        ("host", _) => Component::Host,
        ("user", _) => Component::User,
        ("api_key", _) => Component::ApiKey,
        ("tier", _) => Component::Tier,
        ("groups", _) => Component::Groups,
        ("country", _) => Component::Country,
        ("region", _) => Component::Region,
        ("method", _) => Component::Method,
        ("path", _) => Component::Path,
        ("route", _) => Component::Route,
        (_, Some(("header", name))) if is_token(name) => Component::Header(name.to_ascii_lowercase()),
        (_, Some(("cookie", name))) if !name.is_empty() => Component::Cookie(name.to_owned()),
        (_, Some(("query", name))) if !name.is_empty() => Component::Query(name.to_owned()),
        _ => return unknown(text, node, report),
    })
}

fn unknown(text: &str, node: &Node<'_>, report: &mut Report) -> Option<Component> {
    match nearest(text, KNOWN) {
        Some(meant) => node.wrong(format_args!("no such component; did you mean {meant}?"), report),
        None => node.wrong(format_args!("no such component; expected {COMPONENT}"), report),
    }
}
