//! The limits of a rule: rate strings and objects.

use crate::config::json::Json;
use crate::config::node::{Known, Node, complete};
use crate::config::number::{QUOTA, WINDOW, quota, whole, window};
use crate::config::report::Report;
use crate::model::wording::ONE_ACCOUNT;
use crate::model::{Limit, LimitSet, Unit, parse_rates};

const FIELDS: Known = Known { now: &["limit", "window", "unit"], later: &[] };

const LIMITS: &str =
    "a rate string such as \"10 per hour\", or a list of them and of objects of limit, window and unit";
const REQUESTS: &str = "whole requests from 0 to 9007199254740992";

/// The limits that a rule has; of those that would share an account the smallest.
pub(super) fn limits(node: &Node<'_>, report: &mut Report) -> Option<LimitSet> {
    let written = match node.json() {
        Json::Text(text) => rates(text, node, report)?,
        Json::List(_) => {
            let items = node.items(LIMITS, report)?;
            complete(items.iter().map(|item| some(item, report)).collect())?.concat()
        }
        _ => return node.wrong(format_args!("no limits; expected {LIMITS}"), report),
    };
    Some(distinct(written, node, report))
}

/// The limits of a rate string.
pub(super) fn rates(text: &str, node: &Node<'_>, report: &mut Report) -> Option<Vec<Limit>> {
    match parse_rates(text) {
        Ok(limits) => Some(limits),
        Err(error) => node.wrong_part(error.part(), error.words(), report),
    }
}

/// The limits without those that a tighter one makes pointless.
pub(super) fn distinct(written: Vec<Limit>, node: &Node<'_>, report: &mut Report) -> LimitSet {
    let count = written.len();
    let kept = LimitSet::from(written);
    if kept.len() < count {
        node.suspect(ONE_ACCOUNT, report);
    }
    kept
}

fn some(node: &Node<'_>, report: &mut Report) -> Option<Vec<Limit>> {
    match node.json() {
        Json::Text(text) => rates(text, node, report),
        Json::Object(_) => Some(vec![object(node, report)?]),
        _ => node.wrong(format_args!("no limit; expected {LIMITS}"), report),
    }
}

fn object(node: &Node<'_>, report: &mut Report) -> Option<Limit> {
    let fields = node.fields(&FIELDS, report)?;
    let unit = fields.optional("unit").map_or(Some(Unit::Time), |node| unit(&node, report));
    let expected = if unit == Some(Unit::Requests) { REQUESTS } else { QUOTA };
    let limit = fields.required("limit", expected, report);
    let length = fields.required("window", WINDOW, report);
    let period = length.and_then(|length| window(&length, report));
    Some(match unit? {
        Unit::Time => {
            let quota = limit.and_then(|limit| quota(&limit, report));
            Limit::Time { quota: quota?, period: period? }
        }
        Unit::Requests => {
            let quota = limit.and_then(|limit| whole(&limit, REQUESTS, report));
            Limit::Requests { quota: quota?, period: period? }
        }
    })
}

fn unit(node: &Node<'_>, report: &mut Report) -> Option<Unit> {
    match node.json() {
        Json::Text(text) if text == "time" => Some(Unit::Time),
        Json::Text(text) if text == "requests" => Some(Unit::Requests),
        _ => node.wrong("no such unit; expected \"time\" or \"requests\"", report),
    }
}
