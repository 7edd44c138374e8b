//! Rules out of reach: those that can be read but never decide anything.

use crate::config::node::Node;
use crate::config::report::Report;
use crate::model::contradiction::is_contradiction;
use crate::model::limit::Limit;
use crate::model::rule::{Cost, Counts, Missing, Rule};

/// Warns of rules that never apply, or never have a say.
pub(super) fn check_reach(items: &[Node<'_>], rules: &[Rule], report: &mut Report) {
    let reigning = rules.iter().find(|rule| reigns(rule));
    let closing = rules.iter().position(closes);
    for (at, (rule, item)) in rules.iter().zip(items).enumerate() {
        let reason = if is_contradiction(&rule.when) {
            "never applies, for no request fulfils its condition".to_owned()
        } else if let Some(reigning) = reigning.filter(|_| rule.otherwise) {
            format!("never applies, for the rule {} always does", reigning.name)
        } else if let Some(closing) = closing.filter(|closing| *closing < at && rule.counts == Counts::Served)
        {
            format!("never counts a request, for the rule {} refuses all", rules[closing].name)
        } else if let Some((cost, granted)) = too_dear(rule) {
            format!(
                "refuses whatever it applies to, for a request costs {cost}, and a window grants {granted}"
            )
        } else {
            continue;
        };
        item.suspect_part(&rule.name, reason, report);
    }
}

/// Whether it applies to every request, so that rules which apply otherwise never do.
fn reigns(rule: &Rule) -> bool {
    rule.displaces && !rule.otherwise && is_in_force(rule)
}

/// Whether it refuses every request.
fn closes(rule: &Rule) -> bool {
    !rule.otherwise && is_in_force(rule) && rule.limits.iter().any(|limit| limit.quota() == 0)
}

/// The cost of a request and the limit that can never pay for it; who means to refuse everything grants nothing.
fn too_dear(rule: &Rule) -> Option<(u64, u64)> {
    let Cost::Fixed(cost) = rule.cost else { return None };
    let requests = rule.limits.iter().filter(|limit| limit.counts_requests());
    let granted = requests.map(Limit::quota).find(|granted| (1..cost).contains(granted))?;
    (rule.counts != Counts::Refusals).then_some((cost, granted))
}

fn is_in_force(rule: &Rule) -> bool {
    rule.when.is_always() && !rule.shadow && rule.counts != Counts::Refusals && rule.missing != Missing::Skip
}
