//! The keys `rate_limit_tiers`, `rate_limit_groups` and `rate_limit_users`: classes of clients.

use std::collections::BTreeMap;

use crate::config::json::Json;
use crate::config::limits::limits;
use crate::config::node::{Known, Node, complete, sound};
use crate::config::number::{multiplier, whole};
use crate::config::report::Report;
use crate::config::term::term;
use crate::model::{Assignment, LimitSet, Multiplier, Tier};

const TIER: Known = Known { now: &["multiplier", "priority", "limits"], later: &[] };
const USER: Known = Known { now: &["tier", "from", "until"], later: &[] };

const TIERS: &str = "an object of tiers by name";
const GROUPS: &str = "an object of groups by name, each with the name of a tier";
const USERS: &str = "an object of users by name";
const LIMITS: &str = "an object of rules by name, each with limits";
const NAME: &str = "the name of a tier";
const PRIORITY: &str = "a whole number from 0 to 9007199254740992";

/// The tiers by name.
pub(super) fn tiers(node: &Node<'_>, report: &mut Report) -> Option<Vec<Tier>> {
    let members = members(node, TIERS, report)?;
    complete(members.iter().map(|(name, node)| tier(name, node, report)).collect())
}

/// The tiers of groups.
pub(super) fn groups(node: &Node<'_>, report: &mut Report) -> Option<Vec<(String, String)>> {
    let members = members(node, GROUPS, report)?;
    let group = |(name, node): &(&str, Node<'_>)| Some(((*name).to_owned(), named(node, NAME, report)?));
    complete(members.iter().map(group).collect())
}

/// The tiers that users are assigned.
pub(super) fn users(node: &Node<'_>, report: &mut Report) -> Option<Vec<(String, Assignment)>> {
    let members = members(node, USERS, report)?;
    let user = |(name, node): &(&str, Node<'_>)| Some(((*name).to_owned(), assignment(node, report)?));
    complete(members.iter().map(user).collect())
}

/// A text that is not empty.
pub(super) fn named(node: &Node<'_>, expected: &str, report: &mut Report) -> Option<String> {
    match node.text(expected, report)? {
        "" => node.wrong(format_args!("empty; expected {expected}"), report),
        name => Some(name.to_owned()),
    }
}

/// The members of an object by name, if there are any. A program that writes the file may have none to write.
pub(super) fn members<'a>(
    node: &Node<'a>,
    expected: &str,
    report: &mut Report,
) -> Option<Vec<(&'a str, Node<'a>)>> {
    match node.json() {
        Json::Object(members) if members.is_empty() => Some(Vec::new()),
        Json::Object(members) if members.iter().any(|(name, _)| name.is_empty()) => {
            node.wrong_part("", format_args!("no name; expected {expected}"), report)
        }
        _ => node.named(expected, report),
    }
}

fn tier(name: &str, node: &Node<'_>, report: &mut Report) -> Option<Tier> {
    let fields = node.fields(&TIER, report)?;
    let multiplier = fields.optional("multiplier").map(|node| multiplier(&node, report));
    let priority = fields.optional("priority").map(|node| whole(&node, PRIORITY, report));
    let limits = fields.optional("limits").map(|node| limits_of_rules(&node, report));
    Some(Tier {
        name: name.to_owned(),
        multiplier: sound(multiplier)?.unwrap_or(Multiplier::ONE),
        priority: sound(priority)?.unwrap_or(0),
        limits: sound(limits)?.unwrap_or_default(),
    })
}

fn limits_of_rules(node: &Node<'_>, report: &mut Report) -> Option<BTreeMap<String, LimitSet>> {
    let members = members(node, LIMITS, report)?;
    let rule = |(name, node): &(&str, Node<'_>)| Some(((*name).to_owned(), limits(node, report)?));
    Some(complete(members.iter().map(rule).collect())?.into_iter().collect())
}

fn assignment(node: &Node<'_>, report: &mut Report) -> Option<Assignment> {
    let fields = node.fields(&USER, report)?;
    let tier = fields.required("tier", NAME, report).and_then(|node| named(&node, NAME, report));
    let term = term(&fields, report);
    Some(Assignment { tier: tier?, term: term? })
}
