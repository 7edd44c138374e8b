//! Clocks that are put back amid a log: nothing runs backwards, and each window has what belongs to it.

use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset, TimeDelta};

use super::{Replayed, with_log};

/// A day of 25 hours, on which clocks showed the hour from two to three twice.
const SITE: &str = r#"{ "time_zone": "Europe/Paris",
    "rate_limit_rules": [{ "name": "hours", "key": "ip", "limits": "3 per hour" }, { "name": "day", "key": "site", "limits": "30 per day" }] }"#;

/// A request each quarter of an hour, from 2026-10-25 01:00 in Paris on, for six hours: what the clocks there show.
fn quarters() -> impl Iterator<Item = DateTime<FixedOffset>> {
    let midnight = DateTime::parse_from_rfc3339("2026-10-24T23:00:00Z").unwrap();
    (0..24).map(move |at| {
        let utc = midnight + TimeDelta::minutes(15 * at) + TimeDelta::seconds(1);
        let ahead = if at < 8 { 2 } else { 1 };
        utc.with_timezone(&FixedOffset::east_opt(ahead * 3_600).unwrap())
    })
}

/// Of each hour three are served and the fourth is refused, and all are in their order, a quarter of an hour apart.
fn is_in_order_and_in_its_windows(log: &str, more: &[&str]) {
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, SITE, &[&log], more);
    let printed = &replayed.printed;
    assert_eq!(replayed.requests.len(), 24, "{printed}");
    let expected: Vec<_> = quarters().map(|time| time.timestamp()).collect();
    let instant = |request: &serde_json::Value| {
        DateTime::parse_from_rfc3339(request["time"].as_str().unwrap()).unwrap().timestamp()
    };
    assert_eq!(replayed.requests.iter().map(instant).collect::<Vec<_>>(), expected, "{printed}");
    let fourths: Vec<_> = (1..=6).map(|hour| (4 * hour, "hours".to_owned())).collect();
    assert_eq!(replayed.refused(), fourths, "{printed}");
    assert!(!printed.contains("left out") && !printed.contains("began later"), "{printed}");
    replayed.says("24 requests from 2026-10-25 01:00:0");
    // Six hours, and one day, which has what was served.
    replayed.says("hours  3 per hour        6         6");
    let day = printed.lines().find(|line| line.contains("30 per day")).unwrap();
    let words: Vec<_> = day.split_whitespace().collect();
    assert_eq!(words[..6], ["day", "30", "per", "day", "1", "1"], "{printed}");
    assert!(day.contains("18 "), "{printed}");
}

#[test]
fn nginx_says_how_far_its_clocks_are_ahead() {
    let mut log = String::new();
    for time in quarters() {
        let time = time.format("%d/%b/%Y:%H:%M:%S %z");
        let _ = writeln!(log, "192.0.2.7 - - [{time}] \"GET /a HTTP/1.1\" 200 17 \"-\" \"me\" 0.010");
    }
    assert!(log.contains("02:45:01 +0200") && log.contains("02:00:01 +0100"));
    is_in_order_and_in_its_windows(&log, &[]);
}

#[test]
fn caddy_has_no_clocks() {
    let mut log = String::new();
    for time in quarters() {
        let (secs, request) =
            (time.timestamp(), r#""request":{"remote_ip":"192.0.2.7","method":"GET","uri":"/a"}"#);
        let _ = writeln!(log, "{{\"ts\":{secs}.5125,{request},\"duration\":0.012,\"status\":200}}");
    }
    is_in_order_and_in_its_windows(&log, &[]);
}

#[test]
fn haproxy_shows_an_hour_twice_and_does_not_say_which() {
    let mut log = String::new();
    for time in quarters() {
        let time = time.format("%d/%b/%Y:%H:%M:%S");
        let _ = writeln!(
            log,
            "lb haproxy[1]: 192.0.2.7:33317 [{time}.655] http-in web/srv1 0/0/1/10/12 200 5 - - ---- 1/1/1/1/0 0/0 \"GET /a HTTP/1.1\""
        );
    }
    is_in_order_and_in_its_windows(&log, &["--zone", "Europe/Paris"]);
}

#[test]
fn caddy_can_be_told_to_write_what_clocks_show() {
    let mut log = String::new();
    for time in quarters() {
        let time = time.format("%Y/%m/%d %H:%M:%S");
        let request = r#""request":{"remote_ip":"192.0.2.7","method":"GET","uri":"/a"}"#;
        let _ = writeln!(log, "{{\"ts\":\"{time}.512\",{request},\"duration\":\"12.5ms\",\"status\":200}}");
    }
    is_in_order_and_in_its_windows(&log, &["--zone", "Europe/Paris"]);
}
