//! HTTP/2, which is passed on as HTTP/1.1: there, a value may hold what is the end of a line here.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use super::Garden;
use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, frame, greeting};

/// Fields as literals that are not indexed (RFC 7541, section 6.2.2).
fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Sends a request on a connection of its own, and waits until nothing comes any more.
fn send(garden: &Garden, fields: &[(&str, &str)], body: &[u8]) {
    let mut connection = garden.gateway.connect();
    connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut bytes = greeting();
    bytes.extend(frame(
        HEADERS,
        END_HEADERS | if body.is_empty() { END_STREAM } else { 0 },
        1,
        &literals(fields),
    ));
    if !body.is_empty() {
        bytes.extend(frame(DATA, END_STREAM, 1, body));
    }
    connection.write_all(&bytes).unwrap();
    let mut some = [0; 4096];
    while connection.read(&mut some).is_ok_and(|count| count > 0) {}
}

const USUAL: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/x")];

/// The usual fields but for those that others take the place of, and then the others as they come.
fn with<'a>(others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = USUAL.iter().filter(|(name, _)| !others.iter().any(|(other, _)| other == name));
    usual.chain(others).copied().collect()
}

#[test]
fn what_would_be_another_field_or_request_in_http_1_is_never_passed_on() {
    let garden = Garden::start();
    let smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let refused: &[&[(&str, &str)]] = &[
        &[("transfer-encoding", "chunked")],
        &[("connection", "transfer-encoding")],
        &[("x", "y\r\ntransfer-encoding: chunked")],
        &[("x", "y\ntransfer-encoding: chunked")],
        &[("x", "y\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n")],
        &[("x", "y\0z")],
        &[("x: y\r\ntransfer-encoding", "chunked")],
        &[("transfer-encoding: chunked\r\nx", "y")],
        &[("transfer-encoding chunked ", "chunked")],
        &[("transfer-encoding`chunked ", "chunked"), ("x y", "z")],
        &[("Transfer-Encoding", "chunked")],
        &[("", "y")],
        &[("content-length", "5"), ("content-length", "6")],
        &[("content-length", "+5")],
        &[("content-length", "5\r\nx: y")],
        &[("content-length", "1")],
        &[("content-length", "100")],
        &[(":path", "/x HTTP/1.1\r\ntransfer-encoding: chunked\r\nx: y")],
        &[(":path", "/x y")],
        &[(":path", "x")],
        &[(":path", "")],
        &[(":path", "*")],
        &[(":path", "/x"), (":path", "/smuggled")],
        &[(":method", "POST /smuggled HTTP/1.1\r\nx: y\r\n")],
        &[(":method", "GET /smuggled")],
        &[(":method", "")],
        &[(":authority", "a\r\nx: y")],
        &[(":authority", "a b")],
        &[(":authority", "a"), (":authority", "b")],
        &[(":authority", "a/b")],
        &[(":authority", "")],
        &[(":scheme", "http://evil/smuggled?")],
        &[("host", "b"), ("host", "c")],
        &[("x", "y"), (":path", "/smuggled")],
        &[(":fake", "y")],
    ];
    for fields in refused {
        let before = garden.upstream.heard().len();
        send(&garden, &with(fields), smuggled);
        let heard = garden.upstream.heard();
        assert_eq!(heard.len(), before, "{fields:?} was heard as {:?}", heard.last());
        assert_eq!(garden.upstream.faults(), [""; 0], "{fields:?}");
    }
}

#[test]
fn what_is_usual_is_passed_on_with_one_length_and_one_host() {
    let garden = Garden::start();
    for fields in
        [&[][..], &[("content-length", "5")], &[("host", "b")], &[("te", "trailers")], &[("x", "a: b")]]
    {
        send(&garden, &with(fields), b"hello");
        let heard = garden.upstream.heard();
        let last = heard.last().expect("it is passed on");
        assert_eq!((last.target.as_str(), last.body.as_slice()), ("/x", &b"hello"[..]), "{fields:?}");
        assert_eq!((last.has("host"), last.has("te")), (1, 0), "{fields:?}");
        assert_eq!(last.has("content-length") + last.has("transfer-encoding"), 1, "{fields:?}");
        let host = last.fields.iter().find(|(name, _)| name == "host").unwrap();
        assert_eq!(host.1, "a", "{fields:?}");
    }
    assert_eq!(garden.upstream.faults(), [""; 0]);
    assert_eq!(garden.upstream.heard().len(), 5);
}
