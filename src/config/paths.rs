//! Which paths are one to a site's rules.

use crate::config::node::Node;
use crate::config::report::Report;
use crate::model::Paths;

const FORM: &str = "\"normal\" or \"exact\"";

/// The form that `rate_limit_paths` names.
pub(super) fn paths(node: &Node<'_>, report: &mut Report) -> Option<Paths> {
    match node.text(FORM, report)? {
        "normal" => Some(Paths::Normal),
        "exact" => Some(Paths::Exact),
        _ => node.wrong(format_args!("no form of paths; expected {FORM}"), report),
    }
}
