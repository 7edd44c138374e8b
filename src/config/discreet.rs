//! Values of a site file as they may be shown: without secrets.

use crate::config::json::Json;
use crate::model::{is_credential, shortened};

/// The objects whose members are named by clients' headers, cookies and parameters.
const NAMED: [&str; 3] = ["header", "cookie", "query"];

/// The value of a key, in which what may be a credential is shortened to its first letters.
pub(super) fn shown<'a>(key: &str, json: &Json<'a>) -> Json<'a> {
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
