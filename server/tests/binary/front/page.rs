//! The configurations of the page, made to fit the test.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::running::Running;

/// The only fenced block of a language.
pub(super) fn block(language: &str) -> String {
    let mut blocks = blocks(language);
    assert_eq!(blocks.len(), 1, "each block of {language} is to have its tests");
    blocks.remove(0)
}

/// The fenced blocks of a language.
pub(super) fn blocks(language: &str) -> Vec<String> {
    blocks_of("in-front-and-behind.md", language)
}

/// Those of another page.
pub(super) fn blocks_of(page: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let page = fs::read_to_string(path).unwrap();
    let fence = format!("\n```{language}\n");
    let texts = page.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
    texts.map(|text| text.to_owned() + "\n").collect()
}

/// A configuration with other texts in place of some, each of which it must have.
pub(super) fn replaced(configuration: &str, texts: &[(&str, &str)]) -> String {
    let mut text = configuration.to_owned();
    for (old, new) in texts {
        assert!(text.contains(old), "no {old:?} to replace in\n{text}");
        text = text.replace(old, new);
    }
    text
}

/// A configuration whose servers are those of the test.
pub(super) fn before(servers: &[Running; 2], configuration: &str) -> String {
    let [one, two] = [0, 1].map(|place: usize| servers[place].address.to_string());
    replaced(configuration, &[("127.0.0.1:8081", &one), ("127.0.0.1:8082", &two)])
}

/// Two servers with the page's first site file, but for other limits.
pub(super) fn servers(limits: &str) -> [Running; 2] {
    let mut site: Value = serde_json::from_str(&blocks("json")[0]).unwrap();
    site["rate_limit"] = json!(limits);
    [(); 2].map(|()| Running::with_site(&site.to_string()))
}

#[test]
fn every_site_file_of_the_page_loads_without_a_word() {
    for text in blocks("json") {
        let (_, warnings) = timebudget::config::parse_site("page.example", &text).unwrap();
        let said: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{text}{said:?}");
    }
}

#[test]
fn the_page_lists_what_is_to_be_exposed() {
    let list = blocks("text").concat();
    let (name, fields) = list.trim().split_once(": ").unwrap();
    assert_eq!(name, "Access-Control-Expose-Headers");
    assert!(fields.split(", ").eq(timebudget::EXPOSED_HEADERS), "{fields}");
}
