//! The migration page: every snippet of its right-hand side loads, without an error and without a warning.

use std::fs;
use std::path::Path;

use serde_json::Value;
use timebudget::config;

/// The JSON in the last column of the page's tables.
fn snippets() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coming-from.md");
    let page = fs::read_to_string(path).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let ours = rows.filter_map(|row| row.strip_suffix("` |")?.rsplit_once(" | `").map(|(_, ours)| ours));
    ours.filter(|ours| ours.starts_with('{')).map(str::to_owned).collect()
}

/// What a file of tiers says besides them: who tells who clients are, and the tier and the rules that are named.
const BESIDE_TIERS: &str = r#"{
    "rate_limit_trusted_proxies": ["10.0.0.1"],
    "rate_limit_identity": { "user": "X-Forwarded-User", "groups": "X-Forwarded-Groups" },
    "rate_limit_tiers": { "premium": {} },
    "rate_limit_rules": [
        { "name": "api", "when": { "path": "/api" }, "limits": "100/h" },
        { "name": "upload", "when": { "path": "/upload" }, "limits": "5/h" }
    ] }"#;

/// A site file with a snippet: the file itself, or one with this rule.
fn file(snippet: &str) -> String {
    let text = match snippet.starts_with(r#"{ "name""#) {
        true => format!(r#"{{ "rate_limit_rules": [{snippet}] }}"#),
        false => snippet.to_owned(),
    };
    let about_clients = ["tier", "rate_limit_groups", "rate_limit_overrides", r#""user""#];
    if !about_clients.iter().any(|word| text.contains(word)) {
        return text;
    }
    let mut whole: Value = serde_json::from_str(BESIDE_TIERS).unwrap();
    let said: Value = serde_json::from_str(&text).unwrap();
    whole.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    whole.to_string()
}

#[test]
fn every_snippet_loads_without_a_word() {
    let snippets = snippets();
    assert!(snippets.len() > 35, "only {} snippets were found", snippets.len());
    for snippet in snippets {
        let loaded = config::parse_site("coming.example", &file(&snippet));
        let (_, warnings) = loaded.unwrap_or_else(|errors| panic!("{snippet}\n{errors}"));
        assert!(warnings.is_empty(), "{snippet}\n{warnings:?}");
    }
}
