//! A request over a socket, for what the tests do behind the pages' back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// Sends JSON, and returns the status and the JSON that came back; null where it was none.
pub(crate) fn call(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let mut socket = TcpStream::connect(to).expect("the application listens");
    let has_host = headers.iter().any(|(name, _)| *name == "host");
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !has_host {
        head += &format!("host: {to}\r\n");
    }
    if !body.is_empty() {
        head += "content-type: application/json\r\n";
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    write!(socket, "{head}\r\n{body}").expect("the application reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the application answers");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
