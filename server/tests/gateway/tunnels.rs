//! WebSockets: bytes both ways.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, before, with_site};
use crate::running::{Running, eventually};
use crate::upstream::{Upstream, ok, values};

const ASK: &str = "GET /socket HTTP/1.1\r\nHost: a:81\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An upstream that sends back each line of a tunnel, until it hears `bye`; other requests are answered.
fn echo() -> Upstream {
    Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            if !head.starts_with("GET /socket") {
                connection.answer("hello");
                continue;
            }
            connection.send(SWITCH);
            loop {
                let Some(line) = connection.line() else { return };
                if line == "bye\n" {
                    return;
                }
                connection.send(&line);
            }
        }
    })
}

fn open(gateway: &Running) -> Client {
    let mut client = Client::new(gateway);
    client.send(ASK);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    client
}

#[test]
fn a_websocket_is_bytes_both_ways() {
    let upstream = echo();
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    // What comes with the head is not lost.
    client.send(format!("{ASK}first\n"));
    let head = client.head();
    assert_eq!(values(&head.to_ascii_lowercase(), "upgrade"), ["websocket"]);
    assert_eq!(values(&head, "sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
    for line in ["first\n", "\u{1}\u{0}\u{7f}\n", "last\n"] {
        if line != "first\n" {
            client.send(line);
        }
        assert_eq!(client.up_to("\n"), line);
    }
    let long = "x".repeat(2_000_000) + "\n";
    let mut sender = client.stream.try_clone().unwrap();
    let sent = long.clone();
    let sending = thread::spawn(move || std::io::Write::write_all(&mut sender, sent.as_bytes()).unwrap());
    assert!(client.up_to("\n") == long);
    sending.join().unwrap();
    assert_eq!(upstream.values("host"), ["a:81"]);
    assert_eq!(upstream.values("connection"), ["upgrade"]);
    assert_eq!(upstream.values("sec-websocket-version"), ["13"]);
}

#[test]
fn what_the_upstream_sends_with_its_head_is_not_lost() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.send(&format!("{SWITCH}welcome\n"));
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &[]);
    assert_eq!(open(&gateway).up_to("\n"), "welcome\n");
}

#[test]
fn a_websocket_ends_when_the_upstream_closes_it() {
    let upstream = echo();
    let gateway = before(&upstream, &[]);
    let mut client = open(&gateway);
    client.send("bye\n");
    assert_eq!(client.rest(), (String::new(), true));
}

#[test]
fn a_websocket_ends_when_the_client_closes_it() {
    let (told, ended) = mpsc::channel();
    let told = Mutex::new(told);
    let upstream = Upstream::new(move |connection| {
        connection.head();
        connection.send(SWITCH);
        connection.wait_for_end();
        told.lock().unwrap().send(()).unwrap();
    });
    let gateway = before(&upstream, &[]);
    drop(open(&gateway));
    ended.recv_timeout(Duration::from_secs(20)).expect("the upstream's connection is closed");
}

#[test]
fn a_websocket_that_the_upstream_declines_is_answered_as_it_says() {
    let upstream = Upstream::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send(ASK);
    let answer = client.up_to("no");
    assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("no"), "{answer}");
}

#[test]
fn a_websocket_in_which_nobody_says_anything_ends() {
    let upstream = echo();
    let gateway = before(&upstream, &["--idle-timeout", "400ms"]);
    let mut client = open(&gateway);
    // Each word is a new beginning.
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(250));
        client.send("still\n");
        assert_eq!(client.up_to("\n"), "still\n");
    }
    assert_eq!(client.rest().0, "");
}

/// How many microseconds the site's year has left.
fn remaining(gateway: &Running) -> u64 {
    gateway.get("/").number("x-ratelimit-remaining")
}

#[test]
fn an_open_websocket_is_charged_while_it_is_open_where_a_rule_says_so() {
    let upstream = echo();
    let site = r#"{ "rate_limit_rules": [{ "name": "sockets", "key": "site", "until": "close", "limits": "600s per year" }] }"#;
    let gateway = with_site(site, &upstream, &[]);
    let socket = open(&gateway);
    let before = remaining(&gateway);
    thread::sleep(Duration::from_millis(500));
    let spent = before - remaining(&gateway);
    assert!(spent >= 500_000, "{spent} of 500,000 µs");
    drop(socket);
}

#[test]
fn as_many_websockets_are_open_as_a_rule_allows() {
    let upstream = echo();
    let site = r#"{ "rate_limit_rules": [{ "name": "sockets", "key": "site", "until": "close", "limits": "2 concurrent" }] }"#;
    let gateway = with_site(site, &upstream, &[]);
    let (_first, second) = (open(&gateway), open(&gateway));
    assert_eq!(gateway.get("/").status, 429, "two are open");
    drop(second);
    eventually("a place", || (gateway.get("/").status == 200).then_some(()), || gateway.log());
}

#[test]
fn what_has_no_end_of_its_own_is_given_a_moment_when_the_server_ends() {
    let upstream = Upstream::new(|connection| {
        let head = connection.head().unwrap();
        let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n";
        connection.send(if head.starts_with("GET /socket") { SWITCH } else { events });
        connection.wait_for_end();
    });
    let mut gateway = before(&upstream, &[]);
    let mut socket = open(&gateway);
    let mut events = Client::new(&gateway);
    events.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    events.up_to("data:");
    let told = Instant::now();
    gateway.signal("TERM");
    assert_eq!(socket.rest().0, "");
    assert!(!events.rest().0.ends_with("0\r\n\r\n"));
    assert!(gateway.ended().success());
    // After 25 s they would have been cut off with everything else.
    let waited = told.elapsed();
    assert!((9..24).contains(&waited.as_secs()), "{waited:?}");
}

/// It was answered `Connection: upgrade`, and the connection closed without a word: Java's client asks for h2c on each of its own.
#[test]
fn other_protocols_are_not_switched_to_and_the_connection_is_closed_with_a_word() {
    for protocol in ["tcp", "h2c", "TLS/1.0", "SPDY/3.1", "IRC/6.9, RTA/x11", "h2c, websocket"] {
        let upstream = Upstream::answering(&ok("hello"));
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        let head =
            format!("POST /attach HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n");
        client.send(head + "Content-Length: 0\r\n\r\nGET /behind HTTP/1.1\r\nHost: a\r\n\r\n");
        let (answer, ended) = client.rest();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("hello") && ended,
            "{protocol}: {answer}"
        );
        assert_eq!(values(&answer, "connection")[0], "close", "{protocol}: {answer}");
        assert_eq!(upstream.values("upgrade"), [""; 0], "{protocol}");
        assert_eq!(upstream.values("connection"), [""; 0], "{protocol}");
    }
}

/// Proxies that opened the tunnel without a look at the answer passed on whatever came behind.
#[test]
fn what_comes_behind_a_websocket_that_is_declined_is_not_passed_on() {
    for status in ["426 Upgrade Required", "200 OK", "400 Bad Request"] {
        let upstream = Upstream::answering(&format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        let asked = ASK.replace("Version: 13", "Version: 7");
        client.send(format!("{asked}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
        let (answer, _) = client.rest();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert_eq!(upstream.heads().len(), 1);
    }
}
