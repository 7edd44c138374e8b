//! The gateway in front of an upstream, and what clients say to it.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::answer::Answer;
use crate::running::Running;
use crate::scratch::Scratch;
use crate::upstream::Upstream;

/// No limit that a test could reach.
pub(crate) const ROOMY: &str = r#"{ "rate_limit": "1000000 per year; 10000000s per year" }"#;

/// A gateway before an upstream, with these further arguments.
pub(crate) fn before(upstream: &Upstream, args: &[&str]) -> Running {
    with_site(ROOMY, upstream, args)
}

/// The same, with a site file of this text.
pub(crate) fn with_site(site: &str, upstream: &Upstream, args: &[&str]) -> Running {
    let uri = upstream.uri();
    start(site, &[&["--upstream", &uri], args].concat())
}

/// A gateway with a site file of this text, on one worker.
pub(crate) fn start(site: &str, args: &[&str]) -> Running {
    let scratch = Scratch::new();
    let file = scratch.write("site.json", site);
    let mut all: Vec<&OsStr> = vec!["--workers".as_ref(), "1".as_ref(), "--site".as_ref(), file.as_os_str()];
    all.extend(args.iter().map(OsStr::new));
    Running::start(scratch, &all)
}

/// A connection to the gateway that is kept from request to request.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn new(gateway: &Running) -> Self {
        Self::on(gateway.connect())
    }

    pub(crate) const fn on(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Everything up to a text, and the text; or all there is, if the connection ends before.
    pub(crate) fn up_to(&mut self, text: &str) -> String {
        let mut buffer = [0; 16 * 1024];
        loop {
            let found = self.unread.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                let taken: Vec<_> = self.unread.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            match self.stream.read(&mut buffer) {
                Ok(read) if read > 0 => self.unread.extend_from_slice(&buffer[..read]),
                _ => return String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned(),
            }
        }
    }

    /// The head of the next answer.
    pub(crate) fn head(&mut self) -> String {
        self.up_to("\r\n\r\n")
    }

    /// All that comes until the connection ends, and whether it ended in peace.
    pub(crate) fn rest(&mut self) -> (String, bool) {
        let mut bytes = std::mem::take(&mut self.unread);
        let ended = self.stream.read_to_end(&mut bytes).is_ok();
        (String::from_utf8_lossy(&bytes).into_owned(), ended)
    }
}

/// The answer to a POST of this body.
pub(crate) fn post(gateway: &Running, target: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let mut connection = gateway.connect();
    connection.write_all(head.as_bytes()).unwrap();
    // Who answers early may not read it all.
    let _ = connection.write_all(body);
    Answer::read(&connection).unwrap_or_else(|| panic!("no response to {head:?}\n{}", gateway.log()))
}
