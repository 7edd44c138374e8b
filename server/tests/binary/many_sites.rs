//! Many sites in one server: a mistake in one file is that site's, at the start and at a reload, until it is mended.

use std::fmt::Write as _;

use crate::running::{Running, eventually, printed, timebudget};
use crate::scratch::Scratch;

const COMMON: &str = r#"{ "rate_limit": "1000000 per year" }"#;
const WRONG: &str = r#"{ "rate_limit": "9 per fortnight", "time_zone": "Europe/Pari" }"#;

/// A directory of so many sites, each with a limit of its own.
fn sites(count: usize) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("common_site_config.json", COMMON);
    for at in 0..count {
        let text = format!(r#"{{ "rate_limit": "{} per year" }}"#, 1_000 + at);
        scratch.write(&format!("site{at}.example/site_config.json"), &text);
    }
    scratch
}

fn limit(server: &Running, host: &str) -> Option<u64> {
    let answer = server.request("GET", "/", &format!("host: {host}\r\n"));
    answer.header("x-ratelimit-limit").map(|limit| limit.parse().unwrap())
}

fn wait_for_limit(server: &Running, host: &str, wanted: u64) {
    eventually("the limit", || (limit(server, host) == Some(wanted)).then_some(()), || server.log());
}

#[test]
fn a_wrong_file_at_the_start_takes_out_its_own_site_and_healing_it_brings_it_back() {
    let scratch = sites(40);
    scratch.write("site7.example/site_config.json", WRONG);
    let server = Running::with_sites(scratch);
    assert_eq!(
        (limit(&server, "site6.example"), limit(&server, "site39.example")),
        (Some(1_006), Some(1_039))
    );
    let refused = server.request("GET", "/", "host: site7.example\r\n");
    assert_eq!((refused.status, refused.header("content-type")), (503, Some("application/problem+json")));
    for text in [
        "rate_limit: \"9 per fortnight\": ",
        "time_zone: \"Europe/Pari\": ",
        "site7.example: its file is wrong; its requests are refused",
    ] {
        assert_eq!(server.log().matches(text).count(), 1, "{}", server.log());
    }
    server.scratch.replace("site7.example/site_config.json", r#"{ "rate_limit": "7 per year" }"#);
    wait_for_limit(&server, "site7.example", 7);
    server.wait_for_log("site7.example: right again; its rules are in force");
}

#[test]
fn a_wrong_file_at_a_reload_keeps_its_last_rules_and_the_others_go_on() {
    let server = Running::with_sites(sites(40));
    server.scratch.replace("site7.example/site_config.json", WRONG);
    server.wait_for_log("site7.example: its file is wrong; its last rules stay");
    server.scratch.replace("site8.example/site_config.json", r#"{ "rate_limit": "88 per year" }"#);
    wait_for_limit(&server, "site8.example", 88);
    assert_eq!(limit(&server, "site7.example"), Some(1_007));
    let told = server.log().matches("9 per fortnight").count();
    assert_eq!(told, 1, "a mistake that is known is told once\n{}", server.log());
    server.signal("HUP");
    eventually(
        "an answer to who asks",
        || (server.log().matches("9 per fortnight").count() > told).then_some(()),
        || server.log(),
    );
    server.scratch.replace("site7.example/site_config.json", r#"{ "rate_limit": "77 per year" }"#);
    wait_for_limit(&server, "site7.example", 77);
}

#[test]
fn a_wrong_common_file_stops_a_start_and_leaves_the_rules_in_force_at_a_reload() {
    let scratch = sites(3);
    let server = Running::with_sites(scratch);
    server.scratch.replace("site1.example/site_config.json", WRONG);
    server.scratch.replace("common_site_config.json", r#"{ "rate_limit_on_error": "shut" }"#);
    server.wait_for_log("not reloaded; the rules in force stay");
    assert_eq!((limit(&server, "site1.example"), limit(&server, "x")), (Some(1_001), Some(1_000_000)));
    let directory = server.scratch.path("");
    let output = timebudget(["serve".as_ref(), "--sites".as_ref(), directory.as_os_str()]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 3), "{errors}");
    server.scratch.replace(
        "common_site_config.json",
        r#"{ "rate_limit": "5555 per year", "rate_limit_on_error": "open" }"#,
    );
    wait_for_limit(&server, "x", 5_555);
    assert_eq!(
        limit(&server, "site1.example"),
        Some(1_001),
        "its last rules, though the reload between failed"
    );
}

#[test]
fn where_the_common_file_says_open_a_wrong_site_is_served_without_limits() {
    let scratch = sites(2);
    scratch
        .write("common_site_config.json", r#"{ "rate_limit": "0 per year", "rate_limit_on_error": "open" }"#);
    scratch.write("site0.example/site_config.json", "{ not JSON");
    let server = Running::with_sites(scratch);
    let open = server.request("GET", "/", "host: site0.example\r\n");
    assert_eq!((open.status, open.header("x-ratelimit-limit")), (200, None));
    assert_eq!(server.request("GET", "/", "host: elsewhere\r\n").status, 429);
    assert!(
        server.log().contains("site0.example: its file is wrong; its requests are not limited"),
        "{}",
        server.log()
    );
}

#[test]
fn check_lists_every_error_of_3000_files() {
    let scratch = sites(3_000);
    for at in (0..3_000).step_by(100) {
        scratch.write(&format!("site{at}.example/site_config.json"), WRONG);
    }
    let directory = scratch.path("");
    let output = timebudget(["check".as_ref(), directory.as_os_str()]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 60), "{errors}");
    for at in (0..3_000).step_by(100) {
        let file = format!("site{at}.example/site_config.json: ");
        let fault = format!(
            "{file}rate_limit: \"9 per fortnight\": no such period; expected second, minute, hour, day, week, month or year"
        );
        assert!(
            errors.contains(&fault)
                && errors
                    .contains(&format!("{file}time_zone: \"Europe/Pari\": no such time zone; did you mean"))
        );
    }
}

#[test]
fn the_commands_show_the_right_sites_and_say_which_are_wrong() {
    let scratch = sites(2);
    scratch.write("site0.example/site_config.json", WRONG);
    scratch.write(
        "site1.example/site_config.json",
        r#"{ "rate_limit": "5 per day", "domains": ["shop.example"] }"#,
    );
    let directory = scratch.path("");
    let of = |command: &str, more: &[&str]| {
        let mut args = vec![command.as_ref(), "--sites".as_ref(), directory.as_os_str()];
        args.extend(more.iter().map(std::ffi::OsStr::new));
        let output = timebudget(args).output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr).matches("site0.example/site_config.json: ").count(), 2);
        text(&output.stdout)
    };
    let wrong = "site0.example: its file is wrong; its requests are refused\n";
    let limits = of("limits", &[]);
    assert!(limits.contains(wrong) && limits.contains("site1.example, shop.example (UTC)\n"), "{limits}");
    let config = of("config", &[]);
    assert!(
        config.contains(wrong) && config.contains("  domains  ") && config.contains("[\"shop.example\"]"),
        "{config}"
    );
    let refused = of("explain", &["GET", "/", "--host", "site0.example"]);
    assert!(
        refused.contains("site0.example: its file is wrong") && refused.contains("503 Service Unavailable"),
        "{refused}"
    );
    let served = of("explain", &["GET", "/", "--host", "shop.example"]);
    assert!(served.contains("site1.example, shop.example (UTC)"), "{served}");
}

#[test]
fn names_that_no_host_can_be_are_said_by_check_and_by_the_log() {
    let scratch = sites(1);
    scratch.write("dev:8010/site_config.json", "{}");
    let mut expected = String::new();
    write!(
        expected,
        "{}: \"dev:8010\": no request reaches this site",
        scratch.path("dev:8010/site_config.json").display()
    )
    .unwrap();
    let output = timebudget(["check".as_ref(), scratch.path("").as_os_str()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(&format!("warning: {expected}")));
    let directory = scratch.path("");
    assert!(printed(["check".as_ref(), directory.as_os_str()]).ends_with(": ok\n"));
    Running::with_sites(scratch).wait_for_log(&expected);
}
