//! Upstreams that cannot be reached, are late, or hang up.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;
use std::{sync, thread};

use crate::client::{Client, ROOMY, before, post, start, with_site};
use crate::upstream::{Upstream, ok};

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

const BUDGET: &str = r#"{ "rate_limit": { "limit": 600, "window": "year" } }"#;

#[test]
fn an_upstream_that_refuses_is_502_and_costs_nothing() {
    let gateway = start(BUDGET, &["--upstream", &nowhere()]);
    for _ in 0..2 {
        let answer = gateway.get("/");
        assert_eq!((answer.status, answer.header("content-type")), (502, Some("application/problem+json")));
        assert_eq!(answer.json()["status"], 502);
        assert_eq!(answer.json()["detail"], "the application cannot be reached");
        assert_eq!(answer.number("x-ratelimit-remaining"), 600_000_000);
    }
}

#[test]
fn an_upstream_that_does_not_answer_in_time_is_504_and_its_time_is_charged() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.wait_for_end();
    });
    let gateway = with_site(BUDGET, &upstream, &["--upstream-timeout", "300ms"]);
    let answer = gateway.get("/");
    assert_eq!((answer.status, answer.header("content-type")), (504, Some("application/problem+json")));
    assert_eq!(answer.json()["detail"], "the application has not answered in time");
    assert!(answer.number("x-ratelimit-used") >= 300_000, "{answer:?}");
}

#[test]
fn an_upstream_that_does_not_accept_in_time_is_504() {
    // A listener whose queue is full: nobody takes what waits in it.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _waiting: Vec<_> = (0..4)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        })
        .collect();
    thread::sleep(Duration::from_millis(100));
    let args = ["--upstream", &format!("http://{address}"), "--connect-timeout", "200ms"];
    let answer = start(ROOMY, &args).get("/");
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["detail"], "the application has not accepted a connection in time");
}

#[test]
fn an_upstream_that_hangs_up_without_an_answer_is_502() {
    for reset in [false, true] {
        let upstream = Upstream::new(move |connection| {
            connection.head();
            if reset {
                connection.reset();
            }
        });
        let answer = before(&upstream, &[]).get("/");
        assert_eq!(answer.status, 502, "{answer:?}");
        assert_eq!(answer.json()["detail"], "the application has closed the connection without an answer");
        // On a new connection it has chosen to: it is not asked again.
        assert_eq!(upstream.heads().len(), 1);
    }
}

#[test]
fn what_is_no_answer_is_502() {
    for nonsense in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\n a: b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ] {
        let upstream = Upstream::answering(nonsense);
        let answer = before(&upstream, &[]).get("/");
        assert_eq!(answer.status, 502, "{nonsense:?}: {answer:?}");
    }
}

#[test]
fn a_body_that_breaks_off_breaks_the_clients_too() {
    for (head, body) in [
        ("Content-Length: 100", "only a part"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nhel"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\nnonsense\r\n"),
    ] {
        for reset in [false, true] {
            let upstream = Upstream::new(move |connection| {
                connection.head();
                connection.send(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}"));
                if reset {
                    thread::sleep(Duration::from_millis(50));
                    connection.reset();
                }
            });
            let gateway = before(&upstream, &[]);
            let mut client = Client::new(&gateway);
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let (answer, _) = client.rest();
            // Nothing at all, a part without an end, or, where none of it had left, another answer.
            let is_told = answer.is_empty() || answer.starts_with("HTTP/1.1 502");
            let received = answer.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
            let is_cut =
                answer.starts_with("HTTP/1.1 200") && !answer.ends_with("0\r\n\r\n") && received < 100;
            assert!(is_told || is_cut, "{head} {body:?}: {answer}");
        }
    }
}

#[test]
fn a_large_body_that_breaks_off_breaks_the_clients_amid_it() {
    for head in ["Content-Length: 5000000", "Transfer-Encoding: chunked"] {
        let upstream = Upstream::new(move |connection| {
            connection.head();
            let part = "x".repeat(1_000_000);
            connection.send(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nf4240\r\n{part}"));
        });
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (answer, _) = client.rest();
        assert!(answer.starts_with("HTTP/1.1 200"), "{head}");
        let received = answer.split_once("\r\n\r\n").unwrap().1.len();
        assert!((1..1_100_000).contains(&received) && !answer.ends_with("0\r\n\r\n"), "{head}: {received}");
    }
}

#[test]
fn a_body_that_pauses_for_too_long_breaks_off() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &["--idle-timeout", "300ms"]);
    let mut client = Client::new(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (answer, _) = client.rest();
    assert!(answer.contains("hello") && !answer.ends_with("0\r\n\r\n"), "{answer}");
}

/// An upstream that answers with more than all buffers on the way can hold, and tells when its connection has ended.
fn boundless(head: &'static str) -> (Upstream, sync::mpsc::Receiver<()>) {
    let (ended, hears) = sync::mpsc::channel();
    let upstream = Upstream::new(move |connection| {
        connection.head();
        connection.send(head);
        connection.send_without_end();
        let _ = ended.send(());
    });
    (upstream, hears)
}

#[test]
fn an_application_does_not_wait_for_ever_for_a_client_that_does_not_read() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n";
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    for (head, fields) in [(whole, ""), (switched, "Connection: upgrade\r\nUpgrade: websocket\r\n")] {
        let (upstream, ended) = boundless(head);
        let gateway = before(&upstream, &["--idle-timeout", "300ms"]);
        let mut client = Client::new(&gateway);
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        ended.recv_timeout(Duration::from_secs(60)).expect("the connection of the upstream ends");
        // What was on its way comes, and then an end that is none.
        assert!(client.rest().0.starts_with(head.lines().next().unwrap()), "{head}");
    }
}

#[test]
fn a_client_that_pauses_amid_its_body_for_too_long_is_told_so() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &["--idle-timeout", "300ms", "--upstream-timeout", "100ms"]);
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
    assert!(client.head().starts_with("HTTP/1.1 408"));
}

#[test]
fn an_upload_longer_than_the_timeout_is_not_late() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.bytes(25);
        connection.answer("done");
    });
    let gateway = before(&upstream, &["--upstream-timeout", "700ms"]);
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\r\n");
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(250));
        client.send("hello");
    }
    assert!(client.up_to("done").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_body_that_is_too_large_is_413() {
    let upstream = Upstream::new(|connection| {
        while connection.head().is_some() {
            connection.wait_for_end();
        }
    });
    let gateway = before(&upstream, &["--max-body", "1k"]);
    let answer = post(&gateway, "/", &[b'x'; 1025]);
    assert_eq!((answer.status, answer.header("content-type")), (413, Some("application/problem+json")));
    assert_eq!(upstream.heads().len(), 0);
    // Of chunks it is known only when they have come.
    let mut client = Client::new(&gateway);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..3 {
        client.send(format!("200\r\n{}\r\n", "x".repeat(512)));
    }
    assert!(client.head().starts_with("HTTP/1.1 413"));
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let (told, ended) = sync::mpsc::channel();
    let told = sync::Mutex::new(told);
    let upstream = Upstream::new(move |connection| {
        connection.head();
        connection.wait_for_end();
        told.lock().unwrap().send(()).unwrap();
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.wait_for_heads(1);
    drop(client);
    ended.recv_timeout(Duration::from_secs(20)).expect("the upstream's connection is closed");
}

#[test]
fn an_upload_that_the_client_breaks_off_is_never_whole_for_the_upstream() {
    let (told, ended) = sync::mpsc::channel();
    let told = sync::Mutex::new(told);
    let upstream = Upstream::new(move |connection| {
        connection.head();
        let body = connection.up_to("hello");
        connection.wait_for_end();
        told.lock().unwrap().send(body).unwrap();
    });
    let gateway = before(&upstream, &[]);
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut client = Client::new(&gateway);
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n5\r\nhello\r\n"));
        upstream.wait_for_heads(1);
        thread::sleep(Duration::from_millis(100));
        drop(client);
        let body = ended.recv_timeout(Duration::from_secs(20)).expect("the upstream's connection is closed");
        assert!(!body.contains("0\r\n\r\n"), "{body:?}");
    }
}

#[test]
fn an_early_answer_to_a_large_upload_is_heard() {
    let gateway = before(&Upstream::soon_full(), &[]);
    for _ in 0..10 {
        let answer = post(&gateway, "/", &vec![b'x'; 10_000_000]);
        assert_eq!((answer.status, answer.body.as_slice()), (413, &b"large"[..]), "{}", gateway.log());
    }
}

/// The connection was closed with bytes in it that nobody had read, whereupon the system resets it, and many a client that is
/// still sending tells of the reset and not of the answer.
#[test]
fn who_is_refused_amid_an_upload_hears_why_and_is_not_reset() {
    const PARTS: usize = 64;
    let part = vec![b'x'; 64 * 1024];
    let upstream = Upstream::answering(&ok(""));
    let cases = [
        (r#"{ "rate_limit": "0 per year" }"#, "429"),
        (r#"{ "rate_limit": "9 per year" }"#, "413"),
        (
            r#"{ "rate_limit_rules": [{ "name": "a", "limits": "0 per year", "action": { "block": { "status": 401 } } }] }"#,
            "401",
        ),
    ];
    for (site, status) in cases {
        let gateway = with_site(site, &upstream, &["--max-body", "1k"]);
        let mut client = Client::new(&gateway);
        let length = PARTS * part.len();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        let sent = (0..PARTS).all(|_| client.stream.write_all(&part).is_ok());
        let (answer, is_peaceful) = client.rest();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        assert!(sent && is_peaceful, "{status}: reset");
    }
}

#[test]
fn an_answer_before_the_end_of_an_upload_leaves_nothing_behind() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.bytes(5);
        connection.send(&ok("early"));
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &[]);
    for number in 1..=3 {
        let mut client = Client::new(&gateway);
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello");
        assert!(client.up_to("early").starts_with("HTTP/1.1 200"));
        // What carried half a request carries no other.
        assert_eq!(upstream.connections(), number);
    }
}
