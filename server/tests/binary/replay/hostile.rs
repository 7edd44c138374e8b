//! Logs that strangers have a hand in: whatever stands in them, the rest is replayed, in bounded memory.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use super::{Replayed, with_log};
use crate::running::timebudget;
use crate::scratch::Scratch;

const SITE: &str = r#"{ "rate_limit": "2 per day; 600s per hour" }"#;

fn line(time: &str, request: &str, seconds: &str) -> String {
    format!("192.0.2.7 - - [{time} +0000] \"{request}\" 200 17 \"-\" \"me\" {seconds}\n")
}

fn good(second: u32) -> String {
    line(&format!("26/Nov/2026:09:00:{second:02}"), "GET /a HTTP/1.1", "0.010")
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_shown_without_their_secrets() {
    let bad = [
        line("26/Nov/0000:09:00:01", "GET /a?token=s3cret HTTP/1.1", "0.010"),
        line("26/Nov/2026:09:00:01", "GET /a?token=s3cret HTTP/1.1", "-0.010"),
        line("26/Nov/2026:09:00:01", "\\x16\\x03\\x01", "0.010"),
        line("26/Nov/2026:09:00:01", "-", "0.010"),
        line("26/Nov/2026:09:00:01", "GET / HTTP/1.1", "99999999999999999999999.0"),
        "\u{1b}]0;owned\u{7}\n".to_owned(),
        "x".repeat(100_000) + "\n",
    ];
    let log = good(1) + &bad.concat() + &good(2) + &good(3);
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, SITE, &[&log], &[]);
    assert_eq!((replayed.requests.len(), replayed.refused()), (3, vec![(10, "site-requests".to_owned())]));
    replayed.says("7 lines cannot be read; the first:");
    replayed.says("access.log:2: no time, or an impossible one: 192.0.2.7 - - [26/Nov/0000:09:00:01 +0000] \"GET /a?… HTTP/1.1\"");
    replayed.says("access.log:3: no duration, or an impossible one");
    replayed.says("access.log:4: no request");
    assert!(
        !replayed.printed.contains("s3cret") && !replayed.printed.contains('\u{1b}'),
        "{}",
        replayed.printed
    );
}

#[test]
fn bytes_that_are_no_text_and_lines_of_megabytes_end_nothing() {
    let mut log = good(1).into_bytes();
    log.extend((0..=255).cycle().take(100_000).map(|byte: u8| byte.wrapping_mul(167)));
    log.push(b'\n');
    log.extend(vec![b'\xff'; 10_000_000]);
    log.push(b'\n');
    log.extend(b"192.0.2.7 - - [26/Nov/2026:09:00:02 +0000] \"GET /\xff\xfe\x1b[2J HTTP/1.1\" 200 17 \"-\" \"\xff\" 0.010\n");
    log.extend(good(3).into_bytes());
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, r#"{ "rate_limit": "1 per day" }"#, &[&log], &[]);
    assert_eq!(replayed.requests.len(), 3);
    replayed.says("cannot be read");
    replayed.says("/\u{fffd}\u{fffd}\\u{1b}[2J");
    assert!(!replayed.printed.contains('\u{1b}'));
}

#[test]
fn one_line_of_the_year_9999_ends_no_window_and_times_that_go_back_are_left_out() {
    let mut log = good(1);
    log += &line("31/Dec/9999:23:59:59", "GET /a HTTP/1.1", "0.010");
    log += &good(2);
    log += &line("01/Jan/1970:00:00:00", "GET /a HTTP/1.1", "0.010");
    log += &good(3);
    log += &good(1);
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, SITE, &[&log], &[]);
    replayed.says("2 requests left out");
    // All within one day: the third and the fourth are refused.
    assert_eq!((replayed.requests.len(), replayed.refused().len()), (4, 2));
}

#[test]
fn a_request_of_days_is_charged_whole_and_holds_nobody_up() {
    let mut log = good(1);
    for minute in 1..10 {
        log += &line(&format!("26/Nov/2026:09:{minute:02}:00"), "GET /a HTTP/1.1", "0.010");
    }
    log += &line("26/Nov/2026:09:10:00", "GET /long HTTP/1.1", "259200.000");
    log += &line("26/Nov/2026:09:11:30", "GET /a HTTP/1.1", "0.010");
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, r#"{ "rate_limit": "600s per day" }"#, &[&log], &[]);
    replayed.says("1 request ran for more than a minute and began later here than then");
    replayed.says("259,200 s");
    assert_eq!(replayed.refused(), [(12, "site".to_owned())]);
}

#[test]
fn a_log_that_nobody_knows_is_refused_with_a_hint_and_an_empty_one_is_empty() {
    let (scratch, log) = with_log("what?secret=1 is\nthis\n");
    let site = scratch.write("site.json", SITE);
    let output = timebudget(["replay", "--site"]).arg(&site).arg(&log).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("no known format reads any of its first 2 lines; tell it by --format: what?… is"),
        "{said}"
    );
    std::fs::write(&log, "").unwrap();
    let replayed = Replayed::of(&scratch, SITE, &[&log], &["--suggest"]);
    replayed.says("no requests");
}

/// The most memory that a process had, in kilobytes.
#[cfg(target_os = "linux")]
fn peak_of_replay(scratch: &Scratch, log: &std::path::Path) -> u64 {
    let site = scratch.write("site.json", r#"{ "rate_limit": "1 per day; 600s per hour" }"#);
    let mut child = timebudget(["replay", "--suggest", "--site"])
        .arg(site)
        .arg(log)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Three hundred thousand clients, each with a path, a host's worth of digits and letters of its own, none of which ends: all run for a day.
#[test]
#[cfg(target_os = "linux")]
fn clients_and_paths_without_number_that_all_run_at_once_take_bounded_memory() {
    let scratch = Scratch::new();
    let log = scratch.path("access.log");
    let mut file = BufWriter::new(std::fs::File::create(&log).unwrap());
    let mut text = String::new();
    for client in 0..300_000_u32 {
        text.clear();
        let [a, b, c, d] = client.wrapping_mul(0x9e37_79b1).to_be_bytes();
        let second = client / 5_000;
        let _ = writeln!(
            text,
            "{a}.{b}.{c}.{d} - - [26/Nov/2026:09:00:{second:02} +0000] \"GET /{client:x}z/{client} HTTP/1.1\" 200 17 \"-\" \"-\" 86400.000"
        );
        file.write_all(text.as_bytes()).unwrap();
    }
    file.flush().unwrap();
    let peak = peak_of_replay(&scratch, &log);
    assert!(peak < 700_000, "{peak} kB");
}
