//! A client that sends what it is told, byte by byte, and reads what comes back.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::soon;

/// One connection of HTTP/1.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("it listens"))
    }

    /// Hangs up with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends a GET, and reads the answer.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    /// Sends a GET with more fields, each with its line end, and reads the answer.
    pub(crate) async fn get_with(&mut self, path: &str, fields: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")).await
    }

    /// Sends so many GETs, and reads the statuses.
    pub(crate) async fn statuses(&mut self, path: &str, count: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        for _ in 0..count {
            statuses.push(self.get(path).await.status);
        }
        statuses
    }

    /// Sends a request to the letter, and reads the answer.
    pub(crate) async fn ask(&mut self, request: &str) -> Answer {
        self.send(request).await;
        if request.starts_with("HEAD") { self.head().await } else { self.answer().await }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the connection stands");
    }

    /// Reads an answer with its body.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        answer.body = self.body_of(&answer).await;
        answer
    }

    /// Reads the head of an answer; its body is left.
    pub(crate) async fn head(&mut self) -> Answer {
        let head = self.until(b"\r\n\r\n").await;
        Answer::read(&String::from_utf8(head).expect("fields are ASCII"))
    }

    /// Reads a chunk of a chunked body; the last is empty.
    pub(crate) async fn chunk(&mut self) -> String {
        let size = String::from_utf8(self.until(b"\r\n").await).expect("a size");
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a size");
        let mut chunk = self.exactly(size + 2).await;
        chunk.truncate(size);
        String::from_utf8(chunk).expect("text")
    }

    /// Whether the server hangs up without another byte.
    pub(crate) async fn is_hung_up_on(&mut self) -> bool {
        // A reset is an error, an orderly end is nothing read.
        self.unread.is_empty() && soon(self.stream.read(&mut [0])).await.unwrap_or(0) == 0
    }

    /// Reads until the server hangs up.
    pub(crate) async fn until_the_end(mut self) -> Vec<u8> {
        // A reset ends the reading as well.
        let _ = soon(self.stream.read_to_end(&mut self.unread)).await;
        self.unread
    }

    async fn body_of(&mut self, answer: &Answer) -> String {
        if matches!(answer.status, 101 | 204 | 304) {
            return String::new();
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            return self.chunks().await;
        }
        let length = answer.field("content-length").map_or(0, |length| length.parse().expect("a length"));
        String::from_utf8(self.exactly(length).await).expect("text")
    }

    async fn chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return body;
            }
            body += &chunk;
        }
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return self.take(at + end.len());
            }
            self.read_more().await;
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            self.read_more().await;
        }
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    async fn read_more(&mut self) {
        let read = soon(self.stream.read_buf(&mut self.unread)).await.expect("the connection stands");
        assert_ne!(read, 0, "the server hung up; unread: {:?}", String::from_utf8_lossy(&self.unread));
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn read(head: &str) -> Self {
        let (first, rest) = head.split_once("\r\n").expect("a status line");
        let status = first.split(' ').nth(1).expect("a status").parse().expect("a status");
        let fields = rest.lines().filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, fields, body: String::new() }
    }

    /// The only field of that name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| &**value);
        let first = values.next();
        assert_eq!(values.next(), None, "{name} comes twice");
        first
    }

    /// The names of its fields, in lower case.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// The number in a field.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        let value = self.field(name).unwrap_or_else(|| panic!("no {name} in {self:?}"));
        value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
    }

    /// The limit, what remains of it, the seconds to its reset, and what the request has used, where it is said.
    #[track_caller]
    pub(crate) fn standing(&self) -> (u64, u64, u64, Option<u64>) {
        let number = |name: &str| self.number(&format!("x-ratelimit-{name}"));
        let used = self.field("x-ratelimit-used").map(|_| number("used"));
        (number("limit"), number("remaining"), number("reset"), used)
    }

    #[track_caller]
    pub(crate) fn used(&self) -> u64 {
        self.number("x-ratelimit-used")
    }

    #[track_caller]
    pub(crate) fn remaining(&self) -> u64 {
        self.number("x-ratelimit-remaining")
    }

    /// Whether no field tells where the client stands.
    pub(crate) fn tells_nothing(&self) -> bool {
        let telling = |name: &str| name.starts_with("x-ratelimit-") || name == "retry-after";
        !self.fields.iter().any(|(name, _)| telling(name))
    }
}
