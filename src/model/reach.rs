//! Rules out of reach: those that can be read but never decide anything.

use crate::model::contradiction::is_contradiction;
use crate::model::key_spec::Missing;
use crate::model::mistake::Mistake;
use crate::model::rule::{Counts, Rule};

/// What is wrong with the rules of one site, each by its position: by itself, and beside the others.
pub(crate) fn check_rules(rules: &[Rule]) -> Vec<(usize, Mistake)> {
    let alone =
        rules.iter().enumerate().flat_map(|(at, rule)| rule.check().into_iter().map(move |one| (at, one)));
    alone.chain(out_of_reach(rules)).collect()
}

/// The first rule of each name that stands twice, with the others. A name is part of an account, so two rules of one
/// name would spend each other's quota.
pub(crate) fn namesakes(rules: &[Rule]) -> impl Iterator<Item = (usize, usize)> {
    rules.iter().enumerate().filter_map(|(at, rule)| {
        let first = rules[..at].iter().position(|other| other.name == rule.name)?;
        Some((first, at))
    })
}

/// Warnings of rules that never apply, or never have a say.
pub(crate) fn out_of_reach(rules: &[Rule]) -> impl Iterator<Item = (usize, Mistake)> {
    let reigning = rules.iter().find(|rule| reigns(rule));
    let closing = rules.iter().position(closes);
    rules.iter().enumerate().filter_map(move |(at, rule)| {
        let reason = if is_contradiction(&rule.when) {
            "never applies, for no request fulfils its condition".to_owned()
        } else if let Some(reigning) = reigning.filter(|_| rule.otherwise) {
            format!("never applies, for the rule {} always does", reigning.name)
        } else {
            let closing = closing.filter(|closing| *closing < at && rule.counts == Counts::Served)?;
            format!("never counts a request, for the rule {} refuses all", rules[closing].name)
        };
        Some((at, Mistake::suspect(reason)))
    })
}

/// Whether it applies to every request, so that rules which apply otherwise never do.
fn reigns(rule: &Rule) -> bool {
    rule.displaces && !rule.otherwise && is_in_force(rule)
}

/// Whether it refuses every request.
fn closes(rule: &Rule) -> bool {
    let is_closed = rule.limits_by.is_none() && rule.exempt_when.is_none();
    !rule.otherwise && is_closed && is_in_force(rule) && rule.limits.iter().any(|limit| limit.quota() == 0)
}

fn is_in_force(rule: &Rule) -> bool {
    rule.when.is_always() && !rule.shadow && rule.counts != Counts::Refusals && rule.missing != Missing::Skip
}
