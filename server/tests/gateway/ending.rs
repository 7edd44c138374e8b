//! How streams without an end are ended, and what `/ready` says of upstreams.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::client::{ROOMY, with_site};
use crate::running::Running;
use crate::upstream::Upstream;

/// An event every now and then, for longer than any server waits.
fn events() -> Upstream {
    Upstream::new(|connection| {
        if connection.head().is_some() {
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            for _ in 0..600 {
                connection.send("9\r\ndata: x\n\n\r\n");
                thread::sleep(Duration::from_millis(100));
            }
        }
    })
}

#[test]
fn a_stream_of_events_has_ten_seconds_when_the_server_ends() {
    let upstream = events();
    let mut gateway = with_site(ROOMY, &upstream, &[]);
    let mut client = gateway.connect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 1];
    client.read_exact(&mut first).unwrap();
    let told = Instant::now();
    gateway.signal("TERM");
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    let lasted = told.elapsed();
    // All that runs is broken off after 25 s.
    assert!((8..24).contains(&lasted.as_secs()), "{lasted:?}");
    assert!(rest.ends_with(b"0\r\n\r\n"), "it ends as a whole: {}", String::from_utf8_lossy(&rest));
    assert!(gateway.ended().success(), "{}", gateway.log());
}

fn ready(gateway: &Running) -> Answer {
    let output = gateway.output();
    let admin = output.lines().find_map(|line| line.strip_prefix("admin on http://")).unwrap();
    let mut connection = TcpStream::connect(admin).unwrap();
    connection.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    Answer::read(&connection).unwrap()
}

#[test]
fn it_is_ready_as_long_as_one_upstream_can_be_reached() {
    let admin = ["--admin", "127.0.0.1:0", "--database", "none"];
    let upstream = Upstream::answering(&crate::upstream::ok("hello"));
    let reached = with_site(ROOMY, &upstream, &[&admin[..], &["--upstream", "http://127.0.0.1:1"]].concat());
    reached.wait_for_output("upstream ");
    let told = ready(&reached);
    assert_eq!((told.status, told.json()["upstream"].as_str()), (200, Some("1 of 2 can be reached")));
    drop(reached);
    let scratch = crate::scratch::Scratch::new();
    let args = [&admin[..], &["--upstream", "http://127.0.0.1:1"]].concat();
    let args: Vec<_> = args.iter().map(std::ffi::OsStr::new).collect();
    let lost = Running::start(scratch, &args);
    lost.wait_for_output("upstream ");
    let told = ready(&lost);
    assert_eq!((told.status, told.json()["reason"].as_str()), (503, Some("upstream: cannot be reached")));
}
