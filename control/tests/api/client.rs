//! A client that speaks HTTP/1.1 over a socket, and writes what it is told to.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes: a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that is put together.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    to: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(to: SocketAddr, method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { to, method, target, headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A body that says it is JSON, whatever it is.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self.header("Content-Type", "application/json")
    }

    /// A body of which nothing is said; one that has no length is told by its headers.
    pub(crate) fn raw_body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// Sends it, and reads what comes until the connection ends.
    pub(crate) fn send(self) -> Answer {
        let mut bytes = Vec::new();
        let _ = self.begin().read_to_end(&mut bytes);
        Answer::parse(&bytes)
            .unwrap_or_else(|| panic!("no answer to {self:?}: {}", String::from_utf8_lossy(&bytes)))
    }

    /// Sends it, and goes away after a while without a word.
    pub(crate) fn send_and_reset(self, after: Duration) {
        let socket = socket2::Socket::from(self.begin());
        std::thread::sleep(after);
        // With that a socket is reset when it is closed.
        socket.set_linger(Some(Duration::ZERO)).expect("a socket can be reset");
    }

    /// Sends it.
    fn begin(&self) -> TcpStream {
        let mut socket = TcpStream::connect(self.to).expect("the application listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket can time out");
        let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.target);
        let has = |name| self.headers.iter().any(|(found, _)| found == name);
        if !has("Host") {
            head += &format!("Host: {}\r\n", self.to);
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = &self.body
            && !has("Content-Length")
            && !has("Transfer-Encoding")
        {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        socket.write_all(head.as_bytes()).expect("the head is taken");
        // Whoever is answered early need not have been heard to the end.
        let _ = socket.write_all(self.body.as_deref().unwrap_or_default());
        socket
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let fields = lines.filter_map(|line| line.split_once(": "));
        let headers: Vec<_> =
            fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let is_chunked = headers.contains(&("transfer-encoding".to_owned(), "chunked".to_owned()));
        let body = &bytes[end + 4..];
        let body = if is_chunked { joined(body)? } else { body.to_vec() };
        Some(Self { status, headers, body })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is a text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The JSON of an answer of this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        match self.body.is_empty() {
            true => Value::Null,
            false => self.json(),
        }
    }

    /// The problem of an answer of this status: its errors as lines of path and message, or else its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
        let errors = problem["errors"].as_array().expect("a problem has a list of errors").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let lines: Vec<_> =
            errors.map(|error| format!("{}: {}", text(&error["path"]), text(&error["message"]))).collect();
        match lines.is_empty() {
            true => text(&problem["detail"]),
            false => lines.join("\n"),
        }
    }
}

/// The chunks of a chunked body, joined; `None` if the last is missing.
fn joined(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        if size == 0 {
            return Some(joined);
        }
        joined.extend_from_slice(body.get(end + 2..end + 2 + size)?);
        body = body.get(end + 4 + size..)?;
    }
}
