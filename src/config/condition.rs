//! Conditions of a site file.

use crate::config::address::network;
use crate::config::json::Json;
use crate::config::node::{Known, Node, complete, flag};
use crate::config::report::Report;
use crate::config::text::{Subject, text};
use crate::model::wording::EXEMPTS_ALL;
use crate::model::wording::METHOD;
use crate::model::{Condition, Country, Method, Network, Region, Text, is_certain, is_credential};

const FIELDS: Known = Known {
    now: &[
        "path",
        "method",
        "host",
        "ip",
        "header",
        "cookie",
        "query",
        "user",
        "group",
        "tier",
        "authenticated",
        "country",
        "region",
        "all",
        "any",
        "not",
    ],
    later: &[],
};

const CONDITIONS: &str = "a list of conditions";
const COUNTRY: &str = "a country's code of two letters such as \"FR\", or a list of them";
const REGION: &str = "a code such as \"US-CA\" (ISO 3166-2), or a list of them";
const NAMED: &str = "an object of names, each with a text, or with true for present";

/// The exemption that `rate_limit_exempt` describes.
pub(super) fn exemption(node: &Node<'_>, report: &mut Report) -> Option<Condition> {
    let exempt = condition(node, report)?;
    // Discreetly, for it may hold a token.
    for mistake in exempt.mistakes() {
        match mistake.is_wrong() {
            true => node.wrong_discreetly(&mistake, report)?,
            false => node.suspect_discreetly(&mistake, report),
        }
    }
    if is_certain(&exempt) {
        node.suspect(EXEMPTS_ALL, report);
    }
    Some(exempt)
}

/// The condition that an object describes: all its fields must hold.
pub(super) fn condition(node: &Node<'_>, report: &mut Report) -> Option<Condition> {
    let fields = node.fields(&FIELDS, report)?;
    let names = FIELDS.now.iter().filter_map(|name| Some((*name, fields.optional(name)?)));
    let parts = names.map(|(name, field)| part(name, &field, report)).collect();
    let mut parts = complete(parts)?;
    match parts.len() {
        1 => parts.pop(),
        _ => Some(Condition::All(parts)),
    }
}

fn part(name: &str, node: &Node<'_>, report: &mut Report) -> Option<Condition> {
    match name {
        "path" => text(Subject::Path, node, report).map(Condition::Path),
        "host" => text(Subject::Host, node, report).map(Condition::Host),
        "ip" => networks(node, report).map(Condition::Ip),
        "header" => named("header", node, Condition::Header, report),
        "cookie" => named("cookie", node, Condition::Cookie, report),
        "query" => named("query", node, Condition::Query, report),
        "user" => text(Subject::Value, node, report).map(Condition::User),
        "group" => text(Subject::Value, node, report).map(Condition::Group),
        "tier" => text(Subject::Value, node, report).map(Condition::Tier),
        "authenticated" => flag(node, report).map(Condition::Authenticated),
        "country" => codes(node, COUNTRY, country, report).map(Condition::Country),
        "region" => codes(node, REGION, region, report).map(Condition::Region),
        "method" => methods(node, report).map(Condition::Method),
        "all" => conditions(node, report).map(Condition::All),
        "any" => conditions(node, report).map(Condition::Any),
        _ => Some(Condition::Not(Box::new(condition(node, report)?))),
    }
}

fn conditions(node: &Node<'_>, report: &mut Report) -> Option<Vec<Condition>> {
    let items = node.items(CONDITIONS, report)?;
    complete(items.iter().map(|item| condition(item, report)).collect())
}

fn methods(node: &Node<'_>, report: &mut Report) -> Option<Vec<Method>> {
    let Json::List(_) = node.json() else {
        return Some(vec![method(node, report)?]);
    };
    let items = node.items(METHOD, report)?;
    complete(items.iter().map(|item| method(item, report)).collect())
}

fn method(node: &Node<'_>, report: &mut Report) -> Option<Method> {
    let method = Method::new(node.text(METHOD, report)?);
    method.or_else(|| node.wrong(format_args!("no method; expected {METHOD}"), report))
}

/// A code, or a list of them.
fn codes<T>(
    node: &Node<'_>,
    expected: &str,
    code: fn(&Node<'_>, &mut Report) -> Option<T>,
    report: &mut Report,
) -> Option<Vec<T>> {
    let Json::List(_) = node.json() else {
        return Some(vec![code(node, report)?]);
    };
    let items = node.items(expected, report)?;
    complete(items.iter().map(|item| code(item, report)).collect())
}

fn region(node: &Node<'_>, report: &mut Report) -> Option<Region> {
    let region = Region::new(node.text(REGION, report)?);
    region.or_else(|| node.wrong(format_args!("no region; expected {REGION}"), report))
}

fn country(node: &Node<'_>, report: &mut Report) -> Option<Country> {
    let country = Country::new(node.text(COUNTRY, report)?);
    country.or_else(|| node.wrong(format_args!("no country; expected {COUNTRY}"), report))
}

/// Ranges of addresses: one, or a list of them.
fn networks(node: &Node<'_>, report: &mut Report) -> Option<Vec<Network>> {
    let Json::List(_) = node.json() else {
        return Some(vec![network(node, report)?]);
    };
    let items = node.items("a list of addresses and ranges such as \"10.0.0.0/8\"", report)?;
    complete(items.iter().map(|item| network(item, report)).collect())
}

/// A condition for each name of an object; all must hold.
fn named(
    kind: &str,
    node: &Node<'_>,
    condition: impl Fn(String, Option<Text>) -> Condition,
    report: &mut Report,
) -> Option<Condition> {
    if !matches!(node.json(), Json::Object(_)) {
        // It may be a whole header, such as one that holds a token.
        return node.wrong_discreetly(format_args!("no object; expected {NAMED}"), report);
    }
    let members = node.named(NAMED, report)?;
    let mut parts = Vec::with_capacity(members.len());
    for (name, value) in members {
        let value = if is_credential(kind, name) { value.secret() } else { value };
        let wanted = match value.json() {
            Json::Bool(true) => Some(None),
            _ => text(Subject::Value, &value, report).map(Some),
        };
        parts.push(wanted.map(|wanted| condition(name.to_owned(), wanted)));
    }
    let mut parts = complete(parts)?;
    if parts.len() == 1 { parts.pop() } else { Some(Condition::All(parts)) }
}
