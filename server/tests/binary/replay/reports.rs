//! Lines at which other readers of logs have failed, as people have reported them in public; each is replayed here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::{Replayed, with_log};
use crate::running::timebudget;
use crate::scratch::Scratch;

const SITE: &str = r#"{ "rate_limit_rules": [{ "name": "client", "key": "ip", "limits": "2 per day" }] }"#;

/// Replays a log by a format or by the one that is found, and says what became of its requests: lines, clients and paths.
fn replayed(log: impl AsRef<[u8]>, more: &[&str]) -> (Replayed, Vec<(u64, String, String)>) {
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, SITE, &[&log], more);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("nobody").to_owned();
    let of = |request: &serde_json::Value| {
        (request["line"].as_u64().unwrap(), text(&request["client"]), text(&request["path"]))
    };
    let requests = replayed.requests.iter().map(of).collect();
    (replayed, requests)
}

fn lines_of(requests: &[(u64, String, String)]) -> Vec<u64> {
    let mut lines: Vec<_> = requests.iter().map(|(line, ..)| *line).collect();
    lines.sort_unstable();
    lines
}

fn of_nginx(second: u32, request: &str, behind: &str) -> String {
    format!(
        "192.0.2.7 - - [26/Nov/2026:09:00:{second:02} +0000] \"{request}\" 200 17 \"-\" \"me\" {behind}\n"
    )
}

/// traefik/traefik#6481, traefik/traefik#2649: what is absent has quotation marks, or none. traefik/traefik#11722: those of a client are
/// not escaped.
#[test]
fn traefik_writes_dashes_without_quotation_marks_and_those_of_clients_as_they_are() {
    let log = r#"192.0.2.7 - - [13/Mar/2020:18:49:07 +0000] "GET /ping HTTP/1.1" 200 2 "-" "-" 1 "ping@internal" - 0ms
192.0.2.8 - - [13/Mar/2020:18:49:08 +0000] "GET /a HTTP/1.1" 200 24829 - "curl/7.55.1" 5 "HostRegexp-domain-8" "http://10.0.0.5:80" 3ms
192.0.2.9 - - [13/Mar/2020:18:49:09 +0000] "GET /b HTTP/1.1" 404 19 - - 6 - - 0ms
2001:db8::7 - ann [13/Mar/2020:18:49:10 +0000] "GET /c HTTP/2.0" 200 659 "-" "foo " bar" 116 "example@file" "http://127.0.0.1:3001" 1ms
192.0.2.10 - - [13/Mar/2020:18:49:11 +0000] "GET /d HTTP/2.0" 200 659 "x " y" "foo - bar" 117 "example@file" "http://127.0.0.1:3001" 1ms
"#;
    let (replayed, requests) = replayed(log, &[]);
    replayed.says("Traefik, common");
    assert_eq!(lines_of(&requests), [1, 2, 3, 4, 5], "{}", replayed.printed);
    let paths: Vec<_> = requests.iter().map(|(.., path)| &path[..]).collect();
    assert_eq!(paths, ["/ping", "/a", "/b", "/c", "/d"]);
}

/// elastic/beats#30697, martin-helmich/prometheus-nginxlog-exporter#217 and #274: several upstreams, of which one has not answered.
#[test]
fn of_several_upstreams_one_has_not_answered() {
    let behind = |times: &str| {
        format!(
            "348 0.300 [default-web2-8080] [] 172.17.0.6:8080, 172.17.0.7:8080 61, - {times} 200, - 835136ae"
        )
    };
    let log = of_nginx(1, "GET /a HTTP/1.1", &behind("0.100, -"))
        + &of_nginx(2, "GET /b HTTP/1.1", &behind("-, 0.100"))
        + &of_nginx(3, "GET /c HTTP/1.1", &behind("0.050, 0.050 : 0.100"))
        + &of_nginx(4, "GET /d HTTP/1.1", &behind("-, -"));
    let (replayed, requests) = replayed(log, &[]);
    replayed.says("ingress-nginx");
    assert_eq!(lines_of(&requests), [1, 2, 3, 4], "{}", replayed.printed);
    // 100 + 100 + 200 of upstreams, and the whole 300 where none has answered.
    replayed.says("700.0 ms of the upstream's time");
}

/// kassner/log-parser#49 and many others: what asks for nothing, or in another protocol. None of it ends the replay, and none is a request.
#[test]
fn what_speaks_another_protocol_is_no_request() {
    let strange = [
        r"\x03\x00\x00/*\xE0\x00\x00\x00\x00\x00Cookie: mstshash=Administr",
        r"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03",
        r"SSH-2.0-Go",
        "",
        "-",
        r"\x00",
        "t3 12.1.2",
        "PRI * HTTP/2.0",
    ];
    let mut log = of_nginx(1, "GET /a HTTP/1.1", "0.010");
    for (at, request) in (2..).zip(strange) {
        let line = of_nginx(at, request, "0.000")
            .replace(" 200 17 ", if at % 2 == 0 { " 400 0 " } else { " 000 0 " });
        log += &line;
    }
    // Clients who went away, by their status.
    log += &of_nginx(20, "GET /b HTTP/1.1", "60.000").replace(" 200 ", " 499 ");
    log += &of_nginx(21, "GET /c HTTP/1.1", "0.000").replace(" 200 ", " 000 ");
    let (replayed, requests) = replayed(log, &[]);
    assert_eq!(requests.iter().filter(|(.., path)| path.starts_with('/')).count(), 3, "{requests:?}");
    replayed.says("cannot be read");
}

/// allinurl/goaccess#2326 and #1621: what proxies have told, with commas and without quotation marks.
#[test]
fn addresses_that_proxies_have_told_are_one_value() {
    let format = r#"%{X-Forwarded-For}i %h %l %u %t %D "%r"  %>s %b"#;
    let log = "198.51.100.7, 172.19.1.10, 10.0.0.81 10.0.0.1 - - [23/May/2022:10:15:17 +0200] 18598 \"GET /a HTTP/1.1\"  200 18468\n\
        198.51.100.7 10.0.0.1 - - [23/May/2022:10:15:18 +0200] 22010 \"GET /b HTTP/1.1\"  200 2\n\
        - 10.0.0.1 - - [23/May/2022:10:15:19 +0200] 1 \"GET /c HTTP/1.1\"  200 2\n";
    let (scratch, log) = with_log(log);
    let site = r#"{ "rate_limit_trusted_proxies": ["10.0.0.0/8", "172.16.0.0/12"],
        "rate_limit_rules": [{ "name": "client", "key": "ip", "limits": "1 per day" }] }"#;
    let replayed = Replayed::of(&scratch, site, &[&log], &["--format", format]);
    assert_eq!(replayed.requests.len(), 3, "{}", replayed.printed);
    assert_eq!(replayed.refused(), [(2, "client".to_owned())], "{}", replayed.printed);
    assert_eq!(replayed.requests[0]["client"], "198.51.100.7");
}

/// allinurl/goaccess#720: names in the place of addresses.
#[test]
fn names_in_the_place_of_addresses_are_told_of() {
    let log = of_nginx(1, "GET /a HTTP/1.1", "0.010").replace("192.0.2.7", "ns528252.ip-158-69-241.net");
    let (replayed, requests) = replayed(log, &[]);
    assert_eq!(requests, [(1, "nobody".to_owned(), "/a".to_owned())]);
    replayed.says("warning: 1 request without a client's address, as where a log has names in its place");
}

/// matomo-org/matomo#7228: two spaces where others write one. They are no user's name.
#[test]
fn jetty_writes_two_spaces() {
    let log = "192.0.2.7 -  -  [16/Feb/2015:10:43:45 +0000] \"GET /jobs.jsp HTTP/1.1\" 200 0 \"-\" \"Mozilla/5.0\"\n";
    let (scratch, log) = with_log(log);
    let site = r#"{ "rate_limit_trusted_proxies": ["10.0.0.0/8"], "rate_limit_identity": { "user": "X-User" },
        "rate_limit_rules": [{ "name": "users", "key": "user", "missing": "skip", "limits": "0 per day" }] }"#;
    let replayed = Replayed::of(&scratch, site, &[&log], &["--suggest"]);
    assert_eq!((replayed.requests.len(), replayed.refused().len()), (1, 0), "{}", replayed.printed);
}

/// fluent/fluent-bit#3976, elastic/beats#1349: files that were written, or copied, by Windows.
#[test]
fn what_windows_puts_before_a_log_hides_no_request() {
    let log = format!("\u{feff}{}", of_nginx(1, "GET /a HTTP/1.1", "0.010").replace('\n', "\r\n"));
    let (_, requests) = replayed(&log, &[]);
    assert_eq!(lines_of(&requests), [1]);
    let wide: Vec<u8> = log.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (scratch, log) = with_log(wide);
    let site = scratch.write("site.json", SITE);
    let output = timebudget(["replay", "--site"]).arg(&site).arg(&log).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("is UTF-16") && said.contains("iconv -f UTF-16"),
        "{said}"
    );
}

/// A log that is cut while its server writes on (`copytruncate`) has a gap, which the file system fills with zeros, and half a line.
#[test]
fn the_gap_that_a_rotation_leaves_hides_no_request() {
    for gap in [100, 300_000] {
        let mut log = of_nginx(1, "GET /a HTTP/1.1", "0.010").into_bytes();
        log.extend(b"T /half HTTP/1.1\" 200 17 \"-\" \"me\" 0.010\n");
        log.extend(vec![0; gap]);
        log.extend(of_nginx(3, "GET /b HTTP/1.1", "0.010").into_bytes());
        let last = of_nginx(4, "GET /c HTTP/1.1", "0.010");
        log.extend(&last.as_bytes()[..last.len() / 2]);
        let (replayed, requests) = replayed(log, &[]);
        assert_eq!(lines_of(&requests), [1, 3], "{}", replayed.printed);
        assert_eq!(requests[1].1, "192.0.2.7");
        replayed.says("2 lines cannot be read");
    }
}

/// keymetrics/pm2-logrotate#75: what is compressed has no end, or something behind it. What was read before is replayed.
#[test]
fn of_a_compressed_log_without_its_end_the_rest_is_replayed() {
    let text: String =
        (0..5_000).map(|at| of_nginx(at / 100, &format!("GET /{at} HTTP/1.1"), "0.010")).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    let (cut, _) = replayed(&whole[..whole.len() / 2], &[]);
    assert!((1_000..4_900).contains(&cut.requests.len()), "{}", cut.requests.len());
    cut.says("access.log: what is compressed is damaged behind line ");
    let (longer, _) = replayed([&whole[..], b"not compressed\n"].concat(), &[]);
    assert_eq!(longer.requests.len(), 5_000);
    longer.says("warning: ");
}

/// matomo-org/matomo#6393: a log that begins with thousands of checks of a load balancer, which connect and ask for nothing.
#[test]
fn a_night_of_checks_before_the_first_request_hides_no_format() {
    let mut log = String::new();
    for at in 0..3_000 {
        log += &of_nginx(at / 60 % 60, "-", "0.000").replace(" 200 17 ", " 408 0 ");
    }
    log += &of_nginx(59, "GET /a HTTP/1.1", "0.010");
    let (replayed, requests) = replayed(log, &[]);
    replayed.says("combined and $request_time");
    assert_eq!(lines_of(&requests), [3_001]);
    replayed.says("3,000 lines cannot be read");
}

/// tstack/lnav#1034 and #1672: zones that change from line to line, and lines that are a second late.
#[test]
fn lines_of_several_zones_are_in_the_order_of_their_instants() {
    let log = "192.0.2.7 2022-08-27T14:22:01Z \"GET /a HTTP/1.1\" 0.001\n\
        192.0.2.7 2022-08-27T17:22:02+03:00 \"GET /b HTTP/1.1\" 0.001\n\
        192.0.2.7 2022-08-27T14:22:04Z \"GET /d HTTP/1.1\" 0.001\n\
        192.0.2.7 2022-08-27T07:22:03-07:00 \"GET /c HTTP/1.1\" 0.001\n";
    let (replayed, requests) =
        replayed(log, &["--format", r#"$remote_addr $time_iso8601 "$request" $request_time"#]);
    let paths: String = requests.iter().map(|(.., path)| &path[..]).collect();
    assert_eq!(paths, "/a/b/c/d", "{}", replayed.printed);
    assert_eq!(replayed.refused().iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4]);
}

/// allinurl/goaccess#2389, #2297, #214, #1116 and netdata/netdata#5238, xavier-hernandez/goaccess-for-nginxproxymanager#134: formats that people write
/// themselves, given as they stand in their servers' files.
#[test]
fn formats_of_ones_own_are_read_when_they_are_told() {
    let cases = [
        (
            r#"$remote_addr - $remote_user [$time_local] "$request" to: $upstream_addr $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" "$host" upstream_response_time $upstream_response_time msec $msec request_time $request_time"#,
            r#"10.0.3.154 - - [05/Oct/2022:03:35:39 +0700] "POST /a HTTP/2.0" to: 192.168.200.146:80 422 35 "-" "oxttp/4.5.0" "-" "api.domain.com" upstream_response_time 0.026 msec 1664915739.787 request_time 0.026"#,
        ),
        (
            "[$time_local] $remote_addr - $host  $http_user_agent- - $request $status",
            "[08/Apr/2022:00:02:01 +0000] 157.55.39.58 - site.com  Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)- - GET /a HTTP/1.1 301",
        ),
        (
            r#"[$time_local] - $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer""#,
            r#"[15/Feb/2023:18:41:26 +0000] - 200 200 - GET https sub.example "/a" [Client 192.0.2.7] [Length 95] [Gzip -] [Sent-to 10.0.0.2] "Mozilla/5.0" "-""#,
        ),
        (
            r#"%h - [%{c}n] - %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %{d}n [%{upstream}n] %{a}n %{l}n %{t}n %{s}n"#,
            r#"103.3.43.3 - [103.3.43.3] - - [16/May/2018:08:34:01 +0000] "GET /a HTTP/2.0" 200 8319 "-" "Mozilla/5.0 (Windows NT 10.0)" 563 0.102 [sticky-8080] 100.96.4.34:8080 39615 0.102 200"#,
        ),
        (
            r#"$remote_addr - - [$time_local] "$request" $status $body_bytes_sent $request_length $request_time $upstream_response_time "-" "-""#,
            r#"10.1.2.3 - - [21/Jan/2019:08:59:55 +0100] "POST /a HTTP/1.1" 200 242 223 0.024 0.000, 0.001 "-" "-""#,
        ),
    ];
    for (format, line) in cases {
        let (replayed, requests) = replayed(format!("{line}\n"), &["--format", format]);
        assert_eq!(requests.len(), 1, "{line}\n{}", replayed.printed);
        assert_eq!(requests[0].2, "/a", "{line}");
        assert_ne!(requests[0].1, "nobody", "{line}");
    }
}

/// A log that begins with its newest line, as consoles in the web export it: that it has to be turned round is told, and nothing ends.
#[test]
fn a_log_in_reverse_says_how_it_is_to_be_read() {
    let log: String = (0..50)
        .rev()
        .map(|at| {
            let time = format!("26/Nov/2026:09:{at:02}:01");
            format!("192.0.2.7 - - [{time} +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"me\" 0.010\n")
        })
        .collect();
    let (replayed, requests) = replayed(log, &[]);
    assert!(requests.len() < 50);
    replayed.says("requests left out");
    replayed.says("one that begins with its newest line by tac");
}

/// A day in November and one in the next century: a line of the future is left out, also where it is the last.
#[test]
fn a_line_of_the_future_moves_no_window() {
    let mut log = of_nginx(1, "GET /a HTTP/1.1", "0.010");
    log += &of_nginx(2, "GET /future HTTP/1.1", "0.010").replace("2026", "2126");
    log += &of_nginx(2, "GET /b HTTP/1.1", "0.010");
    log += &of_nginx(3, "GET /c HTTP/1.1", "0.010");
    let (replayed, requests) = replayed(log, &[]);
    assert_eq!(lines_of(&requests), [1, 3, 4], "{}", replayed.printed);
    assert_eq!(replayed.refused(), [(4, "client".to_owned())]);
}

/// Two logs that were joined by `cat`, one behind the other: those of the second that are too early are told of. As two logs all are read.
#[test]
fn two_logs_behind_each_other_are_told_of_and_read_when_they_are_given_one_by_one() {
    let minute = |client: u32, minute: u32| {
        let mut line = String::new();
        let _ = writeln!(
            line,
            "192.0.2.{client} - - [26/Nov/2026:09:{minute:02}:01 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"me\" 0.010"
        );
        line
    };
    let of = |client: u32| (0..20).map(|at| minute(client, at)).collect::<String>();
    let (joined, requests) = replayed(of(7) + &of(8), &[]);
    joined.says("give logs one by one");
    assert!(requests.len() < 40);
    let scratch = Scratch::new();
    let logs = [scratch.write("one.log", &of(7)), scratch.write("two.log", &of(8))];
    let logs: Vec<&Path> = logs.iter().map(|log| &**log).collect();
    let apart = Replayed::of(&scratch, SITE, &logs, &[]);
    assert_eq!(apart.requests.len(), 40);
    assert_eq!(apart.refused().len(), 36);
}
