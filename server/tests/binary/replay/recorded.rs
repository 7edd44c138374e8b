//! A server that has run, and the replay of what it has served: the same requests are refused.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
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

/// Rules of other kinds before an upstream: tiers of keys and of users, a budget that ends what runs, a cap, charges that the upstream
/// tells, and paths that are closed.
const BEFORE: &str = r#"{
    "rate_limit_upstream_charges": true,
    "rate_limit_tiers": { "gold": { "multiplier": 2 } },
    "rate_limit_users": { "ben": { "tier": "gold" } },
    "rate_limit_api_keys": {
        "sha256:dbe06c1dd03bb0dfe9193e2aec754eb3cd26321da4c760ef421ad76376bda8a3": { "name": "Acme", "tier": "gold" },
        "sha256:acbeca2497d09a6fe303b8f5f0486a164d6064a9059a2809bdab2946601277c6": { "name": "Ben", "user": "ben" },
        "sha256:8855bec31dd1b0583e95f9456d591866e8615357c23e35932fd7759d8ddedada": { "name": "Plain", "user": "ann" }
    },
    "rate_limit_rules": [
        { "name": "closed", "when": { "path": { "glob": "/wp-*" } }, "key": "ip", "limits": "0 per year", "action": { "block": { "status": 403 } } },
        { "name": "keys", "when": { "path": { "prefix": "/page" } }, "key": "api_key", "limits": "3 per year" },
        { "name": "gold", "when": { "path": { "prefix": "/gold" }, "tier": "gold" }, "key": "ip", "limits": "1 per year" },
        { "name": "hard", "when": { "path": { "prefix": "/hard" } }, "key": "site", "limits": "3s per year", "overrun": "cut" },
        { "name": "places", "when": { "path": { "prefix": "/slow" } }, "key": "site", "limits": "2 concurrent" },
        { "name": "free", "when": { "path": { "prefix": "/free" } }, "key": "ip", "limits": "2 per year; 1200ms per year" },
        { "name": "dear", "when": { "path": { "prefix": "/dear" } }, "key": "ip", "limits": "1s per year" }
    ]
}"#;

/// An upstream that says what its answers cost, takes its time, or waits until it is told to answer.
struct Upstream {
    address: SocketAddr,
    /// How many wait, and whether they may go on.
    waiting: Arc<(Mutex<(usize, bool)>, Condvar)>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, waiting) = (listener.local_addr().unwrap(), Arc::default());
        let shared = Arc::clone(&waiting);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let waiting = Arc::clone(&shared);
                thread::spawn(move || Self::answer(&connection, &waiting));
            }
        });
        Self { address, waiting }
    }

    fn answer(mut connection: &TcpStream, (state, told): &(Mutex<(usize, bool)>, Condvar)) {
        let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
        while let Some(first) = lines.next() {
            lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
            let path = first.split(' ').nth(1).unwrap_or_default();
            let field = match path.split('/').nth(1).unwrap_or_default() {
                "free" => "X-RateLimit-Waive: 1\r\n",
                "dear" => "X-RateLimit-Charge: 300ms\r\n",
                _ => "",
            };
            if path.starts_with("/hard") || path.starts_with("/free") {
                thread::sleep(Duration::from_millis(1_200));
            }
            if path.starts_with("/slow") {
                let mut waiting = state.lock().unwrap();
                waiting.0 += 1;
                told.notify_all();
                drop(told.wait_while(waiting, |waiting| !waiting.1).unwrap());
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{field}\r\nok");
            if connection.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    /// Waits until so many wait.
    fn until(&self, count: usize) {
        let (state, told) = &*self.waiting;
        drop(told.wait_while(state.lock().unwrap(), |waiting| waiting.0 < count).unwrap());
    }

    /// Lets those who wait go on, and who comes after them.
    fn go_on(&self) {
        let (state, told) = &*self.waiting;
        state.lock().unwrap().1 = true;
        told.notify_all();
    }
}

/// The status of the answer to a request with an API key, or none.
fn status(address: SocketAddr, target: &str, key: &str) -> u16 {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let key = if key.is_empty() { String::new() } else { format!("x-api-key: {key}\r\n") };
    let head = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n{key}connection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    Answer::read(&connection).unwrap().status
}

/// What the upstream has made free was charged to the replay as if it had cost its time, and counted; and a log did not say by which key
/// its clients had their tiers.
#[test]
fn tiers_caps_cuts_charges_and_what_was_made_free_are_in_the_replay_as_they_were_served() {
    let upstream = Upstream::start();
    let scratch = Scratch::new();
    let (site, log) = (scratch.write("site.json", BEFORE), scratch.path("served.log"));
    let to = format!("http://{}", upstream.address);
    let args = [
        "--site".as_ref(),
        site.as_os_str(),
        "--access-log".as_ref(),
        log.as_os_str(),
        "--upstream".as_ref(),
        to.as_ref(),
    ];
    let server = Running::start(scratch, &args);
    let mut asked = 0;
    let mut ask = |target: &str, key: &str, count: usize| {
        asked += count;
        (0..count).map(|_| status(server.address, target, key)).collect::<Vec<_>>()
    };
    assert_eq!(ask("/wp-login.php", "", 2), [403; 2]);
    // Three for a key without a tier, and twice that of gold, by the key or by its user.
    for (key, served) in [("k-plain", 3), ("k-gold", 6), ("k-user", 6)] {
        let statuses = ask("/page", key, 8);
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), served, "{key}");
    }
    assert_eq!(ask("/gold", "k-plain", 3), [200; 3]);
    assert_eq!(ask("/gold", "k-user", 4), [200, 200, 429, 429]);
    assert_eq!(ask("/free", "", 4), [200; 4], "what is free is neither charged nor counted");
    // The fourth begins with a tenth of a second left, and is charged three.
    assert_eq!(ask("/dear", "", 6), [200, 200, 200, 200, 429, 429]);
    // The third has half of its time, and is ended; the fourth has nothing.
    assert_eq!(ask("/hard", "", 4)[..3], [200, 200, 429]);
    let address = server.address;
    let slow: Vec<_> = (1..=2)
        .map(|count| {
            let slow = thread::spawn(move || status(address, "/slow", ""));
            upstream.until(count);
            slow
        })
        .collect();
    assert_eq!(ask("/slow", "", 2), [429; 2]);
    upstream.go_on();
    assert!(slow.into_iter().all(|slow| slow.join().unwrap() == 200));
    asked += 2;
    let (log, refused) = logged(&server, asked);
    for rule in ["closed", "keys", "gold", "dear", "hard", "places"] {
        assert!(refused.iter().any(|(_, by)| by == rule), "{rule} in {refused:?}");
    }
    let (scratch, file) = with_log(&log);
    let replayed = Replayed::of(&scratch, BEFORE, &[&file], &[]);
    assert_eq!(replayed.requests.len(), asked);
    // What was ended amid its work was served up to there: it was charged, and the replay ends it, too.
    let line = |number: u64| {
        serde_json::from_str::<serde_json::Value>(log.lines().nth(number as usize - 1).unwrap()).unwrap()
    };
    let (cut, refused): (Vec<_>, Vec<_>) =
        refused.into_iter().partition(|(number, _)| line(*number)["charged_us"].as_u64() > Some(0));
    assert_eq!(cut.iter().map(|(_, rule)| &rule[..]).collect::<Vec<_>>(), ["hard"], "{log}");
    assert_eq!(replayed.refused(), refused, "{}\n{log}", replayed.printed);
    assert!(!replayed.printed.contains("warning"), "{}", replayed.printed);
    // Nothing of what was free is spent, and one was cut.
    replayed.says("1 ended before their time");
    let secret = ["k-gold", "k-user", "k-plain"].iter().any(|key| log.contains(key));
    assert!(!secret, "{log}");
}
