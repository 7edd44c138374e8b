//! The access log, and the lines about refusals.

use std::fs;
use std::io::Write as _;

use serde_json::Value;

use crate::monitored::Monitored;
use crate::running::eventually;

const RULES: &str = r#"{ "rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_rules": [
    { "name": "whole", "key": "site", "limits": "600s per day" },
    { "name": "export", "when": { "path": "/export" }, "key": "ip", "limits": "1 per day" } ] }"#;

fn start(more: &[&str]) -> Monitored {
    let scratch = crate::scratch::Scratch::new();
    let site = scratch.write("site.json", RULES);
    let log = scratch.path("access.log");
    let args = ["--site", site.to_str().unwrap(), "--access-log", log.to_str().unwrap()];
    Monitored::start(scratch, &[&args, more].concat())
}

/// The lines of a file, when there are so many.
fn lines(server: &Monitored, file: &str, count: usize) -> Vec<Value> {
    let file = server.server.scratch.path(file);
    let read = || fs::read_to_string(&file).unwrap_or_default();
    let text = eventually("lines", || Some(read()).filter(|text| text.lines().count() >= count), read);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_request_is_a_line_of_json() {
    let server = start(&[]);
    let fields = "host: localhost\r\nx-forwarded-for: 203.0.113.7\r\nx-request-id: abc-1\r\n";
    let answer = server.server.request("GET", "/a?token=secret&ms=20", fields);
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    let line = &lines(&server, "access.log", 1)[0];
    for (field, expected) in
        [("client", "203.0.113.7"), ("site", "*"), ("method", "GET"), ("path", "/a"), ("request_id", "abc-1")]
    {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert_eq!(line["status"], 200);
    let (charged, elapsed) = (line["charged_us"].as_u64().unwrap(), line["elapsed_us"].as_u64().unwrap());
    assert!((20_000..60_000_000).contains(&charged) && elapsed >= charged, "{line}");
    assert!(line.get("rule").is_none() && line.get("user").is_none() && line.get("upstream_us").is_none());
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == "2026-11-27T16:31:55.123456Z".len() && time.ends_with('Z'), "{time}");
    assert_eq!(server.value("timebudget_access_log_lines_total"), 1.0);
    assert_eq!(server.value("timebudget_access_log_dropped_lines_total"), 0.0);
}

#[test]
fn a_refusal_names_its_rule_and_is_charged_nothing() {
    let server = start(&["--access-log-query"]);
    let answers = [0, 1].map(|_| server.server.get("/export?page=2"));
    assert_eq!(answers.map(|answer| answer.status), [200, 429]);
    let lines = lines(&server, "access.log", 2);
    assert_eq!(lines[1]["status"], 429);
    assert_eq!((&lines[1]["rule"], &lines[1]["charged_us"]), (&"export".into(), &0.into()));
    assert_eq!(lines[1]["path"], "/export?page=2");
    assert_eq!(lines[1]["request_id"].as_str().map(str::len), Some(32), "one is made");
    server.server.wait_for_log("refused: site *, rule export, limit 1 per day, account ");
}

#[test]
fn a_stream_has_its_line_at_its_end_with_all_that_it_was_charged() {
    let server = start(&[]);
    server.server.get("/?chunks=3&gap=50");
    let line = &lines(&server, "access.log", 1)[0];
    assert!(line["elapsed_us"].as_u64().unwrap() >= 100_000, "{line}");
    assert!(line["charged_us"].as_u64().unwrap() >= 100_000, "{line}");
}

#[test]
fn a_client_that_goes_before_the_answer_leaves_a_line() {
    let server = start(&[]);
    let mut connection = server.server.connect();
    connection.write_all(b"GET /gone?ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let held = || server.value("timebudget_window_held_seconds{site=\"*\",rule=\"whole\",period=\"day\"}");
    eventually("a running request", || (held() > 0.0).then_some(()), || server.server.log());
    drop(connection);
    let line = &lines(&server, "access.log", 1)[0];
    assert_eq!((&line["status"], &line["path"]), (&499.into(), &"/gone".into()), "{line}");
}

#[test]
fn after_sighup_it_goes_on_in_a_new_file() {
    let server = start(&[]);
    server.server.get("/first");
    lines(&server, "access.log", 1);
    let path = |name| server.server.scratch.path(name);
    fs::rename(path("access.log"), path("access.log.1")).unwrap();
    server.server.signal("HUP");
    eventually("a new file", || path("access.log").exists().then_some(()), || server.server.log());
    server.server.get("/second");
    assert_eq!(lines(&server, "access.log", 1)[0]["path"], "/second");
    assert_eq!(lines(&server, "access.log.1", 1)[0]["path"], "/first");
}

#[test]
fn a_log_that_cannot_be_opened_ends_the_start_with_a_reason() {
    let args = ["serve", "--listen", "127.0.0.1:0", "--access-log", "/nowhere/at/all.log"];
    let output = crate::running::timebudget(args).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("/nowhere/at/all.log: cannot be opened"), "{told}");
}

#[test]
fn what_is_in_the_log_is_all_there_when_the_server_has_ended() {
    let mut server = start(&[]);
    for _ in 0..50 {
        server.server.get("/");
    }
    server.server.signal("TERM");
    assert!(server.server.ended().success());
    assert_eq!(lines(&server, "access.log", 0).len(), 50);
}

#[test]
fn more_refusals_than_are_told_in_a_second_are_counted() {
    let mut server = start(&["--log-refusals", "2"]);
    for _ in 0..30 {
        server.server.get("/export");
    }
    server.server.wait_for_log("more refusals and near limits in the last second");
    // Those of the last second are told at the end at the latest.
    server.server.signal("TERM");
    assert!(server.server.ended().success());
    let left_out =
        |line: &str| line.split_once(" more refusals")?.0.rsplit(' ').next()?.parse::<usize>().ok();
    let told = |log: &str| log.matches("refused: ").count() + log.matches("near limit: ").count();
    let all = |log: &str| told(log) + log.lines().filter_map(left_out).sum::<usize>();
    // 29 refusals, and one account that is near its limit from the first request on.
    let is_told = || (all(&server.server.log()) == 30).then_some(());
    eventually("30 told or counted", is_told, || server.server.log());
    assert!(told(&server.server.log()) < 30);
}

#[test]
fn no_path_forges_a_line() {
    let server = start(&["--access-log-query"]);
    let forged = r#"/%0d%0a{"status":200}?x=%0a"#;
    server.server.get(forged);
    server.server.get("/next");
    let lines = lines(&server, "access.log", 2);
    let paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, [forged, "/next"]);
}

#[test]
fn an_account_that_comes_near_its_limit_is_told_of_once() {
    let rules = r#"{ "rate_limit_rules": [{ "name": "few", "key": "site", "limits": "10 per day" }] }"#;
    let server = Monitored::with_site(rules, &[]);
    for _ in 0..10 {
        server.server.get("/");
    }
    server.server.wait_for_log("near limit: site *, rule few, limit 10 per day, 8 spent, account ");
    assert_eq!(server.server.log().matches("near limit").count(), 1, "{}", server.server.log());
}

#[test]
fn the_users_of_a_site_are_named_however_hostile_their_names_are_and_no_others() {
    let digest = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"; // of "key"
    let rules = r#"{ "rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_identity": { "user": "X-User" },
        "rate_limit_api_keys": { "DIGEST": { "name": "batch", "user": "carol" } },
        "rate_limit_rules": [{ "name": "whole", "key": "site", "limits": "600s per day" }] }"#;
    let scratch = crate::scratch::Scratch::new();
    let site = scratch.write("site.json", &rules.replace("DIGEST", digest));
    let log = scratch.path("access.log");
    let args = ["--site", site.to_str().unwrap(), "--access-log", log.to_str().unwrap()];
    let server = Monitored::start(scratch, &args);
    let long = "x".repeat(4_000);
    let hostile = ["alice", r#"","status":200,"x":"\"#, "a\tb", "caf\u{e9} \u{2028}\u{9b}31m", &long];
    for name in hostile {
        server.server.request("GET", "/", &format!("host: localhost\r\nx-user: {name}\r\n"));
    }
    server.server.request("GET", "/", "host: localhost\r\nx-api-key: key\r\nx-user: mallory\r\n");
    server.server.get("/");
    let users: Vec<_> =
        lines(&server, "access.log", 7).iter().map(|line| line.get("user").cloned()).collect();
    let expected = hostile.iter().chain(&["carol"]).map(|name| Some(Value::from(*name))).chain([None]);
    assert_eq!(users, expected.collect::<Vec<_>>());
}
