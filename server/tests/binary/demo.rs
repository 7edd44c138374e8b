//! The demonstration app, parameter by parameter.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::answer::Answer;
use crate::running::{Running, eventually};
use crate::scratch::Scratch;

fn server() -> Running {
    Running::with_site("{}")
}

/// How long an answer takes, at least.
fn timed(server: &Running, target: &str) -> (Answer, Duration) {
    let begun = Instant::now();
    let answer = server.get(target);
    (answer, begun.elapsed())
}

#[test]
fn any_method_and_path_is_answered_by_what_was_asked() {
    let server = server();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let answer = server.request(method, "/a%20b/c?x=1&y=%22", "host: x\r\n");
        assert_eq!(answer.status, 200, "{method}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json(), json!({ "method": method, "path": "/a%20b/c", "query": "x=1&y=%22" }));
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    let answer = server().request("HEAD", "/", "host: x\r\n");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[test]
fn ms_takes_its_time_without_blocking() {
    let scratch = Scratch::new();
    let server = Running::start(scratch, &["--workers", "1"].map(OsStr::new));
    let mut slow = server.connect();
    slow.write_all(b"GET /slow?ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let (answer, took) = timed(&server, "/health?ms=50");
    assert_eq!(answer.status, 200);
    assert!(took >= Duration::from_millis(50), "{took:?}");
}

/// A client that hung up kept its place under a cap until its request had run to its end.
#[test]
fn the_request_of_a_client_that_has_hung_up_ends() {
    let server = Running::with_site(r#"{ "rate_limit": "1 concurrent" }"#);
    // A place is for one: a request that comes while the question is answered is refused itself, and so another is sent.
    let mut gone = Vec::new();
    let mut is_taken = || {
        let mut next = server.connect();
        next.write_all(b"GET /?ms=600000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        gone.push(next);
        (server.get("/").status == 429).then_some(())
    };
    eventually("a place that is taken", &mut is_taken, || server.log());
    drop(gone);
    eventually("a place that is free", || (server.get("/").status == 200).then_some(()), || server.log());
}

#[test]
fn spin_takes_its_time() {
    let (answer, took) = timed(&server(), "/?spin=50");
    assert_eq!(answer.status, 200);
    assert!(took >= Duration::from_millis(50), "{took:?}");
}

#[test]
fn status_is_what_is_answered() {
    let server = server();
    for status in [200, 201, 301, 404, 418, 500, 503, 599] {
        let answer = server.get(&format!("/?status={status}"));
        assert_eq!((answer.status, answer.json()["path"].as_str()), (status, Some("/")));
    }
}

#[test]
fn a_status_that_has_no_body_gets_none() {
    let server = server();
    for status in [204, 205, 304] {
        let answer = server.get(&format!("/?status={status}&chunks=3"));
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
}

#[test]
fn chunks_are_streamed_with_gaps_between_them() {
    let (answer, took) = timed(&server(), "/?chunks=3&bytes=10&gap=30");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.body, b".........\n".repeat(3));
    assert!(took >= Duration::from_millis(60), "{took:?}");
}

#[test]
fn a_stream_may_be_large_or_empty() {
    let server = server();
    assert_eq!(server.get("/?chunks=4&bytes=1048576").body.len(), 4 << 20);
    assert_eq!(server.get("/?chunks=2").body.len(), 2 << 10);
    assert_eq!(server.get("/?chunks=0&status=404").body.len(), 0);
}

#[test]
fn a_request_body_is_read_whole() {
    let server = server();
    let mut connection = server.connect();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\nconnection: close\r\n\r\nhalf";
    connection.write_all(head.as_bytes()).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let early = connection.read(&mut [0; 1]).unwrap_err().kind();
    assert!(matches!(early, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    connection.write_all(b"half").unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(Answer::read(&connection).map(|answer| answer.status), Some(200));
}

#[test]
fn a_large_upload_is_taken() {
    let server = server();
    let mut bytes =
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\nconnection: close\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + (8 << 20), b'x');
    assert_eq!(server.send(&bytes).map(|answer| answer.status), Some(200));
}

#[test]
fn what_steers_wrongly_is_answered_by_400() {
    let server = server();
    let wrong = [
        "ms=-1",
        "ms=x",
        "ms=",
        "spin=10001",
        "status=101",
        "status=999",
        "chunks=1025",
        "bytes=0",
        "gap=1e3",
    ];
    for query in wrong {
        let answer = server.get(&format!("/?{query}"));
        let name = query.split('=').next().unwrap_or_default();
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status, 400, "{query}");
        assert!(error.starts_with(&format!("{name}: expected a whole number from ")), "{error}");
    }
}
