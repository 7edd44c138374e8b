//! The key `rate_limit_rules`: who is limited, by what key, and what happens then.

use crate::config::action::action;
use crate::config::condition::condition;
use crate::config::fair::{check_fair, fair};
use crate::config::json::Json;
use crate::config::key::{key, missing};
use crate::config::limits::limits;
use crate::config::node::{Fields, Known, Node, flag};
use crate::config::number::whole;
use crate::config::rate_limit::is_request_limit;
use crate::config::reach::check_reach;
use crate::config::report::Report;
use crate::config::statuses::charge_when;
use crate::model::action::Action;
use crate::model::condition::Condition;
use crate::model::key_spec::{Component, KeySpec, Missing};
use crate::model::rate::parse_span;
use crate::model::rule::{Cost, Counts, Hold, Rule, Until};

const FIELDS: Known = Known {
    now: &[
        "name",
        "when",
        "otherwise",
        "displaces",
        "key",
        "missing",
        "limits",
        "counts",
        "cost",
        "charge_when",
        "until",
        "per_method",
        "fair",
        "hold",
        "shadow",
        "action",
    ],
    later: &[],
};

/// The names of the rules that `rate_limit` makes.
const RESERVED: [&str; 2] = ["site", "site-requests"];

/// The most rules that a file has.
const MOST: usize = 10_000;

const RULES: &str = "a list of rules";
const NAME: &str = "1 to 64 letters, digits, and - _ . between them";
const LIMITS: &str = "a rate string such as \"10 per hour\"";
const COST: &str = "whole requests from 0 to 9007199254740992";
const HOLD: &str = "\"auto\", \"off\" or a time such as \"250ms\"";
const COUNTS: &str = "\"served\", \"all\" or \"refusals\"";

/// The rules of a list, in its order.
pub(super) fn rules(node: &Node<'_>, report: &mut Report) -> Option<Vec<Rule>> {
    match node.json() {
        Json::List(items) if items.is_empty() => return Some(Vec::new()),
        Json::List(items) if items.len() > MOST => {
            return node.wrong(format_args!("too many; expected at most {MOST} rules"), report);
        }
        _ => {}
    }
    let items = node.items(RULES, report)?;
    let read: Vec<_> = items.iter().map(|item| rule(item, report)).collect();
    let rules: Vec<Rule> = read.into_iter().collect::<Option<_>>()?;
    let unique = check_names(&items, &rules, report);
    check_reach(&items, &rules, report);
    unique.then_some(rules)
}

fn rule(node: &Node<'_>, report: &mut Report) -> Option<Rule> {
    let fields = node.fields(&FIELDS, report)?;
    let name = fields.required("name", NAME, report).and_then(|node| name(&node, report));
    let limits = fields.required("limits", LIMITS, report).and_then(|node| limits(&node, report));
    let mut read = Reader { fields: &fields, report };
    let when = read.field("when", Condition::ALWAYS, condition);
    let otherwise = read.field("otherwise", false, flag);
    let displaces = read.field("displaces", true, flag);
    let own_key = read.field("key", None, |node, report| key(node, report).map(Some));
    let missing = read.field("missing", Missing::Use(Component::Ip), missing);
    let per_method = read.field("per_method", false, flag);
    let counts = read.field("counts", Counts::Served, counts);
    let cost = read.field("cost", Cost::Fixed(1), |node, report| whole(node, COST, report).map(Cost::Fixed));
    let charge_when = read.field("charge_when", None, |node, report| {
        charge_when(node, report).map(|charged| Some(charged.into()))
    });
    let until = read.field("until", Until::Body, until);
    let fair = read.field("fair", None, fair);
    let hold = read.field("hold", Hold::Auto, hold);
    let shadow = read.field("shadow", false, flag);
    let action = read.field("action", Action::default(), action);
    let limits = limits?;
    let own_key = own_key?;
    let rule = Rule {
        when: when?,
        otherwise: otherwise?,
        displaces: displaces?,
        missing: missing?,
        per_method: per_method?,
        counts: counts?,
        cost: cost?,
        charge_when: charge_when?,
        until: until?,
        fair: fair?,
        hold: hold?,
        shadow: shadow?,
        action: action?,
        ..Rule::new(name?, Component::Site, limits)
    };
    check_counts(check_fair(with_key(rule, own_key, node, report)?, node, report)?, node, report)
}

/// The rule with its own key, or else the one that its limits have by default.
fn with_key(rule: Rule, own: Option<KeySpec>, node: &Node<'_>, report: &mut Report) -> Option<Rule> {
    if own.as_ref().is_some_and(KeySpec::can_be_rotated) {
        let fault = "clients choose every component of the key, and so can change their account at will";
        node.suspect_part(&rule.name, fault, report);
    }
    let key = own.or_else(|| default_key(&rule, node, report))?;
    Some(Rule { key, ..rule })
}

/// Reads fields that may be left out.
struct Reader<'a, 'b> {
    fields: &'b Fields<'a>,
    report: &'b mut Report,
}

impl<'a> Reader<'a, '_> {
    fn field<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl FnOnce(&Node<'a>, &mut Report) -> Option<T>,
    ) -> Option<T> {
        self.fields.optional(name).map_or(Some(default), |node| read(&node, self.report))
    }
}

fn name(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let name = node.text(NAME, report)?;
    match name {
        _ if RESERVED.contains(&name) => {
            node.wrong("is the name of a rule of rate_limit; expected another", report)
        }
        _ if Rule::can_be_named(name) => Some(name.to_owned()),
        _ => node.wrong(format_args!("no name; expected {NAME}"), report),
    }
}

/// Time, and what may run at once, is the site's; requests are counted for each client address.
fn default_key(rule: &Rule, node: &Node<'_>, report: &mut Report) -> Option<KeySpec> {
    match rule.limits.iter().filter(|limit| is_request_limit(limit)).count() {
        0 => Some(Component::Site.into()),
        requests if requests == rule.limits.len() => Some(Component::Ip.into()),
        _ => {
            let fault =
                "limits of requests beside others, whose keys would differ; expected a key, or two rules";
            node.wrong_part(&rule.name, fault, report)
        }
    }
}

fn counts(node: &Node<'_>, report: &mut Report) -> Option<Counts> {
    match node.text(COUNTS, report)? {
        "served" => Some(Counts::Served),
        "all" => Some(Counts::All),
        "refusals" => Some(Counts::Refusals),
        _ => node.wrong(format_args!("no such count; expected {COUNTS}"), report),
    }
}

fn until(node: &Node<'_>, report: &mut Report) -> Option<Until> {
    match node.json() {
        Json::Text(text) if text == "body" => Some(Until::Body),
        Json::Text(text) if text == "head" => Some(Until::Head),
        _ => node.wrong("no such end; expected \"body\" or \"head\"", report),
    }
}

fn hold(node: &Node<'_>, report: &mut Report) -> Option<Hold> {
    match node.text(HOLD, report)? {
        "auto" => Some(Hold::Auto),
        "off" => Some(Hold::Off),
        span => match parse_span(span) {
            Ok(span) => Some(Hold::Fixed(span)),
            Err(_) => node.wrong(format_args!("no such hold; expected {HOLD}"), report),
        },
    }
}

/// What is refused takes no time and has no place, so that only requests can be counted of it.
fn check_counts(rule: Rule, node: &Node<'_>, report: &mut Report) -> Option<Rule> {
    match rule.counts == Counts::Refusals && !rule.limits.iter().all(is_request_limit) {
        true => {
            let fault = "counts refusals, which take no time; expected limits of requests";
            node.wrong_part(&rule.name, fault, report)
        }
        false => Some(rule),
    }
}

/// Whether all names differ. A name is part of an account, so two rules of one name would spend each other's quota.
fn check_names(items: &[Node<'_>], rules: &[Rule], report: &mut Report) -> bool {
    let mut unique = true;
    for (at, rule) in rules.iter().enumerate() {
        if let Some(first) = rules[..at].iter().position(|other| other.name == rule.name) {
            unique = false;
            let fault = format_args!("rate_limit_rules[{first}] has this name; expected another");
            items[at].wrong_part::<()>(&rule.name, fault, report);
        }
    }
    unique
}
