//! `timebudget config`.

use crate::running::{printed, timebudget};
use crate::scratch::Scratch;

/// The lines of a section, cut into key, origin and value at their runs of spaces.
fn section(printed: &str, heading: &str) -> Vec<[String; 3]> {
    let lines = printed.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let cells = lines.filter_map(|line| {
        let (key, rest) = line.trim_start().split_once("  ")?;
        let (origin, value) = rest.trim_start().split_once("  ")?;
        Some([key, origin, value.trim_start()].map(str::to_owned))
    });
    cells.collect()
}

fn line<'a>(lines: &'a [[String; 3]], key: &str) -> (&'a str, &'a str) {
    let [_, origin, value] =
        lines.iter().find(|[found, ..]| found == key).unwrap_or_else(|| panic!("{lines:?}"));
    (origin.rsplit('/').next().unwrap(), value)
}

#[test]
fn each_site_shows_every_key_with_its_origin() {
    let scratch = Scratch::new();
    let common = r#"{ "rate_limit": "1s per day", "rate_limit_store": "redis://:hunter2@db/1?secret=hunter2",
                      "default_site": "a.example", "db_password": "hunter2" }"#;
    scratch.write("common_site_config.json", common);
    scratch.write(
        "a.example/site_config.json",
        r#"{ "time_zone": "Asia/Kolkata", "encryption_key": "hunter2" }"#,
    );
    scratch.write("b.example/site_config.json", r#"{ "rate_limit": { "limit": 5, "window": "hour" } }"#);
    let shown = printed(["config".as_ref(), "--sites".as_ref(), scratch.path("").as_os_str()]);
    assert!(
        !shown.contains("hunter2") && !shown.contains("password") && !shown.contains("encryption"),
        "{shown}"
    );
    let process = section(&shown, "process");
    assert_eq!(line(&process, "enabled"), ("default", "true"));
    let store = ("common_site_config.json", "redis://…@db/1?secret=…");
    assert_eq!(line(&process, "rate_limit_store"), store);
    assert_eq!(line(&process, "default_site"), ("common_site_config.json", "\"a.example\""));
    let first = section(&shown, "a.example, and hosts without a site");
    assert_eq!(line(&first, "time_zone"), ("site_config.json", "\"Asia/Kolkata\""));
    assert_eq!(line(&first, "rate_limit"), ("common_site_config.json", "\"1s per day\""));
    assert_eq!(line(&first, "rate_limit_ipv6_prefix"), ("default", "64"));
    let second = section(&shown, "b.example");
    assert_eq!(line(&second, "rate_limit"), ("site_config.json", "{\"limit\": 5, \"window\": \"hour\"}"));
    assert_eq!(line(&second, "time_zone"), ("default", "\"UTC\""));
}

#[test]
fn the_environment_is_named_as_an_origin() {
    let mut command = timebudget(["config"]);
    command.envs([("RATELIMIT_DEFAULT", "7 per hour"), ("RATELIMIT_HEADERS_ENABLED", "1")]);
    let output = command.env("RATELIMIT_ENABLED", "TRUE").output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(line(&section(&shown, "process"), "enabled"), ("environment RATELIMIT_ENABLED", "true"));
    let site = section(&shown, "every host");
    assert_eq!(line(&site, "rate_limit"), ("environment RATELIMIT_DEFAULT", "\"7 per hour\""));
    assert_eq!(line(&site, "rate_limit_headers.enabled"), ("environment RATELIMIT_HEADERS_ENABLED", "true"));
}

#[test]
fn a_wrong_configuration_is_every_error_in_it_and_status_2() {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", r#"{ "time_zone": 5, "rate_limit": 5 }"#);
    let output = timebudget(["config".as_ref(), "--site".as_ref(), file.as_os_str()]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 2);
}
