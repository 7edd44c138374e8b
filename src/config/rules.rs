//! The key `rate_limit_rules`: who is limited, by what key, and what happens then.

use crate::config::action::action;
use crate::config::condition::condition;
use crate::config::fair::fair;
use crate::config::json::Json;
use crate::config::key::{key, missing};
use crate::config::limits::limits;
use crate::config::node::{Fields, Known, Node, flag};
use crate::config::number::whole;
use crate::config::report::Report;
use crate::config::statuses::charge_when;
use crate::model::default_key;
use crate::model::parse_span;
use crate::model::quoted;
use crate::model::wording::{COST, NAME};
use crate::model::{Action, Component, Condition, Cost, Counts, Hold, Missing, Mistake, Rule, Until};
use crate::model::{namesakes, out_of_reach};

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
const LIMITS: &str = "a rate string such as \"10 per hour\"";
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
    for (at, mistake) in out_of_reach(&rules) {
        tell(&items[at], &rules[at].name, &mistake, report);
    }
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
    let name = name?;
    let key = match own_key? {
        Some(own) => own,
        None => match default_key(&limits) {
            Ok(key) => key,
            Err(mistake) => return node.wrong_part(&name, mistake.fault(), report),
        },
    };
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
        ..Rule::new(name, key, limits)
    };
    checked(rule, node, report)
}

/// The rule, if nothing is wrong with it.
fn checked(rule: Rule, node: &Node<'_>, report: &mut Report) -> Option<Rule> {
    let mistakes = rule.check();
    mistakes.iter().for_each(|mistake| tell(node, &rule.name, mistake, report));
    (!mistakes.iter().any(Mistake::is_wrong)).then_some(rule)
}

/// Reports a mistake of the rule that a value describes.
fn tell(node: &Node<'_>, name: &str, mistake: &Mistake, report: &mut Report) {
    match mistake.is_wrong() {
        true => node.wrong_part::<()>(name, mistake, report).unwrap_or_default(),
        false => node.suspect_part(name, mistake, report),
    }
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

/// Whether all names differ.
fn check_names(items: &[Node<'_>], rules: &[Rule], report: &mut Report) -> bool {
    let mut unique = true;
    for (first, at) in namesakes(rules) {
        unique = false;
        let fault = format_args!("rate_limit_rules[{first}] has this name; expected another");
        report.wrong(&format!("{}.name", items[at].place()), Some(quoted(&rules[at].name)), fault);
    }
    unique
}
