//! What is passed on, and back.

use std::sync::mpsc;
use std::{fs, thread};

use crate::client::{Client, ROOMY, before, post, start, with_site};
use crate::upstream::{Upstream, ok};

#[test]
fn an_answer_comes_back_as_it_is_with_where_the_client_stands() {
    let upstream = Upstream::answering(
        "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nContent-Type: text/x\r\nX-App: yes\r\n\r\nhello",
    );
    let gateway = with_site(r#"{ "rate_limit": { "limit": 600, "window": "year" } }"#, &upstream, &[]);
    let answer = gateway.get("/a?b=c");
    assert_eq!((answer.status, answer.body.as_slice()), (201, &b"hello"[..]));
    assert_eq!((answer.header("content-type"), answer.header("x-app")), (Some("text/x"), Some("yes")));
    assert_eq!(answer.number("x-ratelimit-limit"), 600_000_000);
    assert!(upstream.head().starts_with("GET /a?b=c HTTP/1.1\r\n"));
}

#[test]
fn one_connection_carries_one_request_after_another() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    for _ in 0..20 {
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(client.up_to("hello").starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!((upstream.connections(), upstream.heads().len()), (1, 20));
}

#[test]
fn a_body_is_passed_on_as_long_as_it_is() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            let length = crate::upstream::values(&head, "content-length")[0].parse().unwrap();
            let sum: u64 = connection.bytes(length).iter().map(|byte| u64::from(*byte)).sum();
            connection.answer(&format!("{length} {sum}"));
        }
    });
    let gateway = before(&upstream, &[]);
    for length in [1, 1_000, 100_000, 3_000_000] {
        let body: Vec<_> = (0..length).map(|at| (at % 251) as u8).collect();
        let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
        let answer = post(&gateway, "/", &body);
        assert_eq!(String::from_utf8_lossy(&answer.body), format!("{length} {sum}"));
    }
}

#[test]
fn a_chunked_body_is_passed_on_in_chunks() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            assert_eq!(crate::upstream::values(&head, "transfer-encoding"), ["chunked"]);
            let body = connection.up_to("0\r\n\r\n");
            connection.send(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        }
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    for _ in 0..3 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
        // All of it is there: it is sent with its length.
        assert!(client.head().contains("content-length: 7\r\n"));
        assert_eq!(client.up_to("abcdefg"), "abcdefg");
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_large_answer_comes_whole() {
    let body: String = (0..400_000).map(|number| format!("{number:07} ")).collect();
    let answer = ok(&body);
    let upstream = Upstream::answering(&answer);
    let gateway = before(&upstream, &[]);
    for _ in 0..3 {
        assert!(gateway.get("/").body == body.as_bytes());
    }
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_stream_of_events_comes_event_by_event() {
    let (sender, receiver) = mpsc::channel::<&str>();
    let receiver = std::sync::Mutex::new(receiver);
    let upstream = Upstream::new(move |connection| {
        connection.head();
        connection
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for event in receiver.lock().unwrap().iter() {
            connection.send(&format!("{:x}\r\n{event}\r\n", event.len()));
        }
        connection.send("0\r\n\r\n");
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().contains("text/event-stream"));
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        sender.send(event).unwrap();
        assert!(client.up_to(event).ends_with(event));
    }
    drop(sender);
    assert!(client.up_to("0\r\n\r\n").ends_with("0\r\n\r\n"));
}

#[test]
fn a_body_that_ends_with_its_connection_is_whole() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end");
    });
    let gateway = before(&upstream, &[]);
    let answer = gateway.get("/");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"to the end"[..]));
}

#[test]
fn answers_without_a_body_keep_what_they_say_of_one() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            let answer = match head.split(' ').nth(1).unwrap() {
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: \"a\"\r\n\r\n",
                "/empty" => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                "/head-of-stream" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 4321\r\n\r\n",
            };
            connection.send(answer);
        }
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    for (method, target, status, length) in [
        ("GET", "/204", "204", None),
        ("GET", "/304", "304", Some("content-length: 1234")),
        ("GET", "/empty", "200", Some("content-length: 0")),
        ("HEAD", "/", "200", Some("content-length: 4321")),
        ("HEAD", "/head-of-stream", "200", None),
        ("HEAD", "/204", "204", None),
    ] {
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = client.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{method} {target}: {head}");
        let said = head.lines().find(|line| line.starts_with("content-length"));
        assert_eq!(said, length, "{method} {target}");
    }
    // None of them has left anything on either connection.
    assert_eq!((upstream.connections(), upstream.heads().len()), (1, 6));
}

#[test]
fn what_is_provisional_is_not_taken_for_the_answer() {
    for provisional in ["100 Continue", "102 Processing", "103 Early Hints\r\nLink: </a.css>"] {
        let upstream = Upstream::answering(&format!("HTTP/1.1 {provisional}\r\n\r\n{}", ok("final")));
        let gateway = before(&upstream, &[]);
        let answer = gateway.get("/");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"final"[..]), "{provisional}");
    }
}

#[test]
fn an_upstream_can_be_a_unix_socket() {
    use std::io::{Read as _, Write as _};
    let directory = std::env::temp_dir().join(format!("timebudget-gateway-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap();
            let host = String::from_utf8_lossy(&head[..read]).contains("host: localhost\r\n");
            stream.write_all(ok(&format!("{host}")).as_bytes()).unwrap();
        }
    });
    let gateway = start(ROOMY, &["--upstream", &format!("unix:{}", path.display())]);
    assert_eq!(gateway.get("/").body, b"true");
    let _ = fs::remove_dir_all(&directory);
}

#[test]
fn a_sites_own_upstream_goes_before_that_of_the_command_line() {
    let (own, other) = (Upstream::answering(&ok("own")), Upstream::answering(&ok("other")));
    let scratch = crate::scratch::Scratch::new();
    let site = format!(r#"{{ "rate_limit_upstream": "{}" }}"#, own.uri());
    scratch.write("common_site_config.json", "{}");
    scratch.write("a.example/site_config.json", &site);
    scratch.write("b.example/site_config.json", "{}");
    let directory = scratch.path("");
    let uri = other.uri();
    let args = ["--upstream".as_ref(), uri.as_ref(), "--sites".as_ref(), directory.as_os_str()];
    let gateway = crate::running::Running::start(scratch, &args);
    assert_eq!(gateway.request("GET", "/", "host: a.example\r\n").body, b"own");
    assert_eq!(gateway.request("GET", "/", "host: b.example\r\n").body, b"other");
}

#[test]
fn a_site_without_an_upstream_is_answered_by_the_demonstration_app() {
    let gateway = start(ROOMY, &[]);
    assert_eq!(gateway.get("/x").json()["path"], "/x");
}
