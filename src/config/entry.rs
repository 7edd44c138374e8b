//! Entries: what a configuration says, key by key, as it may be shown, and who said it.

use std::fmt;
use std::sync::Arc;

use crate::config::json::Json;
use crate::model::{is_credential, shortened};

/// Who said a value of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody.
    Default,
    /// A file, by its path.
    File(Arc<str>),
    /// A variable of the environment, by its name.
    Environment(&'static str),
    /// An argument of the command line, by its name.
    Argument(&'static str),
    /// The application's own code.
    Code,
    /// A [layer](crate::config::Layer) that stands in no file, or a ruleset of it, by its name.
    Layer(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Code => f.write_str("code"),
            Self::File(name) | Self::Layer(name) => f.write_str(name),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Argument(name) => write!(f, "command line {name}"),
        }
    }
}

/// One value of an effective configuration, and who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key, or the place within it that a higher layer has replaced.
    pub key: String,
    /// The value as JSON without secrets: on one line, but a list of objects has a line for each.
    pub value: String,
    /// Who said it.
    pub origin: Origin,
}

impl Entry {
    pub(crate) fn new(key: &str, value: impl fmt::Display, origin: Origin) -> Self {
        Self { key: key.to_owned(), value: value.to_string(), origin }
    }

    /// What somebody said of a key, without secrets.
    pub(crate) fn said(key: &str, json: &Json<'_>, origin: Origin) -> Self {
        let value = match shown(key, json) {
            Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
                one_by_one(&items)
            }
            json => json.to_string(),
        };
        Self::new(key, value, origin)
    }
}

/// A list with each item on a line of its own.
fn one_by_one(items: &[Json<'_>]) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("  {item}")).collect();
    format!("[\n{}\n]", items.join(",\n"))
}

/// The objects whose members are named by clients' headers, cookies and parameters.
const NAMED: [&str; 3] = ["header", "cookie", "query"];

/// The value of a key, in which what may be a credential is shortened to its first letters.
fn shown<'a>(key: &str, json: &Json<'a>) -> Json<'a> {
    match json {
        Json::Object(members) if key == "rate_limit_api_keys" => {
            let member = |(name, value): &(String, _)| (shortened_hash(name), shown("", value));
            Json::Object(members.iter().map(member).collect())
        }
        Json::Object(members) => {
            let value = |name: &str, value| match NAMED.contains(&key) && is_credential(key, name) {
                true => hidden(value),
                false => shown(name, value),
            };
            Json::Object(members.iter().map(|(name, json)| (name.clone(), value(name, json))).collect())
        }
        Json::List(items) => Json::List(items.iter().map(|item| shown(key, item)).collect()),
        other => other.clone(),
    }
}

/// A hash by its first digits: `sha256:9f2c…`.
fn shortened_hash(name: &str) -> String {
    match name.split_once(':') {
        Some((kind, digits)) => format!("{kind}:{}", shortened(digits)),
        None => shortened(name),
    }
}

/// The value with every text in it shortened.
fn hidden<'a>(json: &Json<'a>) -> Json<'a> {
    match json {
        Json::Text(text) => Json::Text(shortened(text)),
        Json::List(items) => Json::List(items.iter().map(hidden).collect()),
        Json::Object(members) => {
            Json::Object(members.iter().map(|(name, json)| (name.clone(), hidden(json))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;

    fn of(key: &str, text: &str) -> String {
        let whole = format!("{{\"key\": {text}}}");
        let document = Document::new(&whole);
        let members = document.members().unwrap().unwrap();
        shown(key, &Json::read(members[0].1).unwrap()).to_string()
    }

    #[test]
    fn hashes_of_api_keys_are_shown_by_their_first_digits() {
        let keys = r#"{"sha256:9f2c0123456789": {"name": "Acme"}, "hunter2hunter2": {}}"#;
        assert_eq!(of("rate_limit_api_keys", keys), r#"{"sha256:9f2c…": {"name": "Acme"}, "hunt…": {}}"#);
    }

    #[test]
    fn conditions_show_no_credential_however_deep_they_nest() {
        let exempt = r#"{"any": [{"not": {"query": {"token": {"regex": "^hunter2hunter2$"}}}}, {"cookie": {"a": true}}]}"#;
        let expected =
            r#"{"any": [{"not": {"query": {"token": {"regex": "^hun…"}}}}, {"cookie": {"a": true}}]}"#;
        assert_eq!(of("rate_limit_exempt", exempt), expected);
    }
}
