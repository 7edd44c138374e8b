//! Heads: what the upstream is told, and what the client.

use crate::client::{Client, before, with_site};
use crate::upstream::{Upstream, ok};

/// Sends a GET with these fields and returns the upstream that has heard it.
fn heard(site: &str, args: &[&str], target: &str, fields: &str) -> Upstream {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = with_site(site, &upstream, args);
    assert_eq!(gateway.request("GET", target, fields).status, 200);
    upstream
}

const NOBODY: &str = "{}";
const LOCAL: &str = r#"{ "rate_limit_trusted_proxies": ["127.0.0.1"] }"#;

#[test]
fn host_is_kept_with_its_port() {
    let upstream = heard(NOBODY, &[], "/", "host: Shop.Example:8443\r\n");
    assert_eq!(upstream.values("host"), ["Shop.Example:8443"]);
}

#[test]
fn host_is_that_of_the_upstream_where_it_is_to_be_rewritten() {
    let upstream = heard(NOBODY, &["--host", "rewrite"], "/", "host: shop.example\r\n");
    assert_eq!(upstream.values("host"), [upstream.address.to_string()]);
    assert_eq!(upstream.values("x-forwarded-host"), ["shop.example"]);
}

#[test]
fn the_host_of_an_absolute_target_wins() {
    let upstream = heard(NOBODY, &[], "http://one.example:81/a?b", "host: two.example\r\n");
    assert!(upstream.head().starts_with("GET /a?b HTTP/1.1\r\n"), "{}", upstream.head());
    assert_eq!(upstream.values("host"), ["one.example:81"]);
}

#[test]
fn the_path_is_passed_on_byte_for_byte() {
    for target in
        ["//a//b.../c/.d", "/a%2Fb%2f%c3%a9", "/%00%zz", "/a?b=%20+&&=#", "/;x=y,z", "/?", "/%2e%2e%2e/"]
    {
        let upstream = heard(NOBODY, &[], target, "host: a\r\n");
        let expected = target.split('#').next().unwrap();
        assert!(upstream.head().starts_with(&format!("GET {expected} HTTP/1.1\r\n")), "{}", upstream.head());
    }
}

#[test]
fn what_is_about_the_connection_goes_no_further() {
    let fields = "host: a\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X\r\n\
                  X-One: 1\r\nx-two: 2\r\nX-Three: 3\r\nConnection: X-One, x-TWO\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n";
    let upstream = heard(NOBODY, &[], "/", fields);
    for name in
        ["keep-alive", "proxy-connection", "te", "trailer", "x-one", "x-two", "upgrade", "http2-settings"]
    {
        assert_eq!(upstream.values(name), [""; 0], "{name}");
    }
    assert_eq!(upstream.values("x-three"), ["3"]);
}

#[test]
fn connection_cannot_take_away_whom_the_upstream_has_to_know() {
    let fields =
        "host: a\r\nConnection: Host, X-Forwarded-For, X-Forwarded-Proto, Forwarded, Content-Length\r\n";
    let upstream = heard(NOBODY, &[], "/", fields);
    for name in ["host", "x-forwarded-for", "x-forwarded-proto", "forwarded"] {
        assert_eq!(upstream.values(name).len(), 1, "{name}");
    }
}

#[test]
fn what_a_stranger_claims_of_others_is_dropped() {
    let fields = "host: a\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 5.6.7.8\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: evil\r\nForwarded: for=1.2.3.4\r\nX-RateLimit-Time-Left: 5\r\n";
    let upstream = heard(NOBODY, &[], "/", fields);
    assert_eq!(upstream.values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(upstream.values("x-forwarded-proto"), ["http"]);
    assert_eq!(upstream.values("x-forwarded-host"), ["a"]);
    assert_eq!(upstream.values("forwarded"), ["for=127.0.0.1;host=\"a\";proto=http"]);
    assert_eq!(upstream.values("x-ratelimit-time-left"), [""; 0]);
}

#[test]
fn what_a_trusted_proxy_says_is_passed_on_with_its_own_address() {
    let fields = "host: a\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 5.6.7.8\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: shop\r\nForwarded: for=1.2.3.4\r\n";
    let upstream = heard(LOCAL, &[], "/", fields);
    assert_eq!(upstream.values("x-forwarded-for"), ["1.2.3.4, 5.6.7.8, 127.0.0.1"]);
    assert_eq!(upstream.values("x-forwarded-proto"), ["https"]);
    assert_eq!(upstream.values("x-forwarded-host"), ["shop"]);
    assert_eq!(upstream.values("forwarded"), ["for=1.2.3.4, for=127.0.0.1;host=\"a\";proto=http"]);
}

#[test]
fn a_request_has_a_name() {
    let upstream = heard(NOBODY, &[], "/", "host: a\r\nX-Request-Id: abc-123\r\ntraceparent: 00-1-2-01\r\n");
    assert_eq!(upstream.values("x-request-id"), ["abc-123"]);
    assert_eq!(upstream.values("traceparent"), ["00-1-2-01"]);
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    for fields in ["host: a\r\n", "host: a\r\n", "host: a\r\nX-Request-Id: two words\r\n"] {
        gateway.request("GET", "/", fields);
    }
    let mut names: Vec<_> =
        upstream.heads().iter().map(|head| crate::upstream::values(head, "x-request-id")).collect();
    assert!(names.iter().all(|name| name.len() == 1 && name[0].len() == 32), "{names:?}");
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn a_request_that_expects_to_go_on_is_told_so_by_the_gateway() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.bytes(5);
        connection.answer("hello");
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 100"));
    client.send("hello");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert_eq!(upstream.values("expect"), [""; 0]);
}

#[test]
fn several_fields_of_one_name_stay_several() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\n\r\n";
    let upstream = Upstream::answering(answer);
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: 2\r\n\r\n");
    let head = client.head();
    assert_eq!(crate::upstream::values(&head, "set-cookie"), ["a=1", "b=2", "c=3"]);
    assert_eq!(upstream.values("x-a"), ["1", "2"]);
}

#[test]
fn an_answers_own_connection_goes_no_further() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive, X-Inner\r\nKeep-Alive: timeout=5\r\n\
                  X-Inner: 1\r\nX-Outer: 2\r\nX-RateLimit-Charge: 5s\r\nX-RateLimit-Waive: 1\r\n\r\nhello";
    let gateway = before(&Upstream::answering(answer), &[]);
    let mut client = Client::new(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    for name in ["keep-alive", "x-inner", "x-ratelimit-charge", "x-ratelimit-waive"] {
        assert_eq!(crate::upstream::values(&head, name), [""; 0], "{name}");
    }
    assert_eq!(crate::upstream::values(&head, "x-outer"), ["2"]);
}

#[test]
fn a_client_of_http_1_0_is_sent_no_chunks() {
    let upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET / HTTP/1.0\r\n\r\n");
    let (answer, _) = client.rest();
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert_eq!(upstream.values("host"), [upstream.address.to_string()]);
}

#[test]
fn bytes_beyond_ascii_are_passed_on_in_values() {
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Name: josé\r\n\r\n");
    let gateway = before(&upstream, &[]);
    let answer = gateway.request("GET", "/", "host: a\r\nX-Name: josé\r\n");
    assert_eq!(answer.header("x-name"), Some("josé"));
    assert_eq!(upstream.values("x-name"), ["josé"]);
}

#[test]
fn where_nobody_asks_for_traces_the_fields_of_a_trace_pass_untouched() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let fields = format!("host: a\r\ntraceparent: {parent}\r\ntracestate: a=1\r\ntracestate: b=2\r\n");
    let upstream = heard(NOBODY, &[], "/", &fields);
    assert_eq!(upstream.values("traceparent"), [parent]);
    assert_eq!(upstream.values("tracestate"), ["a=1", "b=2"]);
}

#[test]
fn a_body_that_is_said_to_be_empty_is_said_to_be_empty_to_the_upstream() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    assert_eq!(gateway.request("POST", "/", "host: a\r\ncontent-length: 0\r\n").status, 200);
    assert_eq!(upstream.values("content-length"), ["0"]);
    assert_eq!(upstream.values("transfer-encoding"), [""; 0]);
}

/// A client that is told no length waits for the connection to end.
#[test]
fn an_answer_that_resets_a_page_says_that_it_is_empty() {
    for field in ["Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"] {
        let rest = if field.starts_with('T') { "0\r\n\r\n" } else { "" };
        let upstream = Upstream::answering(&format!("HTTP/1.1 205 Reset Content\r\n{field}\r\n{rest}"));
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let head = client.head().to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 205") && head.contains("content-length: 0\r\n"), "{head}");
        }
    }
}

#[test]
fn a_name_of_a_request_is_kept_up_to_128_letters_with_an_access_log_and_without() {
    for args in [&[][..], &["--access-log", "-"]] {
        for (letters, is_kept) in [(128, true), (129, false)] {
            let name = "x".repeat(letters);
            let upstream = heard(NOBODY, args, "/", &format!("host: a\r\nX-Request-Id: {name}\r\n"));
            assert_eq!(upstream.values("x-request-id") == [name], is_kept, "{letters} {args:?}");
        }
    }
}

/// As the page says.
#[test]
fn a_request_has_at_most_96_fields_and_an_answer_100() {
    let fields = |count: usize| (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    let upstream = Upstream::new(move |connection| {
        while let Some(head) = connection.head() {
            let count = head.split(['/', ' ']).find_map(|word| word.parse().ok()).unwrap_or(0);
            connection.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", fields(count)));
        }
    });
    let gateway = before(&upstream, &[]);
    // Beside Host and Connection, and beside Content-Length.
    for (asked, answered, status) in [(94, 0, 200), (95, 0, 431), (0, 99, 200), (0, 100, 502)] {
        let sent = format!(
            "host: a\r\n{}",
            (0..asked).map(|number| format!("X-{number}: y\r\n")).collect::<String>()
        );
        let answer = gateway.request("GET", &format!("/{answered}"), &sent);
        assert_eq!(answer.status, status, "{asked} and {answered}");
    }
}
