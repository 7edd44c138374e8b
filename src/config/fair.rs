//! The field `fair` of rules.

use crate::config::json::Json;
use crate::config::key::key;
use crate::config::node::Node;
use crate::config::report::Report;
use crate::model::key_spec::{Component, KeySpec};
use crate::model::rule::{Counts, Rule};

/// What tells the clients of a fair rule apart: their addresses, if it is just fair.
pub(super) fn fair(node: &Node<'_>, report: &mut Report) -> Option<Option<KeySpec>> {
    match node.json() {
        Json::Bool(fair) => Some(fair.then(|| Component::Ip.into())),
        _ => key(node, report).map(Some),
    }
}

/// A fair rule shares something out among those whom it serves.
pub(super) fn check_fair(rule: Rule, node: &Node<'_>, report: &mut Report) -> Option<Rule> {
    let Some(fair) = &rule.fair else { return Some(rule) };
    if rule.counts == Counts::Refusals {
        return node.wrong_part(&rule.name, "fair, and counts refusals; expected one of them", report);
    }
    if rule.limits.iter().all(|limit| limit.period().is_none()) {
        let fault = "fair, but no limit has a window to share out; expected a limit per period";
        return node.wrong_part(&rule.name, fault, report);
    }
    if fair.0.iter().all(|component| rule.key.0.contains(component)) {
        let fault = "fair among clients each of whom has an account of its own";
        node.suspect_part(&rule.name, fault, report);
    }
    Some(rule)
}
