//! A small HTTP/1.1 client that keeps a server busy over kept-alive connections.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use super::target::Target;

const CONNECTIONS: usize = 32;

/// What a client asks for, one request after another.
pub(crate) struct Requests {
    target: Target,
    nth: u64,
}

impl Requests {
    pub(crate) const fn new(target: Target) -> Self {
        Self { target, nth: 0 }
    }

    fn next(&mut self) -> String {
        let path = self.target.path(self.nth);
        self.nth += 1;
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
    }
}

/// Sends requests for `span`, one outstanding on each of 32 connections, and returns how many were answered.
///
/// Each response is read whole before its connection is used again, in turn, so the server always has thirty
/// requests waiting and is never short of work.
///
/// # Panics
///
/// If a response has another status than `status`: a limiter that does not limit would be measured.
pub(crate) fn send(port: u16, span: Duration, status: u16, requests: &mut Requests) -> Result<u64> {
    let mut connections = connect(port, requests)?;
    let began = Instant::now();
    let mut answered = 0;
    while began.elapsed() < span {
        for connection in &mut connections {
            assert_eq!(receive(connection)?, status, "the subject answered with another status");
            connection.write_all(requests.next().as_bytes())?;
        }
        answered += CONNECTIONS as u64;
    }
    for connection in &mut connections {
        receive(connection)?;
    }
    Ok(answered + CONNECTIONS as u64)
}

/// Sends one request, whatever its answer: what a quota of one is spent by.
pub(crate) fn send_one(port: u16, requests: &mut Requests) -> Result<u16> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.write_all(requests.next().as_bytes())?;
    receive(&mut connection)
}

/// Opens the connections, with a request under way on each.
fn connect(port: u16, requests: &mut Requests) -> Result<Vec<TcpStream>> {
    let mut open = |_| {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_nodelay(true)?;
        connection.write_all(requests.next().as_bytes())?;
        Ok(connection)
    };
    (0..CONNECTIONS).map(&mut open).collect()
}

/// Reads one response and returns its status.
fn receive(connection: &mut TcpStream) -> Result<u16> {
    let mut buffer = [0; 4096];
    let mut length = 0;
    loop {
        let read = connection.read(&mut buffer[length..])?;
        assert!(read > 0, "the server closed a connection, or answered with more than {length} bytes");
        length += read;
        if let Some(status) = complete(&buffer[..length]) {
            return Ok(status);
        }
    }
}

/// The status of a response that has arrived whole.
fn complete(response: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(response).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    (body.len() >= length.unwrap_or(0)).then(|| head[9..12].parse().ok())?
}
