//! `timebudget check`.

use std::path::Path;
use std::process::Output;

use crate::running::timebudget;
use crate::scratch::Scratch;

const GOOD: &str = r#"{ "time_zone": "Asia/Kolkata", "rate_limit": { "limit": 600, "window": 3600 } }"#;
const BAD: &str = r#"{ "rate_limit": { "limit": -1, "window": "fortnight" } }"#;

fn check<'a>(files: impl IntoIterator<Item = &'a Path>) -> Output {
    timebudget(["check".as_ref()].into_iter().chain(files)).output().unwrap()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_right_file_is_ok() {
    let scratch = Scratch::new();
    let file = scratch.write("good.json", GOOD);
    let output = check([file.as_path()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(shown(&output.stdout), format!("{}: ok\n", file.display()));
    assert!(output.stderr.is_empty());
}

/// `rate_limt` could be anybody's key, and is no error; that nothing is limited tells its author.
#[test]
fn a_file_that_limits_nothing_is_said_to() {
    let scratch = Scratch::new();
    let file = scratch.write("slip.json", r#"{ "rate_limt": "5 per hour" }"#);
    let output = check([file.as_path()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(shown(&output.stdout), format!("{}: ok, and limits nothing\n", file.display()));
}

#[test]
fn every_error_of_every_file_is_printed() {
    let scratch = Scratch::new();
    let good = scratch.write("good.json", GOOD);
    let [one, other] = ["one.json", "other.json"].map(|name| scratch.write(name, BAD));
    let output = check([one.as_path(), good.as_path(), other.as_path()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(shown(&output.stdout), format!("{}: ok\n", good.display()));
    let errors = shown(&output.stderr);
    for file in ["one.json", "other.json"] {
        for place in ["rate_limit.limit: ", "rate_limit.window: "] {
            assert!(errors.contains(&format!("{file}: {place}")), "{errors}");
        }
    }
    assert_eq!(errors.lines().count(), 4, "{errors}");
}

#[test]
fn a_directory_of_sites_is_checked_as_a_whole() {
    let scratch = Scratch::new();
    scratch.write("common_site_config.json", GOOD);
    scratch.write("a.example/site_config.json", BAD);
    let output = check([scratch.path("").as_path()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(shown(&output.stderr).contains("site_config.json: rate_limit.limit: "));
    scratch.write("a.example/site_config.json", GOOD);
    assert_eq!(check([scratch.path("").as_path()]).status.code(), Some(0));
}

#[test]
fn a_warning_is_printed_and_is_no_error() {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", r#"{ "rate_limit": { "limit": "600", "window": 3600 } }"#);
    let output = check([file.as_path()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(shown(&output.stderr).starts_with("warning: "), "{}", shown(&output.stderr));
    assert!(shown(&output.stdout).ends_with("site.json: ok\n"));
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let scratch = Scratch::new();
    let binary = scratch.path("binary.json");
    std::fs::write(&binary, [0xFF, 0xFE, 0]).unwrap();
    for file in [scratch.path("missing.json"), binary, scratch.write("empty.json", ""), scratch.path("")] {
        assert_eq!(check([file.as_path()]).status.code(), Some(2), "{}", file.display());
    }
}

#[test]
fn no_file_at_all_is_a_wrong_command() {
    assert_eq!(check([]).status.code(), Some(2));
}

#[test]
fn the_example_is_ok() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../site_config.example.json");
    assert_eq!(check([example.as_path()]).status.code(), Some(0));
}
