//! A server with an admin listener and no database.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use crate::answer::Answer;
use crate::running::{Running, eventually};
use crate::scratch::Scratch;

/// A server, and where it tells how it is.
pub(crate) struct Monitored {
    pub(crate) server: Running,
    pub(crate) admin: SocketAddr,
}

impl Monitored {
    /// With one site file of this text, and more arguments.
    pub(crate) fn with_site(text: &str, more: &[&str]) -> Self {
        let scratch = Scratch::new();
        let file = scratch.write("site.json", text);
        Self::start(scratch, &[&["--site", file.to_str().unwrap()], more].concat())
    }

    pub(crate) fn start(scratch: Scratch, args: &[&str]) -> Self {
        let admin = ["--admin", "127.0.0.1:0", "--database", "none"];
        let args: Vec<_> = args.iter().chain(&admin).map(OsStr::new).collect();
        let server = Running::start(scratch, &args);
        server.wait_for_output("try:");
        let output = server.output();
        let line = output.lines().find_map(|line| line.strip_prefix("admin on http://"));
        let admin = line.expect("a line with the address").parse().unwrap();
        Self { server, admin }
    }

    /// The answer of the admin listener.
    pub(crate) fn ask(&self, path: &str, fields: &str) -> Answer {
        let mut connection = TcpStream::connect(self.admin).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{fields}\r\n");
        connection.write_all(head.as_bytes()).unwrap();
        Answer::read(&connection).unwrap_or_else(|| panic!("no answer to {head}"))
    }

    /// The page of metrics.
    pub(crate) fn metrics(&self) -> String {
        let answer = self.ask("/metrics", "");
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap()
    }

    /// The value of a metric with its labels, as it is written.
    pub(crate) fn value(&self, metric: &str) -> f64 {
        let page = self.metrics();
        let line = page.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{metric} in {page}")).parse().unwrap()
    }

    /// Waits until a metric has a value.
    pub(crate) fn wait_for(&self, metric: &str, value: f64) {
        eventually(metric, || (self.value(metric) == value).then_some(()), || self.metrics());
    }
}
