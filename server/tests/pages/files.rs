//! Site files that pages show: each is right by itself, as `timebudget check` reads it.

use std::fs;
use std::process::Command;

use crate::place::Place;
use crate::shelf;

/// Files that are not checked as they stand.
const EXCEPTIONS: &[(&str, &str)] = &[(
    r#"{ "rate_limit_country": { "database""#,
    "needs a program with `geo`, and a database, of which none is shipped",
)];

#[test]
fn every_site_file_that_a_page_shows_is_right() {
    let place = Place::new("{}");
    let mut count = 0;
    for page in shelf::pages() {
        for text in files(&shelf::text(&page)) {
            if EXCEPTIONS.iter().any(|(excepted, _)| text.starts_with(excepted)) {
                continue;
            }
            count += 1;
            fs::write(place.path("site_config.json"), &text).unwrap();
            let mut check = Command::new(env!("CARGO_BIN_EXE_timebudget"));
            let output =
                check.args(["check", "site_config.json"]).current_dir(place.path("")).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{page}:\n{text}\n{said}");
        }
    }
    assert!(count > 10, "only {count} files were found");
}

/// The JSON objects of a page that stand by themselves, indented or fenced. Some stand for several files, a line each.
fn files(page: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut open = String::new();
    let mut is_fenced = false;
    for line in page.lines() {
        match (line, line.strip_prefix("    ")) {
            ("```json", _) => is_fenced = true,
            ("```", _) => is_fenced = false,
            (line, _) if is_fenced => extend(&mut files, &mut open, line),
            (_, Some(line)) if line.starts_with('{') || !open.is_empty() => {
                extend(&mut files, &mut open, line);
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "a file without an end:\n{open}");
    files
}

/// Adds a line to the file that is open, which ends where it is whole.
fn extend(files: &mut Vec<String>, open: &mut String, line: &str) {
    *open += &format!("{line}\n");
    if serde_json::from_str::<serde_json::Value>(open).is_ok() {
        files.push(std::mem::take(open));
    }
}
