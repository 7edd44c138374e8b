//! What a rule's accounts are keyed by.

use crate::config::json::Json;
use crate::config::reader::Value;
use crate::model::wording::{COMPONENT, TWICE_IN_KEY};
use crate::model::{Component, KeySpec, Missing, nearest};

/// Components by themselves.
const PLAIN: [(&str, Component); 12] = [
    ("site", Component::Site),
    ("ip", Component::Ip),
    ("host", Component::Host),
    ("user", Component::User),
    ("api_key", Component::ApiKey),
    ("tier", Component::Tier),
    ("groups", Component::Groups),
    ("country", Component::Country),
    ("region", Component::Region),
    ("method", Component::Method),
    ("path", Component::Path),
    ("route", Component::Route),
];

/// Those that name something.
const NAMING: [&str; 3] = ["header:NAME", "cookie:NAME", "query:NAME"];

/// The key that a component, or a list of them, describes.
pub(crate) fn key(value: &Value<'_>) -> Option<KeySpec> {
    let key = KeySpec(value.one_or_many(COMPONENT, component)?);
    match key.twice() {
        Some(at) => value.items()[at].wrong(TWICE_IN_KEY),
        None => Some(key),
    }
}

/// What stands in for a component that is missing.
pub(crate) fn missing(value: &Value<'_>) -> Option<Missing> {
    match value.json() {
        Json::Text(text) if text == "skip" => Some(Missing::Skip),
        _ => component(value).map(Missing::Use),
    }
}

/// What tells the clients of a fair rule apart: their addresses, if it is just fair.
pub(crate) fn fair(value: &Value<'_>) -> Option<Option<KeySpec>> {
    match value.json() {
        Json::Bool(fair) => Some(fair.then(|| Component::Ip.into())),
        _ => key(value).map(Some),
    }
}

fn component(value: &Value<'_>) -> Option<Component> {
    let text = value.text(COMPONENT)?;
    if let Some((_, plain)) = PLAIN.iter().find(|(word, _)| *word == text) {
        return Some(plain.clone());
    }
    let naming = match text.split_once(':').map(|(kind, name)| (kind, name.trim())) {
        Some(("header", name)) => Some(Component::Header(name.to_ascii_lowercase())),
        Some(("cookie", name)) => Some(Component::Cookie(name.to_owned())),
        Some(("query", name)) => Some(Component::Query(name.to_owned())),
        _ => None,
    };
    naming.filter(|component| component.mistake().is_none()).or_else(|| unknown(text, value))
}

fn unknown(text: &str, value: &Value<'_>) -> Option<Component> {
    match nearest(text, PLAIN.iter().map(|(word, _)| *word).chain(NAMING)) {
        Some(meant) => value.wrong(format_args!("no such component; did you mean {meant}?")),
        None => value.wrong(format_args!("no such component; expected {COMPONENT}")),
    }
}
