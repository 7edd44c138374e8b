//! A server that has run, and the replay of what it has served: the same requests are refused.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::{Replayed, with_log};
use crate::answer::Answer;
use crate::running::{Running, eventually};
use crate::scratch::Scratch;

/// Rules whose windows end in no test: time for all, requests by client, failures, caps, and bans.
const SITE: &str = r#"{
    "rate_limit_rules": [
        { "name": "ban", "counts": "refusals", "key": "ip", "limits": "12 per year" },
        { "name": "work", "when": { "path": { "prefix": "/work" } }, "key": "site", "limits": "1s per year" },
        { "name": "pages", "when": { "path": { "prefix": "/page" } }, "key": "ip", "limits": "5 per year" },
        { "name": "failures", "when": { "path": "/login", "method": "POST" }, "key": "ip", "limits": "3 per year", "charge_when": { "status": ["4xx"] } },
        { "name": "streams", "when": { "path": { "prefix": "/stream" } }, "key": "site", "limits": "3 concurrent" }
    ]
}"#;

/// What a client has seen of a request.
struct Seen {
    begun: SystemTime,
    ended: SystemTime,
    client: IpAddr,
    method: &'static str,
    target: String,
    answer: Option<Answer>,
}

impl Seen {
    /// The line that the server's own log has of it.
    fn line(&self) -> String {
        let micros =
            |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as i64;
        let (begun, ended) = (micros(self.begun), micros(self.ended));
        let time = chrono::DateTime::from_timestamp_micros(begun).unwrap();
        let answer = self.answer.as_ref().unwrap();
        let rule = (answer.status == 429).then(|| answer.json()["rule"].as_str().unwrap().to_owned());
        let charged = answer.header("x-ratelimit-used").filter(|_| self.target.starts_with("/work"));
        json!({
            "time": time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            "client": self.client.to_string(),
            "site": "localhost",
            "method": self.method,
            "path": self.target.split('?').next(),
            "status": answer.status,
            "charged_us": charged.map_or(0, |used| used.parse().unwrap()),
            "elapsed_us": ended - begun,
            "rule": rule,
            "request_id": "x",
        })
        .to_string()
    }
}

fn connect(server: &Running, client: IpAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(client, 0).into()).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let connection = TcpStream::from(socket);
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    connection
}

fn ask(connection: &mut TcpStream, method: &str, target: &str) {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
}

fn whole(server: &Running, client: u8, method: &'static str, target: &str) -> Seen {
    let client = IpAddr::from([127, 0, 0, client]);
    let mut connection = connect(server, client);
    let begun = SystemTime::now();
    ask(&mut connection, method, target);
    let answer = Answer::read(&connection);
    Seen { begun, ended: SystemTime::now(), client, method, target: target.to_owned(), answer }
}

/// Streams that run beside each other: each begins when the head of the one before it has come.
fn streams(server: &Running, count: u8) -> Vec<Seen> {
    let target = "/stream?chunks=3&bytes=10&gap=2000";
    let mut open = Vec::new();
    for at in 0..count {
        let client = IpAddr::from([127, 0, 0, 100 + at]);
        let mut connection = connect(server, client);
        let begun = SystemTime::now();
        ask(&mut connection, "GET", target);
        connection.peek(&mut [0]).unwrap();
        open.push((client, begun, connection));
    }
    let ended = |(client, begun, mut connection): (IpAddr, SystemTime, TcpStream)| {
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).unwrap();
        let (ended, answer) = (SystemTime::now(), Answer::parse(&bytes));
        Seen { begun, ended, client, method: "GET", target: target.to_owned(), answer }
    };
    open.into_iter().map(ended).collect()
}

/// A server that writes its own log.
fn logging() -> Running {
    let scratch = Scratch::new();
    let (site, log) = (scratch.write("site.json", SITE), scratch.path("served.log"));
    let args = ["--site".as_ref(), site.as_os_str(), "--access-log".as_ref(), log.as_os_str()];
    Running::start(scratch, &args)
}

/// The server's own log, once all its lines are there; and which of them were refused, by which rule.
fn logged(server: &Running, lines: usize) -> (String, Vec<(u64, String)>) {
    let read = || std::fs::read_to_string(server.scratch.path("served.log")).unwrap_or_default();
    let log =
        eventually("the log", || Some(read()).filter(|log| log.lines().count() == lines), || server.log());
    let rule = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["rule"].as_str().map(str::to_owned)
    };
    let refused = (1..).zip(log.lines()).filter_map(|(number, line)| Some((number, rule(line)?))).collect();
    (log, refused)
}

#[test]
fn what_a_server_has_refused_is_refused_in_the_replay_of_its_log_request_by_request() {
    let server = logging();
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(whole(&server, 2, "GET", "/work?ms=250"));
    }
    for at in 0..24 {
        seen.push(whole(&server, 3 + at % 3, "GET", &format!("/page/{at}?token=secret")));
    }
    for at in 0..9 {
        let status = if at % 2 == 0 { 403 } else { 200 };
        seen.push(whole(&server, 9, "POST", &format!("/login?status={status}")));
    }
    for _ in 0..20 {
        seen.push(whole(&server, 10, "GET", "/page/1"));
    }
    seen.extend(streams(&server, 5));
    let log: String = seen.iter().map(|seen| seen.line() + "\n").collect();
    let refused: Vec<_> = (1..)
        .zip(&seen)
        .filter(|(_, seen)| seen.answer.as_ref().unwrap().status == 429)
        .map(|(line, seen)| (line, seen.answer.as_ref().unwrap().json()["rule"].as_str().unwrap().to_owned()))
        .collect();
    // Of each rule something was refused, so that something is compared.
    for rule in ["work", "pages", "failures", "streams", "ban"] {
        assert!(refused.iter().any(|(_, by)| by == rule), "{rule} in {refused:?}");
    }
    let (scratch, log) = with_log(log);
    let replayed = Replayed::of(&scratch, SITE, &[&log], &[]);
    assert_eq!(replayed.requests.len(), seen.len());
    assert_eq!(replayed.refused(), refused);
    let (own, refused_by_own) = logged(&server, seen.len());
    assert_eq!(refused_by_own.len(), refused.len());
    let (scratch, own) = with_log(own);
    assert_eq!(Replayed::of(&scratch, SITE, &[&own], &[]).refused(), refused_by_own);
    let told = replayed.requests.iter().map(serde_json::Value::to_string).collect::<String>();
    assert!(!told.contains("secret") && !replayed.printed.contains("secret"));
}

/// A preview's hosts have rules of their own; the log says which host was asked for.
#[test]
fn what_was_refused_by_its_host_is_refused_in_the_replay() {
    const SITE: &str = r#"{
        "rate_limit_hosts": ["shop.example"],
        "rate_limit_unpublished_hosts": ["*.preview.example"],
        "rate_limit_rules": [
            { "name": "previews", "when": { "host": "*.preview.example" }, "key": "site", "limits": "2 per year" },
            { "name": "each", "key": ["ip", "host"], "limits": "4 per year" }
        ]
    }"#;
    let scratch = Scratch::new();
    let (site, log) = (scratch.write("site.json", SITE), scratch.path("served.log"));
    let args = ["--site".as_ref(), site.as_os_str(), "--access-log".as_ref(), log.as_os_str()];
    let server = Running::start(scratch, &args);
    let hosts = ["shop.example", "a.preview.example", "b.preview.example", "shop.example:8080"];
    for at in 0..12 {
        let mut connection = connect(&server, IpAddr::from([127, 0, 0, 2]));
        let head = format!("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", hosts[at % 4]);
        connection.write_all(head.as_bytes()).unwrap();
        Answer::read(&connection).unwrap();
    }
    let (own, refused) = logged(&server, 12);
    let by: Vec<_> = refused.iter().map(|(_, rule)| &rule[..]).collect();
    assert_eq!(by, ["previews", "previews", "each", "previews", "previews", "each"], "{own}");
    let (scratch, own) = with_log(own);
    assert_eq!(Replayed::of(&scratch, SITE, &[&own], &[]).refused(), refused);
}
