//! The environment: what it says stands above the files.

use std::ffi::OsStr;

use crate::running::{Running, timebudget};
use crate::scratch::Scratch;

fn start(text: &str, variables: &[(&str, &str)]) -> Running {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", text);
    Running::start_in(scratch, &[OsStr::new("--site"), file.as_os_str()], variables)
}

#[test]
fn what_is_not_enabled_passes_without_a_decision_or_a_header() {
    let server = start(r#"{ "rate_limit": "0 per day" }"#, &[("RATELIMIT_ENABLED", "false")]);
    let answer = server.get("/report");
    assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, None));
}

#[test]
fn a_default_stands_above_the_rate_limit_of_the_file_and_survives_a_reload() {
    let server = start(r#"{ "rate_limit": "5 per year" }"#, &[("RATELIMIT_DEFAULT", "7 per year")]);
    assert_eq!(server.get("/").number("x-ratelimit-limit"), 7);
    server.scratch.replace("site.json", r#"{ "rate_limit": "6 per year", "time_zone": "Asia/Kolkata" }"#);
    server.wait_for_log("reloaded");
    assert_eq!(server.get("/").number("x-ratelimit-limit"), 7);
}

#[test]
fn headers_can_be_turned_off() {
    let server = start(r#"{ "rate_limit": "1 per year" }"#, &[("RATELIMIT_HEADERS_ENABLED", "0")]);
    assert_eq!(server.get("/").header("x-ratelimit-limit"), None);
    assert_eq!(server.get("/").status, 429);
}

#[test]
fn every_mistake_is_printed_and_ends_the_program_with_status_2() {
    let mut command = timebudget(["serve", "--listen", "127.0.0.1:0"]);
    command.envs([("RATELIMIT_ENABLED", "yes"), ("RATELIMIT_STORAGE_URI", "radish://:hunter2@db")]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "environment: RATELIMIT_ENABLED: \"yes\": neither true nor false; expected true, false, 1 or 0\n\
         environment: RATELIMIT_STORAGE_URI: rad…://…: scheme: no such store; expected memory:// or redis://…; did you mean redis://?\n"
    );
}

#[test]
fn the_command_line_names_the_store_above_the_environment() {
    let mut command = timebudget(["config", "--store", "memory://"]);
    let output = command.env("RATELIMIT_STORAGE_URI", "redis://:hunter2@db").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("rate_limit_store  command line --store  memory://\n"), "{printed}");
}

#[test]
fn a_change_of_the_store_waits_for_the_next_start_and_says_so() {
    let scratch = Scratch::new();
    let common = |store: &str| format!(r#"{{ "rate_limit": "9 per year", "rate_limit_store": "{store}" }}"#);
    scratch.write("common_site_config.json", &common("memory://"));
    let server = Running::with_sites(scratch);
    server.scratch.replace("common_site_config.json", &common("memory://?snapshot=elsewhere"));
    server.wait_for_log("accounts stay in memory:// until the next start");
    assert_eq!(server.get("/").status, 200);
}

#[cfg(not(feature = "otel"))]
#[test]
fn who_asks_a_program_without_traces_for_them_is_told_so_and_nobody_else() {
    let told = |variables: &[(&str, &str)]| {
        let server = start("{}", variables);
        assert_eq!(server.get("/").status, 200);
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("built without traces"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let endpoint = "http://127.0.0.1:4318";
    for variable in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        let lines = told(&[(variable, endpoint)]);
        assert!(lines.len() == 1 && lines[0].contains(variable), "{lines:?}");
        assert!(told(&[(variable, endpoint), ("OTEL_SDK_DISABLED", "true")]).is_empty());
    }
    assert!(told(&[("OTEL_SERVICE_NAME", "edge")]).is_empty());
}
