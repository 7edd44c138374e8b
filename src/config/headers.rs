//! The key `rate_limit_headers`: which headers there are, and what they are called.

use crate::config::json::Json;
use crate::config::reader::{Fields, Value};
use crate::model::{HeaderNames, HeaderPolicy, ResetStyle, StandardHeaders, is_token};

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
pub(crate) fn policy(value: &Value<'_>) -> Option<HeaderPolicy> {
    value.object(|fields| {
        let default = HeaderPolicy::default();
        let enabled = field(fields, "enabled", default.enabled, Value::flag);
        let reset = field(fields, "reset", default.reset, reset_style);
        let names = field(fields, "names", default.names, names);
        let standard = field(fields, "standard", default.standard, standard);
        Some(HeaderPolicy { enabled: enabled?, reset: reset?, names: names?, standard: standard? })
    })
}

/// A field's value, or the default if it is not there or null.
fn field<'a, T>(
    fields: &Fields<'a>,
    name: &'static str,
    default: T,
    read: impl FnOnce(&Value<'a>) -> Option<T>,
) -> Option<T> {
    match fields.get(name) {
        Some(value) if *value.json() != Json::Null => read(&value),
        _ => Some(default),
    }
}

fn reset_style(value: &Value<'_>) -> Option<ResetStyle> {
    let words = [("seconds", ResetStyle::Seconds), ("unix", ResetStyle::Unix)];
    value.word(&words, "no such style; expected \"seconds\" or \"unix\"")
}

fn standard(value: &Value<'_>) -> Option<Option<StandardHeaders>> {
    match value.json() {
        Json::Bool(false) => Some(None),
        Json::Text(text) if text == "draft-11" => Some(Some(StandardHeaders::Draft11)),
        _ => value.wrong("no such standard; expected false or \"draft-11\""),
    }
}

fn names(value: &Value<'_>) -> Option<HeaderNames> {
    let names = value.object(|fields| {
        let default = HeaderNames::default();
        let limit = field(fields, "limit", default.limit, name);
        let remaining = field(fields, "remaining", default.remaining, name);
        let reset = field(fields, "reset", default.reset, name);
        let used = field(fields, "used", default.used, name);
        Some(HeaderNames { limit: limit?, remaining: remaining?, reset: reset?, used: used? })
    })?;
    match have_two_alike(&names) {
        true => value.wrong("two headers of one name; expected four that differ"),
        false => Some(names),
    }
}

fn name(value: &Value<'_>) -> Option<String> {
    let name = header_name(value, NAME)?;
    match TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
        true => value.wrong(format_args!("means something else; expected {NAME}")),
        false => Some(name),
    }
}

/// The name of a header; `expected` has an example of one.
pub(crate) fn header_name(value: &Value<'_>, expected: &str) -> Option<String> {
    let name = value.text(expected)?;
    match is_token(name) {
        true => Some(name.to_owned()),
        false => value.wrong(format_args!("not the name of a header; expected {expected}")),
    }
}

fn have_two_alike(names: &HeaderNames) -> bool {
    let all = [&names.limit, &names.remaining, &names.reset, &names.used];
    let before = |i: usize| all[..i].iter().any(|other| other.eq_ignore_ascii_case(all[i]));
    (1..all.len()).any(before)
}
