//! What lists of desync attacks try: http-garden's, smuggler's, PortSwigger's HTTP Request Smuggler, Http11Probe, and reports of proxies.
//!
//! Either it is refused and nothing reaches the upstream, or what reaches it can be read in one way alone, and is a request that the
//! gateway has taken for one as well: it has a line of its own in the access log.

mod bodies;
mod bytes;
mod heads;
mod http2;

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use crate::client::start;
use crate::running::{Running, eventually};
use crate::scratch::Scratch;
use crate::strict::{Heard, Strict};

/// A gateway before an upstream that takes everything by the letter.
struct Garden {
    upstream: Strict,
    gateway: Running,
    scratch: Scratch,
}

/// What is sent, and what has to become of it.
struct Case {
    bytes: Vec<u8>,
    is_refused: bool,
}

impl Garden {
    fn start() -> Self {
        let upstream = Strict::start();
        let uri = format!("http://{}", upstream.address);
        let scratch = Scratch::new();
        let log = scratch.path("access.log");
        let args = ["--upstream", &uri, "--access-log", log.to_str().unwrap()];
        let gateway = start(r#"{ "rate_limit": "1000000 per year" }"#, &args);
        Self { upstream, gateway, scratch }
    }

    /// Sends all of them, several at once, each on a connection of its own.
    fn try_all(&self, cases: &[Case]) {
        let answers: Vec<String> = thread::scope(|scope| {
            let shares: Vec<_> = (0..8)
                .map(|share| {
                    let mine = cases.iter().skip(share).step_by(8);
                    scope.spawn(move || mine.map(|case| self.answers(&case.bytes)).collect::<Vec<_>>())
                })
                .collect();
            let shares: Vec<_> = shares.into_iter().map(|share| share.join().unwrap()).collect();
            (0..cases.len()).map(|number| shares[number % 8][number / 8].clone()).collect()
        });
        let heard = self.upstream.heard();
        for (number, (case, answers)) in cases.iter().zip(&answers).enumerate() {
            let sent = String::from_utf8_lossy(&case.bytes);
            let heard: Vec<_> = heard.iter().filter(|heard| heard.case == number.to_string()).collect();
            let served = answers.matches("HTTP/1.1 200 OK").count();
            assert!(served <= heard.len(), "{sent:?} was answered {answers}\nand heard as {heard:?}");
            if case.is_refused {
                assert!(heard.is_empty(), "{sent:?} was heard as {heard:?}");
                let is_told = answers.is_empty()
                    || answers.starts_with("HTTP/1.1 4")
                    || answers.starts_with("HTTP/1.0 4");
                assert!(is_told, "{sent:?}: {answers}");
            }
        }
        assert_eq!(self.upstream.faults(), [""; 0], "what the upstream could read in two ways");
        let names: HashSet<_> = heard.iter().map(Heard::id).collect();
        assert_eq!(
            names.len(),
            heard.len(),
            "the upstream has heard requests that have no name of their own"
        );
        eventually(
            "a line for each",
            || self.logged().is_superset(&names.iter().map(ToString::to_string).collect()).then_some(()),
            || format!("heard {heard:#?}"),
        );
        assert!(!self.gateway.log().contains("panicked"), "{}", self.gateway.log());
    }

    /// The names of requests that the gateway has taken for such.
    fn logged(&self) -> HashSet<String> {
        let log = fs::read_to_string(self.scratch.path("access.log")).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.map(|line| line["request_id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// All that comes back, until the connection ends; one on which nothing happens any more is ended.
    fn answers(&self, bytes: &[u8]) -> String {
        let mut connection = self.gateway.connect();
        connection.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let _ = connection.write_all(bytes);
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        loop {
            match connection.read(&mut some) {
                Ok(0) => break,
                Ok(count) => all.extend_from_slice(&some[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = connection.shutdown(Shutdown::Write);
                }
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Cases of one kind, numbered as they come.
#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    /// A request of these pieces, `#` being its number, with a whole one behind it that is the connection's last.
    fn add(&mut self, is_refused: bool, pieces: &[&[u8]]) {
        let number = self.0.len().to_string();
        let last = "GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Case: #\r\nConnection: close\r\n\r\n";
        let text = [&pieces.concat()[..], last.as_bytes()].concat();
        let bytes = text.split(|byte| *byte == b'#').collect::<Vec<_>>().join(number.as_bytes());
        self.0.push(Case { bytes, is_refused });
    }

    /// A POST with these fields, behind which an empty line and a body come.
    fn post(&mut self, is_refused: bool, fields_and_body: &[u8]) {
        self.add(is_refused, &[b"POST /# HTTP/1.1\r\nHost: a\r\nX-Case: #\r\n", fields_and_body]);
    }
}
