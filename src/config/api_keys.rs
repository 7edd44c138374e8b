//! The keys `rate_limit_api_keys`, `rate_limit_api_key_from` and `rate_limit_api_key_header`: which API keys are known, and where
//! they are sent.

use std::fmt;

use crate::config::address::header_name;
use crate::config::json::Json;
use crate::config::node::{Known, Node, complete, sound};
use crate::config::report::Report;
use crate::config::tiers::{members, named};
use crate::model::wording::SOURCE;
use crate::model::{ApiKey, KeyDigest, KeySource};

const FIELDS: Known = Known { now: &["name", "tier", "user"], later: &[] };

const KEYS: &str = "an object of API keys by their digest";
const SOURCES: &str = "a list of \"header:NAME\", \"query:NAME\", \"bearer\" and \"token\"";
const DIGEST: &str = "\"sha256:\" and 64 hexadecimal digits";
const NAME: &str = "what to call the key";
const TIER: &str = "the name of a tier";
const USER: &str = "the name of a user";

/// The header that `rate_limit_api_key_header` names: a list of one place, more shortly.
pub(super) fn api_key_header(node: &Node<'_>, report: &mut Report) -> Option<Vec<KeySource>> {
    let name = header_name(node, "the name of a header, such as \"X-Api-Key\"", report)?;
    Some(vec![KeySource::of_header(&name)])
}

/// The places that `rate_limit_api_key_from` lists.
pub(super) fn api_key_from(node: &Node<'_>, report: &mut Report) -> Option<Vec<KeySource>> {
    let items = node.items(SOURCES, report)?;
    let sources = complete(items.iter().map(|item| source(item, report)).collect())?;
    match (1..sources.len()).find(|at| sources[..*at].contains(&sources[*at])) {
        Some(at) => {
            let fault = format_args!("{} stands before; expected each place once", sources[at]);
            items[at].wrong(fault, report)
        }
        None => Some(sources),
    }
}

fn source(node: &Node<'_>, report: &mut Report) -> Option<KeySource> {
    match node.text(SOURCE, report)?.parse::<KeySource>() {
        Ok(source) => Some(source),
        Err(fault) => node.wrong(fault, report),
    }
}

/// The API keys by their digests.
pub(super) fn api_keys(node: &Node<'_>, report: &mut Report) -> Option<Vec<(KeyDigest, ApiKey)>> {
    let digests = digests(node, report)?;
    let members = members(node, KEYS, report)?;
    let keys = complete(members.iter().map(|(_, node)| api_key(node, report)).collect())?;
    Some(digests.into_iter().zip(keys).collect())
}

/// The digests that the members' names are. What is none may be a key itself, and so is not quoted.
fn digests(node: &Node<'_>, report: &mut Report) -> Option<Vec<KeyDigest>> {
    let Json::Object(members) = node.json() else {
        return discreetly(node, format_args!("no object; expected {KEYS}"), report);
    };
    let mut digests = Vec::with_capacity(members.len());
    for (at, (name, _)) in members.iter().enumerate() {
        let Some(digest) = KeyDigest::parse(name) else {
            let fault =
                format_args!("the name of member {} is no digest of a key; expected {DIGEST}", at + 1);
            return discreetly(node, fault, report);
        };
        digests.push(digest);
    }
    let mut sorted = digests.clone();
    sorted.sort_unstable();
    match sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        true => discreetly(node, "one digest stands more than once; expected each once", report),
        false => Some(digests),
    }
}

/// Reports that the value is wrong, without a word of what it holds.
fn discreetly<T>(node: &Node<'_>, fault: impl fmt::Display, report: &mut Report) -> Option<T> {
    report.wrong("rate_limit_api_keys", Some(node.json().discreetly()), fault);
    None
}

fn api_key(node: &Node<'_>, report: &mut Report) -> Option<ApiKey> {
    let fields = node.fields(&FIELDS, report)?;
    let name = fields.required("name", NAME, report).and_then(|node| named(&node, NAME, report));
    let tier = fields.optional("tier").map(|node| named(&node, TIER, report));
    let user = fields.optional("user").map(|node| named(&node, USER, report));
    Some(ApiKey { name: name?, tier: sound(tier)?, user: sound(user)? })
}
