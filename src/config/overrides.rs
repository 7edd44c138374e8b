//! The key `rate_limit_overrides`: what single users may spend.

use crate::config::json::Json;
use crate::config::limits::limits;
use crate::config::node::{Known, Node, complete, sound};
use crate::config::report::Report;
use crate::config::term::term;
use crate::config::tiers::named;
use crate::model::Override;

const FIELDS: Known = Known { now: &["user", "rule", "limits", "from", "until", "reason"], later: &[] };

const OVERRIDES: &str = "a list of overrides";
const USER: &str = "the name of a user";
const RULE: &str = "the name of a rule";
const LIMITS: &str = "a rate string such as \"10 per hour\"";

/// The overrides of a list, in its order.
pub(super) fn overrides(node: &Node<'_>, report: &mut Report) -> Option<Vec<Override>> {
    if matches!(node.json(), Json::List(items) if items.is_empty()) {
        return Some(Vec::new());
    }
    let items = node.items(OVERRIDES, report)?;
    let overrides = complete(items.iter().map(|item| one(item, report)).collect())?;
    are_unmistakable(&items, &overrides, report).then_some(overrides)
}

fn one(node: &Node<'_>, report: &mut Report) -> Option<Override> {
    let fields = node.fields(&FIELDS, report)?;
    let user = fields.required("user", USER, report).and_then(|node| named(&node, USER, report));
    let rule = fields.optional("rule").map(|node| named(&node, RULE, report));
    let limits = fields.required("limits", LIMITS, report).and_then(|node| limits(&node, report));
    let reason = fields.optional("reason").map(|node| node.text("a text", report).map(str::to_owned));
    let term = term(&fields, report);
    Some(Override { user: user?, rule: sound(rule)?, limits: limits?, term: term?, reason: sound(reason)? })
}

/// Whether no two overrides hold for the same user and rule at one time: nobody could say which counts.
fn are_unmistakable(items: &[Node<'_>], overrides: &[Override], report: &mut Report) -> bool {
    let mut order: Vec<usize> = (0..overrides.len()).collect();
    let whose = |at: usize| (&overrides[at].user, &overrides[at].rule);
    order.sort_by_key(|at| whose(*at));
    let mut sound = true;
    for same in order.chunk_by(|one, other| whose(*one) == whose(*other)) {
        for (place, at) in same.iter().enumerate() {
            let rival =
                same[..place].iter().find(|other| overrides[**other].term.meets(&overrides[*at].term));
            if let Some(first) = rival {
                let fault = format_args!(
                    "rate_limit_overrides[{first}] holds for this user and rule at the same time; expected one that does"
                );
                items[*at].wrong_part::<()>(&overrides[*at].user, fault, report);
                sound = false;
            }
        }
    }
    sound
}
