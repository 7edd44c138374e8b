//! What may be shown of a value: what may be a credential is shortened to its first letters, wherever it stands, and also
//! where it should not stand.

use std::borrow::Cow;

use crate::config::json::Json;
use crate::model::{is_credential, is_token, shortened};

/// The objects whose members are named by clients' headers, cookies and parameters.
const NAMED: [&str; 3] = ["header", "cookie", "query"];

/// The objects whose members are named by the digests of API keys, in a file and in a layer.
const OF_KEYS: [&str; 2] = ["rate_limit_api_keys", "api_keys"];

/// The value of a key, in which what may be a credential is shortened: values of telling names that clients send, digests of API
/// keys, and passwords in URIs.
pub(crate) fn redacted<'a>(key: &str, json: &Json<'a>) -> Json<'a> {
    match json {
        Json::Object(members) => Json::Object(members.iter().map(|member| of_member(key, member)).collect()),
        Json::List(items) => Json::List(items.iter().map(|item| redacted(key, item)).collect()),
        // A whole line of a header, where its name alone was expected.
        Json::Text(text) if NAMED.contains(&key) && !is_token(text) => Json::Text(shortened(text)),
        Json::Text(text) => Json::Text(redacted_text(text).into_owned()),
        other => other.clone(),
    }
}

/// A text as it is, unless there may be a password in it.
pub(crate) fn redacted_text(text: &str) -> Cow<'_, str> {
    if names_somebody(text) { Cow::Owned(shortened(text)) } else { Cow::Borrowed(text) }
}

fn of_member<'a>(key: &str, (name, value): &(String, Json<'a>)) -> (String, Json<'a>) {
    if OF_KEYS.contains(&key) {
        return (shortened_hash(name), redacted("", value));
    }
    let shown = redacted_text(name).into_owned();
    match NAMED.contains(&key) && is_credential(key, name) {
        true => (shown, hidden(value)),
        false => (shown, redacted(name, value)),
    }
}

/// Whether a text may be a URI with a user and a password in it, however it is garbled.
fn names_somebody(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'))
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
    use crate::config::json::Document;

    fn of(key: &str, text: &str) -> String {
        let whole = format!("{{\"key\": {text}}}");
        let document = Document::new(&whole);
        let members = document.members().unwrap().unwrap();
        redacted(key, &Json::read(members[0].1).unwrap()).to_string()
    }

    #[test]
    fn hashes_of_api_keys_are_shown_by_their_first_digits() {
        let keys = r#"{"sha256:9f2c0123456789": {"name": "Acme"}, "hunter2hunter2": {}}"#;
        let shown = r#"{"sha256:9f2c…": {"name": "Acme"}, "hunt…": {}}"#;
        assert_eq!(of("rate_limit_api_keys", keys), shown);
        assert_eq!(of("", &format!(r#"[{{"api_keys": {keys}}}]"#)), format!(r#"[{{"api_keys": {shown}}}]"#));
    }

    #[test]
    fn conditions_show_no_credential_however_deep_they_nest() {
        let exempt = r#"{"any": [{"not": {"query": {"token": {"regex": "^hunter2hunter2$"}}}}, {"cookie": {"a": true}}]}"#;
        let expected =
            r#"{"any": [{"not": {"query": {"token": {"regex": "^hun…"}}}}, {"cookie": {"a": true}}]}"#;
        assert_eq!(of("rate_limit_exempt", exempt), expected);
        assert_eq!(
            of("when", r#"{"header": ["x-plan", "Cookie: hunter2"]}"#),
            r#"{"header": ["x-plan", "Cook…"]}"#
        );
    }

    #[test]
    fn passwords_in_uris_are_shown_nowhere() {
        let uris = r#"["http://bob:hunter2@host:3000", {"redis:/:hunter2@db": "bob:hunter2@db"}, "bob@example.com", "/a:b"]"#;
        assert_eq!(of("a", uris), r#"["http…", {"redi…": "bob:…"}, "bob@example.com", "/a:b"]"#);
    }
}
