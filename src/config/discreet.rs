//! Values of a site file as they may be shown: without secrets.

use crate::config::json::Json;
use crate::model::discretion::{is_credential, shortened};

/// The objects whose members are named by clients' headers, cookies and parameters.
const NAMED: [&str; 3] = ["header", "cookie", "query"];

/// The value of a key, in which what may be a credential is shortened to its first letters.
pub(super) fn shown<'a>(key: &str, json: &Json<'a>) -> Json<'a> {
    match json {
        Json::Object(members) if key == "rate_limit_api_keys" => {
            let member = |(name, value): &(String, _)| (shortened(name), shown("", value));
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
