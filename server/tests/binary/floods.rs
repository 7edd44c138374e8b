//! Clients that send too much, or too slowly: the others are served meanwhile, and memory stays bounded.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, frame, greeting,
};
use crate::running::Running;

const DAILY: &str = r#"{ "rate_limit": "86000s per day" }"#;

/// What a flood may add to the memory of the process: a server that kept a kibibyte of each thing that it is sent here would
/// need more.
const MOST_KIB: u64 = 96 * 1024;

/// How long a flood goes on at most.
const LONGEST: Duration = Duration::from_secs(20);

/// A server, and what it occupied after its first requests.
struct Flooded {
    server: Running,
    before: u64,
}

impl Flooded {
    fn start() -> Self {
        let server = Running::with_site(DAILY);
        for _ in 0..10 {
            assert_eq!(server.get("/").status, 200);
        }
        let before = server.resident_kib();
        Self { server, before }
    }

    /// Others are served, and memory is bounded.
    fn holds(&self) {
        assert_eq!(self.server.get("/others").status, 200, "{}", self.server.log());
        let grown = self.server.resident_kib().saturating_sub(self.before);
        assert!(grown < MOST_KIB, "grown by {grown} KiB");
        assert!(!self.server.log().contains("panicked"), "{}", self.server.log());
    }

    /// A connection over HTTP/2 that has said hello.
    fn connect_h2(&self) -> TcpStream {
        let mut connection = self.server.connect();
        connection.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        connection.write_all(&greeting()).unwrap();
        connection
    }
}

/// `GET /` of `localhost`, by fields of the static table (RFC 7541, appendix A).
fn get() -> Vec<u8> {
    let mut fields = vec![0x82, 0x86, 0x84, 0x41, 9];
    fields.extend(b"localhost");
    fields
}

/// Writes again and again without reading an answer, until the server hangs up or takes no more; says how often.
fn pour(connection: &mut TcpStream, mut next: impl FnMut(u32) -> Vec<u8>, most: u32) -> u32 {
    let begun = Instant::now();
    for count in 0..most {
        if connection.write_all(&next(count)).is_err() || begun.elapsed() > LONGEST {
            return count;
        }
    }
    most
}

/// What comes until the server hangs up or is silent for a moment.
fn rest(connection: &mut TcpStream) -> Vec<u8> {
    connection.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match connection.read(&mut some) {
            Ok(0) => return all,
            Ok(count) => all.extend(&some[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return all,
        }
    }
}

#[test]
fn a_hundred_streams_at_once_on_each_connection_are_all_answered() {
    let flooded = Flooded::start();
    let url = format!("http://{}/", flooded.server.address);
    let output = Command::new("h2load").args(["-n", "4000", "-c", "8", "-m", "100", &url]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout"), "{told}");
    assert!(told.contains("status codes: 4000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{told}");
    flooded.holds();
}

/// The server below has no setting for it, which `docs/listening.md` says. Where this fails, it has one, and a cap can be told.
#[test]
fn no_cap_of_streams_is_announced() {
    const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
    let flooded = Flooded::start();
    let mut connection = flooded.connect_h2();
    let mut head = [0; 9];
    connection.read_exact(&mut head).unwrap();
    assert_eq!(head[3], SETTINGS);
    let mut settings = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    connection.read_exact(&mut settings).unwrap();
    assert!(!settings.chunks(6).any(|setting| setting.starts_with(&MAX_CONCURRENT_STREAMS)), "{settings:?}");
}

/// CVE-2023-44487: streams that are begun and taken back at once.
#[test]
fn streams_that_are_reset_at_once_hold_up_nobody() {
    let flooded = Flooded::start();
    let mut connection = flooded.connect_h2();
    let begin_and_reset = |count: u32| {
        let stream = 2 * count + 1;
        let mut frames = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get());
        frames.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        frames
    };
    pour(&mut connection, begin_and_reset, 50_000);
    flooded.holds();
    drop(connection);
    flooded.holds();
}

#[test]
fn settings_without_end_hold_up_nobody() {
    let flooded = Flooded::start();
    let mut connection = flooded.connect_h2();
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(100);
    pour(&mut connection, |_| settings.clone(), 5_000);
    flooded.holds();
}

#[test]
fn pings_without_end_hold_up_nobody() {
    let flooded = Flooded::start();
    let mut connection = flooded.connect_h2();
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(100);
    pour(&mut connection, |_| pings.clone(), 5_000);
    flooded.holds();
}

/// CVE-2024-27316 and others: a head that never ends.
#[test]
fn a_head_without_end_is_not_kept() {
    let flooded = Flooded::start();
    let mut connection = flooded.connect_h2();
    connection.write_all(&frame(HEADERS, END_STREAM, 1, &get())).unwrap();
    // A field that is not to be indexed, of 16,000 bytes.
    let mut field = vec![0x00, 1, b'x', 0x7f];
    field.extend([0x81, 0x7c]);
    field.extend([b'a'; 16_000]);
    pour(&mut connection, |_| frame(CONTINUATION, 0, 1, &field), 20_000);
    flooded.holds();
    rest(&mut connection);
}

/// R-U-Dead-Yet: bodies that come a byte at a time. What a client is waited for costs its site nothing.
#[test]
fn bodies_that_never_come_hold_up_nobody_and_cost_nothing() {
    let flooded = Flooded::start();
    let slow: Vec<_> = (0..300)
        .map(|_| {
            let mut connection = flooded.server.connect();
            let head = "POST /upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\nx";
            connection.write_all(head.as_bytes()).unwrap();
            connection
        })
        .collect();
    flooded.holds();
    let spent = |server: &Running| 86_000_000_000 - server.get("/").number("x-ratelimit-remaining");
    let first = spent(&flooded.server);
    std::thread::sleep(Duration::from_millis(300));
    let then = spent(&flooded.server);
    // Were they charged, it would be 300 times 0.3 s.
    assert!(then - first < 30_000_000, "{first} and then {then}");
    drop(slow);
    flooded.holds();
}

#[test]
fn heads_that_never_end_hold_up_nobody() {
    let flooded = Flooded::start();
    let slow: Vec<_> = (0..300)
        .map(|_| {
            let mut connection = flooded.server.connect();
            connection.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ").unwrap();
            connection
        })
        .collect();
    flooded.holds();
    drop(slow);
}

/// Without this the tests above could pass since nothing reaches the server.
#[test]
fn what_these_tests_send_is_a_request() {
    let flooded = Flooded::start();
    let mut connection = flooded.connect_h2();
    connection.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get())).unwrap();
    let answer = rest(&mut connection);
    let is_there = answer.windows(6).any(|window| window == b"\"path\"");
    assert!(is_there, "{}", String::from_utf8_lossy(&answer));
    let mut slow = flooded.server.connect();
    slow.write_all(b"POST /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx")
        .unwrap();
    assert_eq!(Answer::read(&slow).unwrap().status, 200);
}
