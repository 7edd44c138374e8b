//! What a replay can be told: to compare, to suggest, to draw; and where logs may come from.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use super::{Replayed, with_log};
use crate::running::timebudget;

/// A hundred clients of an hour, of which the nth asks n times, a hundred milliseconds each.
fn log() -> String {
    let (mut log, mut second) = (String::new(), 0);
    for client in 1..=100 {
        for _ in 0..client {
            let _ = writeln!(
                log,
                "10.0.0.{client} - - [26/Nov/2026:09:{:02}:{:02} +0000] \"GET /users/{second}?q=s3cret HTTP/1.1\" 200 1 \"-\" \"-\" 0.100",
                second / 60 % 60,
                second % 60
            );
            second = (second + 1) % 3_600;
        }
    }
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_by_key(|line| line.split('[').nth(1));
    lines.join("\n") + "\n"
}

#[test]
fn two_configurations_are_compared_request_by_request() {
    let (scratch, log) = with_log(log());
    let other = scratch.write("other.json", r#"{ "rate_limit": "95 per hour" }"#);
    let more = ["--against", other.to_str().unwrap()];
    let replayed = Replayed::of(&scratch, r#"{ "rate_limit": "98 per hour" }"#, &[&log], &more);
    let only = |key: &str| replayed.requests.iter().filter(|request| request[key] == "site-requests").count();
    assert_eq!((only("rule"), only("against")), (1 + 2, 1 + 2 + 3 + 4 + 5));
    replayed.says("both refuse 3; only ");
    replayed.says("site.json 0, only ");
    replayed.says("other.json 12");
    replayed.says("GET /users/{n}");
    replayed.says("10.0.0.100");
}

#[test]
fn what_is_suggested_refuses_as_many_as_it_says() {
    let (scratch, log) = with_log(log());
    let replayed = Replayed::of(&scratch, "{}", &[&log], &["--suggest"]);
    replayed.says("budgets that would have refused the top");
    let row = replayed
        .printed
        .lines()
        .find(|line| line.contains("per hour") && line.contains("5 % of clients") && !line.contains("s per"));
    let words: Vec<_> = row.unwrap_or_else(|| panic!("{}", replayed.printed)).split_whitespace().collect();
    assert_eq!(words[..4], ["ip", "95", "per", "hour"], "{words:?}");
    let site = r#"{ "rate_limit_rules": [{ "name": "tried", "key": "ip", "limits": "95 per hour" }] }"#;
    let tried = Replayed::of(&scratch, site, &[&log], &[]);
    let refused = tried.requests.iter().filter(|request| request["rule"] == "tried");
    let clients: std::collections::BTreeSet<_> =
        refused.map(|request| request["client"].to_string()).collect();
    assert_eq!(clients.len(), 5, "{clients:?}");
}

#[test]
fn a_page_is_written_that_needs_nothing_else() {
    let (scratch, log) = with_log(log());
    let page = scratch.path("replay.html");
    let site = r#"{ "rate_limit": "3s per minute; 90 per hour" }"#;
    Replayed::of(&scratch, site, &[&log], &["--html", page.to_str().unwrap(), "--suggest"]);
    let page = std::fs::read_to_string(page).unwrap();
    for part in [
        "<!doctype html>",
        "default-src 'none'",
        "prefers-color-scheme: dark",
        "<svg",
        "refused, by client",
        "GET /users/{n}",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in ["<script", "http://", "https://", "s3cret"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn a_log_may_be_compressed_and_come_by_standard_input() {
    let (scratch, log) = with_log(log());
    let site = r#"{ "rate_limit": "90 per hour" }"#;
    let plain = Replayed::of(&scratch, site, &[&log], &[]);
    assert!(std::process::Command::new("gzip").arg("-k").arg(&log).status().unwrap().success());
    let compressed = log.with_extension("log.gz");
    let unpacked = Replayed::of(&scratch, site, &[&compressed], &[]);
    assert_eq!(unpacked.refused(), plain.refused());
    let mut child = timebudget(["replay", "-", "--site"])
        .arg(scratch.path("site.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(compressed).unwrap()).unwrap();
    let printed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(
        printed.lines().skip(1).collect::<Vec<_>>(),
        plain.printed.lines().skip(1).collect::<Vec<_>>()
    );
}

#[test]
fn the_spend_of_windows_is_told() {
    let (scratch, log) = with_log(log());
    let replayed = Replayed::of(&scratch, r#"{ "rate_limit": "100s per hour" }"#, &[&log], &[]);
    let row = replayed
        .printed
        .lines()
        .find(|line| line.contains("100s per hour") || line.contains("100s per 3600"));
    let words: Vec<_> = row.unwrap_or_else(|| panic!("{}", replayed.printed)).split_whitespace().collect();
    // One window of one account, and full.
    assert!(
        words.windows(4).any(|four| four == ["1", "1", "1", "(100.00"]),
        "{words:?}\n{}",
        replayed.printed
    );
}

#[test]
fn nothing_that_is_read_is_written_over_by_whatever_name() {
    let (scratch, log) = with_log(log());
    let site = scratch.write("site.json", "{}");
    let (link, hard) = (scratch.path("link"), scratch.path("hard"));
    std::os::unix::fs::symlink(&log, &link).unwrap();
    std::fs::hard_link(&log, &hard).unwrap();
    let before = std::fs::read(&log).unwrap();
    for option in ["--requests", "--html"] {
        for output in [&log, &link, &hard, &site] {
            let mut command = timebudget(["replay", "--site"]);
            let output = command.arg(&site).arg(&log).arg(option).arg(output).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("is what is read") && said.contains(option), "{said}");
        }
        let mut command = timebudget(["replay", "--site"]);
        command.arg(&site).arg("-").arg(option).arg(&log).stdin(std::fs::File::open(&log).unwrap());
        assert_eq!(command.output().unwrap().status.code(), Some(2));
    }
    assert_eq!(std::fs::read(&log).unwrap(), before);
    assert_eq!(std::fs::read_to_string(&site).unwrap(), "{}");
}
