//! The key `rate_limit_headers`: which headers there are, and what they are called.

use crate::config::json::Json;
use crate::config::node::{Fields, Known, Node};
use crate::config::report::Report;
use crate::model::is_token;
use crate::model::{HeaderNames, HeaderPolicy, ResetStyle, Standard};

const FIELDS: Known = Known { now: &["enabled", "reset", "names", "standard"], later: &[] };
const NAMES: Known = Known { now: &["limit", "remaining", "reset", "used"], later: &[] };

/// What a header's name may be.
const NAME: &str = "the name of a header, such as \"X-RateLimit-Limit\"";

/// Names, in lower case, of headers that mean something else to clients or to this crate.
const TAKEN: [&str; 14] = [
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "x-ratelimit-resource",
    "x-ratelimit-unit",
];

/// The policy that `rate_limit_headers` describes; what it leaves out is as Frappe has it.
pub(super) fn policy(node: &Node<'_>, report: &mut Report) -> Option<HeaderPolicy> {
    let fields = node.fields(&FIELDS, report)?;
    let default = HeaderPolicy::default();
    let enabled = field(&fields, "enabled", default.enabled, flag, report);
    let reset = field(&fields, "reset", default.reset, reset_style, report);
    let names = field(&fields, "names", default.names, names, report);
    let standard = field(&fields, "standard", default.standard, standard, report);
    Some(HeaderPolicy { enabled: enabled?, reset: reset?, names: names?, standard: standard? })
}

/// A field's value, or the default if it is not there or null.
fn field<T>(
    fields: &Fields<'_>,
    name: &str,
    default: T,
    read: impl FnOnce(&Node<'_>, &mut Report) -> Option<T>,
    report: &mut Report,
) -> Option<T> {
    match fields.optional(name) {
        Some(node) if *node.json() != Json::Null => read(&node, report),
        _ => Some(default),
    }
}

fn flag(node: &Node<'_>, report: &mut Report) -> Option<bool> {
    match node.json() {
        Json::Bool(flag) => Some(*flag),
        _ => node.wrong("neither true nor false; expected one of them", report),
    }
}

fn reset_style(node: &Node<'_>, report: &mut Report) -> Option<ResetStyle> {
    match node.json() {
        Json::Text(text) if text == "seconds" => Some(ResetStyle::Seconds),
        Json::Text(text) if text == "unix" => Some(ResetStyle::Unix),
        _ => node.wrong("no such style; expected \"seconds\" or \"unix\"", report),
    }
}

fn standard(node: &Node<'_>, report: &mut Report) -> Option<Option<Standard>> {
    match node.json() {
        Json::Bool(false) => Some(None),
        Json::Text(text) if text == "draft-11" => Some(Some(Standard::Draft11)),
        _ => node.wrong("no such standard; expected false or \"draft-11\"", report),
    }
}

fn names(node: &Node<'_>, report: &mut Report) -> Option<HeaderNames> {
    let fields = node.fields(&NAMES, report)?;
    let default = HeaderNames::default();
    let limit = field(&fields, "limit", default.limit, name, report);
    let remaining = field(&fields, "remaining", default.remaining, name, report);
    let reset = field(&fields, "reset", default.reset, name, report);
    let used = field(&fields, "used", default.used, name, report);
    let names = HeaderNames { limit: limit?, remaining: remaining?, reset: reset?, used: used? };
    if have_two_alike(&names) {
        return node.wrong("two headers of one name; expected four that differ", report);
    }
    Some(names)
}

fn name(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let name = node.text(NAME, report)?;
    if !is_token(name) {
        return node.wrong(format_args!("no name of a header; expected {NAME}"), report);
    }
    if TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
        return node.wrong(format_args!("means something else; expected {NAME}"), report);
    }
    Some(name.to_owned())
}

fn have_two_alike(names: &HeaderNames) -> bool {
    let all = [&names.limit, &names.remaining, &names.reset, &names.used];
    let before = |i: usize| all[..i].iter().any(|other| other.eq_ignore_ascii_case(all[i]));
    (1..all.len()).any(before)
}
