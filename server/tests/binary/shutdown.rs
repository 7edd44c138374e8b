//! How the server ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::answer::Answer;
use crate::running::Running;

const HOURLY: &str = r#"{ "rate_limit": "600s per hour" }"#;

/// A connection on which a request is certainly running: the server has asked for its body.
fn uploading(server: &Running) -> TcpStream {
    let mut connection = server.connect();
    let head = "POST /upload?ms=100 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
    connection.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut asked).unwrap();
    connection
}

fn a_running_request_is_answered_after(signal: &str) {
    let mut server = Running::with_site(HOURLY);
    let mut connection = uploading(&server);
    server.signal(signal);
    server.wait_for_log("ending");
    connection.write_all(b"hello").unwrap();
    let answer = Answer::read(&connection).unwrap();
    assert_eq!((answer.status, answer.json()["path"].as_str()), (200, Some("/upload")));
    assert!(answer.number("x-ratelimit-used") >= 100_000);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}

#[test]
fn a_running_request_is_answered_after_sigterm() {
    a_running_request_is_answered_after("TERM");
}

#[test]
fn a_running_request_is_answered_after_sigint() {
    a_running_request_is_answered_after("INT");
}

#[test]
fn a_stream_that_has_begun_is_sent_to_its_end() {
    let mut server = Running::with_site(HOURLY);
    let mut connection = server.connect();
    let head = "GET /?chunks=4&bytes=8&gap=100 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 1];
    connection.read_exact(&mut first).unwrap();
    server.signal("TERM");
    let mut rest = String::new();
    connection.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches(".......\n").count(), 4, "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_client_that_keeps_its_connection_open_does_not_hold_up_the_end() {
    let mut server = Running::with_site(HOURLY);
    let mut connection = server.connect();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut first = [0; 1];
    connection.read_exact(&mut first).unwrap();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn told_twice_it_ends_at_once() {
    let mut server = Running::with_site(HOURLY);
    let _held = uploading(&server);
    server.signal("INT");
    server.wait_for_log("ending as soon as");
    server.signal("INT");
    assert_eq!(server.ended().code(), Some(130));
}

#[test]
fn an_idle_server_ends_without_a_complaint() {
    let mut server = Running::with_site(HOURLY);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    let log = server.log();
    assert!(!["ERROR", "WARN", "panicked"].iter().any(|word| log.contains(word)), "{log}");
}
