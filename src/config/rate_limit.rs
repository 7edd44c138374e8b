//! The key `rate_limit`: Frappe's object, or a rate string.

use crate::config::json::Json;
use crate::config::limits::{distinct, rates};
use crate::config::node::{Known, Node};
use crate::config::number::{QUOTA, WINDOW, quota, window};
use crate::config::report::Report;
use crate::model::{Component, Limit, LimitSet, Rule};

const FIELDS: Known = Known { now: &["limit", "window"], later: &[] };

/// The rules that `rate_limit` makes, at most two: `site` and `site-requests`.
///
/// Time, and what may run at once, belongs to the site and is shared by all its clients. Requests are counted for each
/// client address, as those who write `50 per hour` mean it.
pub(super) fn rules(node: &Node<'_>, report: &mut Report) -> Option<Vec<Rule>> {
    let limits = limits(node, report)?;
    let (requests, shared): (Vec<_>, Vec<_>) = limits.iter().copied().partition(Limit::counts_requests);
    let rules = [("site", Component::Site, shared), ("site-requests", Component::Ip, requests)];
    let rules = rules.into_iter().filter(|(_, _, limits)| !limits.is_empty());
    Some(rules.map(|(name, key, limits)| rule(name, key, limits)).collect())
}

fn limits(node: &Node<'_>, report: &mut Report) -> Option<LimitSet> {
    match node.json() {
        Json::Object(_) => Some(time_limit(node, report)?.into()),
        Json::Text(text) => Some(distinct(rates(text, node, report)?, node, report)),
        _ => node.wrong(
            "neither an object nor a text; expected an object of limit and window, or a rate string such as \"600s per hour\"",
            report,
        ),
    }
}

fn time_limit(node: &Node<'_>, report: &mut Report) -> Option<Limit> {
    let fields = node.fields(&FIELDS, report)?;
    let limit = fields.required("limit", QUOTA, report);
    let quota = limit.and_then(|limit| quota(&limit, report));
    let length = fields.required("window", WINDOW, report);
    let period = length.and_then(|length| window(&length, report));
    Some(Limit::Time { quota: quota?, period: period? })
}

fn rule(name: &str, key: Component, limits: Vec<Limit>) -> Rule {
    Rule { displaces: false, ..Rule::new(name, key, limits) }
}
