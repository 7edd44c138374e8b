//! `timebudget explain`.

use std::process::Output;

use crate::running::{printed, timebudget};
use crate::scratch::Scratch;

const RULES: &str = r#"{
    "time_zone": "Europe/Paris", "rate_limit_exempt": { "path": "/health" },
    "rate_limit_trusted_proxies": ["10.0.0.0/8"],
    "rate_limit_rules": [
        { "name": "keyed", "when": { "path": { "prefix": "/api" } }, "key": ["header:X-Api-Key", "route"], "limits": "9 per day" },
        { "name": "token", "when": { "header": { "authorization": "Bearer hunter2" } }, "limits": "0 per minute" },
        { "name": "busy", "when": { "path": "/busy" }, "limits": "0 per day", "action": { "rewrite": "/wait.html" } },
        { "name": "own", "when": { "path": "/own" }, "key": "cookie:plan", "missing": "skip", "limits": "5 per day" },
        { "name": "default", "otherwise": true, "limits": "7 per day" }
    ] }"#;

/// What is printed about a request, by these rules.
fn explained(args: &[&str]) -> String {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", RULES);
    printed(["explain", "--site", file.to_str().unwrap()].iter().chain(args))
}

fn failed(args: &[&str]) -> Output {
    timebudget(["explain"].iter().chain(args)).output().unwrap()
}

#[track_caller]
fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "no {line:?} in\n{text}");
    }
}

#[test]
fn a_request_is_told_which_rules_are_about_it_and_why_the_others_are_not() {
    let args = ["GET", "/api/users/5?x=1", "-H", "X-Api-Key: abcdefghij", "--route", "/api/users/{id}"];
    assert_has(
        &explained(&args),
        &[
            "GET /api/users/5?x=1 for localhost from 127.0.0.1",
            "  site  every host (Europe/Paris)",
            "rule 1 keyed: applies",
            "  key header:x-api-key \"abcd…\"",
            "  key route \"/api/users/{id}\"",
            "rule 2 token: does not apply, for header {\"authorization\": \"Bear…\"} is wanted and none found",
            "rule 3 busy: does not apply, for path \"/busy\" is wanted and \"/api/users/5\" found",
            "rule 5 default: gives way to keyed",
            "  what the application answers, and",
            "  x-ratelimit-limit: 9",
            "  x-ratelimit-remaining: 8",
        ],
    );
}

#[test]
fn a_request_is_told_of_as_rules_see_it_however_it_is_spelled() {
    let args = ["GET", "/%61pi/users/5/", "-H", "X-Api-Key: josé is a key", "--route", "/api/users/{id}/"];
    assert_has(
        &explained(&args),
        &[
            "  key header:x-api-key \"josé…\"",
            "rule 3 busy: does not apply, for path \"/busy\" is wanted and \"/api/users/5\" found",
        ],
    );
}

/// Else nobody could see where three times the rule's limits come from.
#[test]
fn who_may_spend_more_is_told_why() {
    let scratch = Scratch::new();
    let tiers = r#"{
        "rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_identity": { "user": "X-User", "groups": "X-Groups" },
        "rate_limit_tiers": { "gold": { "multiplier": 3 } }, "rate_limit_groups": { "vips": "gold" },
        "rate_limit_rules": [ { "name": "export", "key": "user", "limits": "2 per day" } ],
        "rate_limit_overrides": [ { "user": "bob", "limits": "9 per day", "reason": "month end" } ] }"#;
    let file = scratch.write("site.json", tiers);
    let of = |user: &str| {
        let args =
            ["explain", "--site", file.to_str().unwrap(), "GET", "/", "-H", user, "-H", "X-Groups: vips"];
        printed(args)
    };
    assert_has(&of("X-User: alice"), &["rule 1 export: applies, in tier \"gold\"", "  x-ratelimit-limit: 6"]);
    assert_has(
        &of("X-User: bob"),
        &["rule 1 export: applies, with an override for \"month end\"", "  x-ratelimit-limit: 9"],
    );
    assert_has(&of("X-Other: none"), &["rule 1 export: applies", "  x-ratelimit-limit: 2"]);
}

#[test]
fn the_windows_are_shown_by_the_sites_clock_and_by_utc() {
    let text = explained(&["GET", "/other"]);
    let day = text.lines().skip_while(|line| !line.starts_with("  7 per day")).take(2).collect::<Vec<_>>();
    let [local, utc] = day.as_slice() else { panic!("{text}") };
    assert!(local.matches(" 00:00:00 +0").count() == 2 && local.contains(" until "), "{text}");
    assert!(
        utc.matches(" UTC").count() == 2 && utc.contains("22:00:00") | utc.contains("23:00:00"),
        "{text}"
    );
}

#[test]
fn a_refusal_is_shown_as_the_client_would_read_it() {
    let text = explained(&["GET", "/x", "-H", "Authorization: Bearer hunter2", "-H", "Accept: text/plain"]);
    assert_has(&text, &["rule 2 token: applies", "  429 Too Many Requests", "  x-ratelimit-remaining: 0"]);
    assert!(
        text.contains("\n  retry-after: ") && text.contains("The budget of 0 requests is spent."),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_rewritten_request_names_the_page_it_is_served() {
    let text = explained(&["POST", "/busy"]);
    assert_has(&text, &["rule 3 busy: applies", "  200 OK, the page of /wait.html in place, and"]);
}

#[test]
fn an_exempt_request_and_a_preflight_say_so() {
    let exempt = explained(&["GET", "/health"]);
    assert_has(
        &exempt,
        &["exempt", "  path \"/health\": no rule is asked, nothing is charged", "  no headers"],
    );
    let preflight = ["OPTIONS", "/", "-H", "Origin: http://a", "-H", "Access-Control-Request-Method: PUT"];
    assert_has(&explained(&preflight), &["CORS preflight"]);
}

#[test]
fn a_key_says_what_stands_in_for_what_and_a_rule_why_it_is_skipped() {
    assert_has(
        &explained(&["GET", "/api", "--ip", "10.0.0.1", "-H", "X-Forwarded-For: 6.6.6.6, 192.0.2.7"]),
        &[
            "  key ip \"192.0.2.7\", for there is no header:x-api-key",
            "  key ip \"192.0.2.7\", for there is no route",
        ],
    );
    assert_has(&explained(&["GET", "/own"]), &["rule 4 own: is skipped, for there is no cookie:plan"]);
}

#[test]
fn the_host_chooses_the_site() {
    let scratch = Scratch::new();
    scratch.write("common_site_config.json", r#"{ "rate_limit": "1 per day" }"#);
    scratch.write("a.example/site_config.json", r#"{ "rate_limit": "2s per day" }"#);
    let sites = scratch.path("");
    let of = |host: &[&str]| {
        printed(["explain", "--sites", sites.to_str().unwrap(), "GET", "/"].iter().chain(host))
    };
    assert_has(&of(&["--host", "A.example:80"]), &["  site  a.example (UTC)", "rule 1 site: applies"]);
    assert_has(&of(&["-H", "Host: a.example"]), &["  site  a.example (UTC)"]);
    assert_has(&of(&["-H", "X-Forwarded-Host: a.example"]), &["  site  hosts without a site (UTC)"]);
}

#[test]
fn a_request_that_is_none_is_one_line_and_status_2() {
    for (args, told) in [
        (&["GET", "x y"][..], "\"x y\": not a target; expected a path such as /api/x?page=2\n"),
        (&["G T", "/"], "\"G T\": not a method\n"),
        (&["GET", "/", "-H", "hunter2"], "-H \"\": not a header; expected 'Name: value'\n"),
        (
            &["GET", "/", "--route", "/{"],
            "--route: \"/{\": not a pattern; expected one such as /users/{id}\n",
        ),
        (&["GET", "/", "--route", "/x"], "--route: \"/x\": does not match the target\n"),
    ] {
        let output = failed(args);
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(2), told));
    }
}
