//! Requests of which two servers could think differently where they end or whom they ask: 400, and nothing is passed on.

use std::io::{Read as _, Write as _};

use crate::client::{before, with_site};
use crate::upstream::{Upstream, ok};

/// What follows must not be taken for a request of its own.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Heads, each with what is behind it.
const TRICKS: &[(&str, &str)] = &[
    ("both lengths, length first", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
    ("both lengths, chunks first", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG"),
    ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("one length twice", "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("a list of lengths", "Content-Length: 5, 5\r\n\r\nhello"),
    ("a plus", "Content-Length: +5\r\n\r\nhello"),
    ("a minus", "Content-Length: -5\r\n\r\nhello"),
    ("hexadecimal", "Content-Length: 0x5\r\n\r\nhello"),
    ("a fraction", "Content-Length: 5.0\r\n\r\nhello"),
    ("no number", "Content-Length: five\r\n\r\nhello"),
    ("nothing", "Content-Length:\r\n\r\nhello"),
    ("digits with a space", "Content-Length: 1 1\r\n\r\nhello"),
    ("an underscore", "Content-Length: 1_0\r\n\r\nhellohello"),
    ("too large a number", "Content-Length: 18446744073709551616\r\n\r\nhello"),
    ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "chunked and then identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    ("identity", "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    ("identity with a length", "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"),
    ("gzip and chunked", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked twice in a list", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked in a list", "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked and cow", "Transfer-Encoding: chunked, cow\r\n\r\n0\r\n\r\n"),
    ("chunked with x", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunked in quotes", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("chunked with a parameter", "Transfer-Encoding: chunked;x=y\r\n\r\n0\r\n\r\n"),
    ("no coding", "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    ("a space before the colon", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("a tab before the colon", "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    ("a space before the colon of a length", "Content-Length : 5\r\n\r\nhello"),
    ("a vertical tab", "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("a form feed", "Transfer-Encoding: \x0cchunked\r\n\r\n0\r\n\r\n"),
    ("a null", "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n"),
    ("a folded line", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("a folded length", "X: y\r\n Content-Length: 5\r\n\r\nhello"),
    ("a line without a colon", "Transfer-Encoding\r\n\r\n0\r\n\r\n"),
    ("a name with a null", "Content\0-Length: 5\r\n\r\nhello"),
    ("a name in parentheses", "(Content-Length): 5\r\n\r\nhello"),
    ("a carriage return in a value", "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (
        "an upgrade with a length",
        "Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nhello",
    ),
    ("a second host", "Host: b\r\n\r\n"),
    ("the same host twice", "Host: a\r\n\r\n"),
];

/// All that comes back for these bytes.
fn answers(gateway: &crate::running::Running, bytes: &[u8]) -> String {
    let mut connection = gateway.connect();
    let _ = connection.write_all(bytes);
    let mut all = Vec::new();
    let _ = connection.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

/// What comes back for bytes that are no request: 400.
fn refused(gateway: &crate::running::Running, bytes: &str) -> String {
    let answer = answers(gateway, bytes.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400"), "{bytes:?}: {answer}");
    answer
}

#[test]
fn a_request_that_could_end_elsewhere_is_refused_and_nothing_is_passed_on() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    for (what, rest) in TRICKS {
        let answer = refused(&gateway, &format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}{SMUGGLED}"));
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
    assert_eq!(upstream.heads(), [""; 0]);
}

#[test]
fn a_first_line_that_is_none_is_refused() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let answer = answers(&gateway, format!("{request}{SMUGGLED}").as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"),
            "{request:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{request:?}: {answer}");
    }
    assert_eq!(upstream.heads(), [""; 0]);
}

#[test]
fn a_host_that_is_none_and_an_upgrade_with_a_body_are_refused() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    for fields in [
        "Host:",
        "Host: a b",
        "Host: a/b",
        "Host: me@a",
        "Host: a, b",
        "Host: a?b",
        "Host: a#b",
        "Host: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n0",
    ] {
        refused(&gateway, &format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n"));
    }
    assert_eq!(upstream.heads(), [""; 0]);
}

#[test]
fn a_chunk_that_is_none_never_ends_a_body() {
    for chunks in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5hello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhello0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
    ] {
        let (told, ended) = std::sync::mpsc::channel();
        let told = std::sync::Mutex::new(told);
        let upstream = Upstream::new(move |connection| {
            connection.head();
            let body = connection.rest();
            let _ = told.lock().unwrap().send(body);
        });
        let gateway = before(&upstream, &[]);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = answers(&gateway, format!("{head}{chunks}{SMUGGLED}").as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
        // The head may have been passed on before the chunks were looked at, but no end of the body.
        if upstream.connections() > 0 {
            let body = ended.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
            assert!(!body.contains("0\r\n\r\n") && !body.contains("smuggled"), "{chunks:?}: {body:?}");
        }
    }
}

#[test]
fn a_connect_is_refused() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    let answer = answers(&gateway, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert_eq!(upstream.heads(), [""; 0]);
}

/// Spellings of `/secret` that a server resolves which looks at paths as file systems do.
const OTHER_WAYS: &[&str] = &[
    "/open/../secret",
    "/./secret",
    "/%2e/secret",
    "/open/%2e%2e/secret",
    "/open/.%2E/secret",
    "/open%2f..%2fsecret",
    "/open\\..\\secret",
    "/open/..%5csecret",
    "/open/..;/secret",
    "/open/..?q=1",
    "http://a/open/../secret",
];

#[test]
fn a_path_with_dot_segments_passes_no_rule_by_for_it_is_not_passed_on() {
    let upstream = Upstream::answering(&ok("hello"));
    let site = r#"{ "rate_limit": "1 per year", "rate_limit_exempt": { "path": { "prefix": "/open" } } }"#;
    let gateway = with_site(site, &upstream, &[]);
    assert_eq!(gateway.get("/secret").status, 200);
    assert_eq!(gateway.get("/secret").status, 429);
    for path in OTHER_WAYS {
        let answer = answers(
            &gateway,
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(
            ["HTTP/1.1 400", "HTTP/1.1 429"].iter().any(|refused| answer.starts_with(refused)),
            "{path}: {answer}"
        );
    }
    let answer = answers(&gateway, b"GET /open/../secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("expected a path in which they are resolved"), "{answer}");
    assert_eq!(upstream.heads().len(), 1);
    for path in ["/open/a..b", "/open/.well-known", "/open/x?y=/../z", "/open/..."] {
        assert_eq!(gateway.get(path).status, 200, "{path}");
    }
}

/// The server had read ahead, and passed on what stood behind a head that was refused.
#[test]
fn nothing_is_passed_on_that_comes_behind_a_request_which_was_refused_as_malformed() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    for head in [
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
    ] {
        let answer = refused(&gateway, &format!("{head}{SMUGGLED}{SMUGGLED}"));
        assert!(!answer.contains("HTTP/1.1 200"), "{head:?}: {answer}");
    }
    assert_eq!(upstream.heads(), [""; 0]);
}

/// RFC 9112, section 9.6: no request is served on a connection after one that was to be its last.
#[test]
fn nothing_is_passed_on_that_comes_behind_a_request_which_was_to_be_the_last() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    let last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer =
        answers(&gateway, format!("GET /first HTTP/1.1\r\nHost: a\r\n\r\n{last}{SMUGGLED}").as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert!(upstream.heads().iter().all(|head| !head.contains("smuggled")), "{:?}", upstream.heads());
    assert_eq!(upstream.heads().len(), 2);
}

/// What is left of a chunked body is read and forgotten, and the next request was served.
#[test]
fn nothing_is_passed_on_that_comes_behind_a_body_which_is_too_large() {
    let upstream = Upstream::new(|connection| {
        while connection.head().is_some() {
            connection.wait_for_end();
        }
    });
    let gateway = before(&upstream, &["--max-body", "3"]);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = answers(&gateway, format!("{head}5\r\nhello\r\n0\r\n\r\n{SMUGGLED}").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(upstream.heads().iter().all(|head| !head.contains("smuggled")), "{:?}", upstream.heads());
}
