//! Credentials in values that cannot be read: no message repeats one, however deep it stands and whatever is wrong around it.

use timebudget::config::{Layer, parse_site};

/// All that is said of the text of a site file, right or wrong.
fn said(text: &str) -> String {
    match parse_site("test", text) {
        Ok((_, warnings)) => warnings.iter().map(|warning| format!("{warning}\n")).collect(),
        Err(errors) => errors.to_string(),
    }
}

/// A value where it was expected, and where it was not.
fn shapes(value: &str) -> [String; 8] {
    [
        value.to_owned(),
        format!("[{value}]"),
        format!("[[{value}]]"),
        format!("[7, {value}, {value}]"),
        format!(r#"{{"url": {value}}}"#),
        format!(r#"[{{"url": {value}}}]"#),
        format!(r#"{{"a": [{{"b": {value}}}]}}"#),
        format!(r#"{{"limits": 7, "limit": {value}, "any": {value}, "not": {value}}}"#),
    ]
}

/// As a text, and as the name of a member.
fn both(text: &str) -> [String; 2] {
    [format!("{text:?}"), format!("{{{text:?}: 1}}")]
}

/// An upstream with its password was shown in full once an object was around it.
#[test]
fn no_message_about_a_uri_has_its_password() {
    for uri in [
        "http://bob:hunter2@127.0.0.1:3000",
        "redis://:hunter2@db",
        "redis:/:hunter2@db",
        "http:bob:hunter2@a",
    ] {
        for key in
            ["rate_limit_upstream", "rate_limit_store", "rate_limit_stor", "rate_limit", "rate_limit_headers"]
        {
            for value in both(uri).iter().flat_map(|value| shapes(value)) {
                let said = said(&format!(r#"{{"{key}": {value}}}"#));
                assert!(!said.contains("hunter2"), "{key}: {value}\n{said}");
            }
        }
    }
    // There is no telling what stands beside it.
    let said = said(r#"{"rate_limit_upstream": [{"url": "http://127.0.0.1:3000", "pass": "hunter2"}]}"#);
    assert_eq!(
        said,
        "site_config.json: rate_limit_upstream[0]: an object: not a text; expected \"http://HOST:PORT\" or \"unix:/PATH\""
    );
}

#[test]
fn no_message_about_a_condition_has_what_clients_prove_themselves_by() {
    for condition in [
        r#"{"header": {"authorization": "Bearer hunter2"}}"#,
        r#"{"header": {"authorization": ["Bearer hunter2"]}}"#,
        r#"{"header": {"authorization": {"regex": "(hunter2"}}}"#,
        r#"{"header": "authorization: Bearer hunter2"}"#,
        r#"{"header": ["authorization: Bearer hunter2"]}"#,
        r#"{"cookie": {"a": "hunter2"}}"#,
        r#"{"query": {"token": "hunter2", "api_key": ["hunter2"]}}"#,
    ] {
        for value in shapes(condition) {
            for file in [
                format!(r#"{{"rate_limit_exempt": {value}}}"#),
                format!(r#"{{"rate_limit_rules": {value}}}"#),
                format!(r#"{{"rate_limit_rules": {{"when": {value}}}}}"#),
                format!(r#"{{"rate_limit_rules": [[{{"when": {value}}}]]}}"#),
                format!(
                    r#"{{"rate_limit_rules": [{{"name": "a", "when": {value}, "limits": "1 per hour"}}]}}"#
                ),
                format!(r#"{{"rate_limit_rules": [{{"name": "a", "when": {{"any": {value}}}}}]}}"#),
                format!(r#"{{"rate_limit_tiers": {value}, "rate_limit_users": {value}}}"#),
            ] {
                let said = said(&file);
                assert!(!said.contains("hunter2"), "{file}\n{said}");
            }
        }
    }
}

#[test]
fn no_message_about_api_keys_has_one() {
    for value in shapes(r#"{"hunter2": {"name": 7}}"#) {
        let said = said(&format!(r#"{{"rate_limit_api_keys": {value}}}"#));
        assert!(!said.contains("hunter2"), "{value}\n{said}");
        assert_layer_is_discreet(&format!(r#"{{"api_keys": {value}}}"#));
    }
    assert_layer_is_discreet(r#"[{"api_keys": {"hunter2": {}}}]"#);
}

#[track_caller]
fn assert_layer_is_discreet(text: &str) {
    let said = Layer::parse("database", text).unwrap_err().to_string();
    assert!(!said.contains("hunter2"), "{text}\n{said}");
}
