//! New rules for a running server.

use std::fs;
use std::path::Path;

use crate::running::{Running, eventually};
use crate::scratch::Scratch;

const FIVE: &str = r#"{ "rate_limit": "5 per year" }"#;
const NINE: &str = r#"{ "rate_limit": "9 per year" }"#;
const BAD: &str = r#"{ "rate_limit": "9 per fortnight", "time_zone": 5 }"#;

/// Enough to be asked as often as it takes.
const MILLION: &str = r#"{ "rate_limit": "1000000 per year" }"#;

fn limit(server: &Running) -> u64 {
    server.get("/").number("x-ratelimit-limit")
}

fn wait_for_limit(server: &Running, limit: u64, host: &str) {
    let fields = format!("host: {host}\r\n");
    let found =
        || server.request("GET", "/", &fields).header("x-ratelimit-limit") == Some(&limit.to_string());
    eventually("the new limit", || found().then_some(()), || server.log());
}

fn reloads(server: &Running) -> usize {
    server.log().matches(": reloaded").count()
}

#[test]
fn sighup_reloads_even_what_has_not_changed() {
    let server = Running::with_site(FIVE);
    server.signal("HUP");
    server.wait_for_log("site.json: reloaded");
    assert_eq!(limit(&server), 5);
    assert_eq!(reloads(&server), 1, "{}", server.log());
}

#[test]
fn a_changed_file_is_reloaded_and_accounts_are_kept() {
    let server = Running::with_site(FIVE);
    assert_eq!([limit(&server), limit(&server)], [5, 5]);
    server.scratch.write("site.json", NINE);
    server.wait_for_log("site.json: reloaded");
    let answer = server.get("/");
    assert_eq!(answer.number("x-ratelimit-limit"), 9);
    assert_eq!(answer.number("x-ratelimit-remaining"), 9 - 3);
}

#[test]
fn a_wrong_file_leaves_the_rules_in_force_and_every_error_is_logged() {
    let server = Running::with_site(FIVE);
    server.scratch.replace("site.json", BAD);
    server.signal("HUP");
    server.wait_for_log("not reloaded; the rules in force stay");
    let log = server.log();
    assert!(log.contains("site.json: rate_limit: ") && log.contains("site.json: time_zone: "), "{log}");
    assert_eq!(limit(&server), 5);
    server.scratch.write("site.json", NINE);
    server.wait_for_log("site.json: reloaded");
    assert_eq!(limit(&server), 9);
}

#[test]
fn a_file_that_was_removed_leaves_the_rules_in_force() {
    let server = Running::with_site(FIVE);
    fs::remove_file(server.scratch.path("site.json")).unwrap();
    server.wait_for_log("not reloaded; the rules in force stay");
    assert_eq!(limit(&server), 5);
    server.scratch.write("site.json", NINE);
    server.wait_for_log("site.json: reloaded");
    assert_eq!(limit(&server), 9);
}

#[test]
fn a_file_that_is_renamed_over_the_old_one_is_reloaded_each_time() {
    let server = Running::with_site(MILLION);
    for limit in [7_000, 8_000, 9_000] {
        let text = format!(r#"{{ "rate_limit": "{limit} per year" }}"#);
        server.scratch.replace("site.json", &text);
        wait_for_limit(&server, limit, "x");
    }
}

#[test]
fn changes_to_other_files_in_the_directory_are_no_news() {
    let server = Running::with_site(FIVE);
    server.scratch.write("other.json", "not even JSON");
    server.scratch.replace("site.json", FIVE);
    server.signal("HUP");
    server.wait_for_log("site.json: reloaded");
    assert_eq!(reloads(&server), 1, "{}", server.log());
}

#[test]
fn a_new_site_is_served_and_a_changed_one_reloaded() {
    let scratch = Scratch::new();
    scratch.write("common_site_config.json", MILLION);
    let server = Running::with_sites(scratch);
    for limit in [7_000, 8_000] {
        let text = format!(r#"{{ "rate_limit": "{limit} per year" }}"#);
        server.scratch.write("new.example/site_config.json", &text);
        wait_for_limit(&server, limit, "new.example");
    }
    fs::remove_dir_all(server.scratch.path("new.example")).unwrap();
    wait_for_limit(&server, 1_000_000, "new.example");
}

/// Kubernetes mounts a ConfigMap as links through `..data`, and updates all files at once by turning that link.
#[cfg(unix)]
#[test]
fn a_configmap_is_reloaded_when_its_link_turns() {
    let scratch = Scratch::new();
    scratch.write("..1/site.json", MILLION);
    turn(&scratch, "..1");
    std::os::unix::fs::symlink("..data/site.json", scratch.path("site.json")).unwrap();
    let file = scratch.path("site.json");
    let server = Running::start(scratch, &["--site".as_ref(), file.as_os_str()]);
    for (version, limit) in [("..2", 7_000), ("..3", 8_000)] {
        let text = format!(r#"{{ "rate_limit": "{limit} per year" }}"#);
        server.scratch.write(&format!("{version}/site.json"), &text);
        turn(&server.scratch, version);
        wait_for_limit(&server, limit, "x");
    }
}

#[cfg(unix)]
fn turn(scratch: &Scratch, version: &str) {
    std::os::unix::fs::symlink(Path::new(version), scratch.path("..data_tmp")).unwrap();
    fs::rename(scratch.path("..data_tmp"), scratch.path("..data")).unwrap();
}

/// `sites-enabled` and `sites-available`: the link stays as it is, and the file that it points at is edited.
#[cfg(unix)]
#[test]
fn a_file_behind_a_link_is_reloaded() {
    let scratch = Scratch::new();
    let available = scratch.write("available/site.json", MILLION);
    scratch.write("enabled/keep", "");
    let enabled = scratch.path("enabled/site.json");
    std::os::unix::fs::symlink(available, &enabled).unwrap();
    let server = Running::start(scratch, &["--site".as_ref(), enabled.as_os_str()]);
    server.scratch.write("available/site.json", r#"{ "rate_limit": "7000 per year" }"#);
    wait_for_limit(&server, 7_000, "x");
}
