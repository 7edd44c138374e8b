//! Time in which a client is waited for is the client's own.
//!
//! What is charged is either next to nothing or at least all that was waited, so each bound lies half way between: it takes a machine
//! that stands still for most of a second to miss it.

use std::io::Read as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::client::{Client, with_site};
use crate::running::Running;
use crate::upstream::Upstream;

const BUDGET: &str = r#"{ "rate_limit": { "limit": 600, "window": "year" } }"#;

/// How long a client pauses at a time, and how often it does.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSES: usize = 3;

/// More than all sockets between the upstream and a client that does not read.
const LARGE: usize = 24 * 1024 * 1024;

/// An application that reads bodies to their end, has a large answer, and switches protocols.
fn application() -> Upstream {
    Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            if head.contains("websocket") {
                connection.send(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                );
                return connection.wait_for_end();
            }
            if head.starts_with("POST") {
                connection.bytes(PAUSES + 1);
            }
            let length = if head.starts_with("GET /large") { LARGE } else { 5 };
            connection.answer(&"x".repeat(length));
        }
    })
}

/// How much of the time that a client takes is charged, in parts of a hundred.
fn percent_charged(gateway: &Running, client: impl FnOnce(&Running)) -> u128 {
    let remaining = || gateway.get("/").number("x-ratelimit-remaining");
    let (before, begun) = (remaining(), Instant::now());
    client(gateway);
    let took = begun.elapsed();
    u128::from(before - remaining()) * 100 / took.as_micros()
}

fn pause() {
    thread::sleep(PAUSE);
}

#[test]
fn a_slow_upload_is_the_clients_time() {
    let gateway = with_site(BUDGET, &application(), &[]);
    let charged = percent_charged(&gateway, |gateway| {
        let mut client = Client::new(gateway);
        let length = PAUSES + 1;
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nx"));
        for _ in 0..PAUSES {
            pause();
            client.send("x");
        }
        assert!(client.head().starts_with("HTTP/1.1 200"));
    });
    assert!(charged < 50, "{charged} %");
}

#[test]
fn a_slow_reader_is_the_clients_time() {
    let gateway = with_site(BUDGET, &application(), &[]);
    let charged = percent_charged(&gateway, |gateway| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Else most of the answer lies in the client's own socket.
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.connect(&gateway.address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        std::io::Write::write_all(
            &mut stream,
            b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
        let mut part = vec![0; 1024];
        for _ in 0..PAUSES {
            pause();
            stream.read_exact(&mut part).unwrap();
        }
        assert!(stream.read_to_end(&mut Vec::new()).unwrap() > LARGE - PAUSES * part.len());
    });
    assert!(charged < 50, "{charged} %");
}

#[test]
fn a_silent_websocket_is_nobodys_time() {
    let gateway = with_site(BUDGET, &application(), &[]);
    let charged = percent_charged(&gateway, |gateway| {
        let mut client = Client::new(gateway);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 101"));
        for _ in 0..PAUSES {
            pause();
        }
    });
    assert!(charged < 50, "{charged} %");
}

#[test]
fn a_slow_application_is_charged() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            if head.starts_with("GET /slow") {
                (0..PAUSES).for_each(|_| pause());
            }
            connection.answer("hello");
        }
    });
    let gateway = with_site(BUDGET, &upstream, &[]);
    let charged = percent_charged(&gateway, |gateway| {
        assert_eq!(gateway.get("/slow").status, 200);
    });
    assert!((50..=105).contains(&charged), "{charged} %");
}
