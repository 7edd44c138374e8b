//! Code that is shown: whoever copies it must not let clients choose how they are seen.

use std::fs;
use std::path::Path;

/// What decides by what a client may spell or claim as it likes, and what to write in its place.
const DECEIVED: &[(&str, &str)] = &[
    ("request.path()", "`.path(…)` of a rule, or `normal_path(request)`"),
    ("req.path()", "`.path(…)` of a rule, or `normal_path(request)`"),
    ("uri().path()", "`.path(…)` of a rule, or `normal_path(request)`"),
    ("connection_info()", "`Component::Host`, or `Component::Ip` with trusted proxies"),
    ("realip_remote_addr", "`Component::Ip` with trusted proxies"),
];

/// In what is only written for people a client may be quoted.
const FOR_PEOPLE: &[&str] = &["format!(", "println!(", "eprintln!(", "info!("];

/// The files of a folder, whatever the depth.
fn files(place: &Path, found: &mut Vec<(String, String)>) {
    if place.is_dir() {
        fs::read_dir(place).unwrap().for_each(|entry| files(&entry.unwrap().path(), found));
    } else if place.extension().is_some_and(|kind| kind == "md" || kind == "rs") {
        found.push((place.display().to_string(), fs::read_to_string(place).unwrap()));
    }
}

/// The lines of Rust that a file shows: an example's, those in a page's fences, and those in the fences of doc comments.
fn shown(name: &str, text: &str) -> Vec<String> {
    if name.contains("examples/") {
        return text.lines().map(str::to_owned).collect();
    }
    let is_page = name.ends_with(".md");
    let of_docs = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::to_owned)
    };
    let lines = text.lines().filter_map(|line| if is_page { Some(line.to_owned()) } else { of_docs(line) });
    let (mut code, mut is_code) = (Vec::new(), false);
    for line in lines {
        match line.trim() {
            "```" if is_code => is_code = false,
            fence if fence.starts_with("```") => is_code = matches!(fence, "```" | "```rust" | "```no_run"),
            _ if is_code => code.push(line),
            _ => {}
        }
    }
    code
}

/// The login of the docs was passed by `/%6cogin`, and a key by what `X-Forwarded-Host` says was anybody's.
#[test]
fn no_code_that_is_shown_decides_by_what_a_client_spells_as_it_likes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    ["README.md", "docs", "examples", "src", "control/src", "control/examples"]
        .iter()
        .for_each(|place| files(&root.join(place), &mut found));
    let mut seen = 0;
    for (name, text) in found {
        for line in shown(&name, &text) {
            seen += 1;
            let is_for_people = FOR_PEOPLE.iter().any(|told| line.contains(told));
            for (deceived, instead) in DECEIVED.iter().filter(|_| !is_for_people) {
                assert!(!line.contains(deceived), "{name}: {line}\nexpected {instead}");
            }
        }
    }
    assert!(seen > 1_000, "only {seen} lines are shown");
}
