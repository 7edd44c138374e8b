//! Conditions on the answer.

use crate::config::json::Json;
use crate::config::node::{Known, Node, complete};
use crate::config::report::Report;
use crate::model::wording::STATUSES;
use crate::model::{StatusSet, Statuses};

const FIELDS: Known = Known { now: &["status"], later: &[] };

/// The answers that `charge_when` says are charged.
pub(super) fn charge_when(node: &Node<'_>, report: &mut Report) -> Option<Statuses> {
    let fields = node.fields(&FIELDS, report)?;
    let status = fields.required("status", STATUSES, report)?;
    let Json::List(_) = status.json() else {
        return Some(Statuses(vec![set(&status, report)?]));
    };
    let items = status.items(STATUSES, report)?;
    complete(items.iter().map(|item| set(item, report)).collect()).map(Statuses)
}

fn set(node: &Node<'_>, report: &mut Report) -> Option<StatusSet> {
    let set = match node.json() {
        Json::Number(digits) => digits.parse().ok().map(StatusSet::Code),
        Json::Text(text) => match text.strip_suffix("xx") {
            Some(class) => class.parse().ok().map(StatusSet::Class),
            None => text.parse().ok().map(StatusSet::Code),
        },
        _ => None,
    };
    set.filter(StatusSet::is_possible)
        .or_else(|| node.wrong(format_args!("no status; expected {STATUSES}"), report))
}
