//! What is sent once more, and what must not be.

use std::time::Duration;
use std::{sync, thread};

use crate::client::{Client, before};
use crate::upstream::{Upstream, ok};

fn ask(client: &mut Client, method: &str, fields: &str, body: &str) -> String {
    client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}"));
    let head = client.head();
    if head.contains("content-length: 5\r\n") {
        client.up_to("hello");
    }
    head.lines().next().unwrap_or_default().to_owned()
}

/// Whoever took an idle connection had another one closed with it, and half of a crowd's requests made one of their own.
#[test]
fn a_crowd_goes_on_with_the_connections_that_it_has_made() {
    const CROWD: usize = 8;
    let all_have_come = sync::Barrier::new(CROWD);
    let upstream = Upstream::new(move |connection| {
        while connection.head().is_some() {
            all_have_come.wait();
            connection.answer("hello");
        }
    });
    let gateway = before(&upstream, &[]);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| Client::new(&gateway)).collect();
    for _ in 0..5 {
        crowd.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        crowd.iter_mut().for_each(|client| {
            client.up_to("hello");
        });
    }
    assert_eq!((upstream.connections(), upstream.heads().len()), (CROWD, 5 * CROWD));
}

#[test]
fn a_kept_connection_that_was_closed_meanwhile_costs_no_request() {
    for method in ["GET", "POST"] {
        let upstream = Upstream::hangs_up();
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 200 OK");
        // The end of the connection arrives before the next request.
        thread::sleep(Duration::from_millis(200));
        let (fields, body) = if method == "POST" { ("Content-Length: 2\r\n", "hi") } else { ("", "") };
        assert_eq!(ask(&mut client, method, fields, body), "HTTP/1.1 200 OK", "{method}");
        assert_eq!((upstream.connections(), upstream.heads().len()), (2, 2), "{method}");
    }
}

#[test]
fn a_get_that_a_kept_connection_lost_is_sent_once_more() {
    for method in ["GET", "HEAD", "DELETE", "PUT"] {
        let upstream = Upstream::hangs_up_when_asked();
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 200 OK");
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.head().starts_with("HTTP/1.1 200"), "{method}");
        assert_eq!(upstream.heads().len(), 3, "{method}");
    }
}

#[test]
fn what_may_have_been_done_is_not_sent_again() {
    for (method, fields, body) in [
        ("POST", "", ""),
        ("POST", "Content-Length: 2\r\n", "hi"),
        ("PATCH", "", ""),
        ("PUT", "Content-Length: 2\r\n", "hi"),
    ] {
        let upstream = Upstream::hangs_up_when_asked();
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 200 OK");
        assert_eq!(ask(&mut client, method, fields, body), "HTTP/1.1 502 Bad Gateway", "{method} {fields}");
        assert_eq!(upstream.heads().len(), 2, "{method} {fields}");
    }
}

#[test]
fn nothing_is_sent_a_third_time() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        if connection.number == 0 {
            connection.answer("hello");
            connection.head();
        }
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 200 OK");
    assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 502 Bad Gateway");
    assert_eq!(upstream.heads().len(), 3);
}

#[test]
fn an_upstream_that_is_late_is_not_asked_again() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.answer("hello");
        connection.head();
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &["--upstream-timeout", "300ms"]);
    let mut client = Client::new(&gateway);
    assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 200 OK");
    assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 504 Gateway Timeout");
    assert_eq!(upstream.heads().len(), 2);
}

#[test]
fn a_connection_is_kept_no_longer_than_it_may_be_idle() {
    let (told, ended) = sync::mpsc::channel();
    let told = sync::Mutex::new(told);
    let upstream = Upstream::new(move |connection| {
        while connection.head().is_some() {
            connection.send(&ok("hello"));
        }
        told.lock().unwrap().send(connection.number).unwrap();
    });
    let gateway = before(&upstream, &["--keep-idle", "500ms"]);
    assert_eq!(gateway.get("/").status, 200);
    assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(0));
    assert_eq!(gateway.get("/").status, 200);
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn an_upstream_that_closes_after_each_answer_is_asked_on_new_connections() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    for _ in 0..5 {
        assert_eq!(ask(&mut client, "GET", "", ""), "HTTP/1.1 200 OK");
    }
    assert_eq!((upstream.connections(), upstream.heads().len()), (5, 5));
}

#[test]
fn what_an_upstream_sends_unasked_is_nobodys_answer() {
    let upstream = Upstream::new(|connection| {
        let is_first = connection.number == 0;
        while connection.head().is_some() {
            connection.answer("hello");
            if is_first {
                connection.send(&ok("smuggled"));
            }
        }
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.up_to("hello");
        assert!(answer.ends_with("hello") && !answer.contains("smuggled"), "{answer}");
    }
}
