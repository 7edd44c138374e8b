//! The field `fair` of rules.

use crate::config::json::Json;
use crate::config::key::key;
use crate::config::node::Node;
use crate::config::report::Report;
use crate::model::{Component, KeySpec};

/// What tells the clients of a fair rule apart: their addresses, if it is just fair.
pub(super) fn fair(node: &Node<'_>, report: &mut Report) -> Option<Option<KeySpec>> {
    match node.json() {
        Json::Bool(fair) => Some(fair.then(|| Component::Ip.into())),
        _ => key(node, report).map(Some),
    }
}
