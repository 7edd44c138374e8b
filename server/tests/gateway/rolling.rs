//! A gateway that is replaced by another, and one whose files change, while requests come all the time: none of them fails.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::{Client, before};
use crate::redis::Redis;
use crate::running::eventually;
use crate::scratch::Scratch;
use crate::upstream::{Upstream, ok, values};

/// What clients ask all the time, until they are told to stop; the number of requests is what a test goes by.
struct Load {
    answered: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    limits: Arc<Mutex<Vec<String>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Four clients with a connection for each request, and four that keep theirs.
    fn on(address: SocketAddr) -> Self {
        let mut load = Self {
            answered: Arc::default(),
            most: Arc::new(AtomicUsize::new(usize::MAX)),
            failed: Arc::default(),
            limits: Arc::default(),
            clients: Vec::new(),
        };
        for client in 0..8 {
            let (answered, most) = (Arc::clone(&load.answered), Arc::clone(&load.most));
            let (failed, limits) = (Arc::clone(&load.failed), Arc::clone(&load.limits));
            load.clients.push(thread::spawn(move || {
                let keeps = client % 2 == 0;
                let mut kept = None;
                while answered.load(SeqCst) < most.load(SeqCst) {
                    match asked(address, &mut kept, keeps) {
                        Ok(limit) => {
                            let mut limits = limits.lock().unwrap();
                            if limits.last() != Some(&limit) {
                                limits.push(limit);
                            }
                        }
                        Err(why) => failed.lock().unwrap().push(why),
                    }
                    answered.fetch_add(1, SeqCst);
                }
            }));
        }
        load
    }

    /// Waits for so many more answers.
    fn goes_on(&self, count: usize) {
        let until = self.answered.load(SeqCst) + count;
        eventually(
            "answers",
            || (self.answered.load(SeqCst) >= until).then_some(()),
            || format!("{:?}", self.failed.lock().unwrap()),
        );
    }

    /// Has the clients stop, and says how many requests there were, and which limits were told one after another.
    fn ended(self) -> (usize, Vec<String>) {
        self.most.store(0, SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        let failed = self.failed.lock().unwrap();
        assert!(failed.is_empty(), "{} of {:?} failed: {failed:#?}", failed.len(), self.answered);
        (self.answered.load(SeqCst), std::mem::take(&mut self.limits.lock().unwrap()))
    }
}

/// The limit that an answer tells; or why there is no right answer.
///
/// As every client does, it asks once more where a kept connection was closed without a byte of an answer (RFC 9112, section 9.3.1).
fn asked(address: SocketAddr, kept: &mut Option<Client>, keeps: bool) -> Result<String, String> {
    if let Some(mut client) = kept.take()
        && let Ok(limit) = ask(&mut client, kept_fields(keeps))
    {
        *kept = limit.1.then_some(client);
        return Ok(limit.0);
    }
    let stream = TcpStream::connect(address).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut client = Client::on(stream);
    match ask(&mut client, kept_fields(keeps)) {
        Ok((limit, stays)) => {
            *kept = (keeps && stays).then_some(client);
            Ok(limit)
        }
        Err(answer) => Err(format!("{answer:?}")),
    }
}

const fn kept_fields(keeps: bool) -> &'static str {
    if keeps { "" } else { "Connection: close\r\n" }
}

/// The limit that is told, and whether the connection stays; or what came that is no answer.
fn ask(client: &mut Client, fields: &str) -> Result<(String, bool), String> {
    use std::io::Write as _;
    let sent = client.stream.write_all(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
    sent.map_err(|error| error.to_string())?;
    let answer = client.up_to("\r\n\r\nhello");
    match answer.strip_prefix("HTTP/1.1 200 OK\r\n") {
        Some(rest) if rest.ends_with("hello") => {
            let stays = !values(&answer, "connection").iter().any(|value| value == "close");
            Ok((values(&answer, "x-ratelimit-limit").concat(), stays))
        }
        _ => Err(answer),
    }
}

/// A gateway on a socket that it was passed.
struct Passed {
    child: Child,
    output: BufReader<ChildStdout>,
    log: Scratch,
}

/// Becomes the gateway with the standard input as the socket that is passed to it, as systemd does.
const ACTIVATE: &str = "\
import os, sys
os.dup2(0, 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
";

impl Passed {
    /// A gateway that serves.
    fn start(listener: &TcpListener, args: &[&str]) -> Self {
        let log = Scratch::new();
        let socket = OwnedFd::from(listener.try_clone().unwrap());
        let mut child = Command::new("python3")
            .args(["-c", ACTIVATE, env!("CARGO_BIN_EXE_timebudget"), "serve"])
            .args(args)
            .env_remove("RUST_LOG")
            .stdin(Stdio::from(socket))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log.path("log")).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let passed = Self { child, output, log };
        assert!(line.starts_with("listening on "), "{line}{}", passed.told());
        passed
    }

    fn told(&self) -> String {
        std::fs::read_to_string(self.log.path("log")).unwrap_or_default()
    }

    /// Tells it to end, and waits until it has.
    fn end(mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let Self { child, log, .. } = &mut self;
        let log = || std::fs::read_to_string(log.path("log")).unwrap_or_default();
        let status = eventually("the end", || child.try_wait().unwrap(), log);
        assert!(status.success(), "{status}: {}", self.told());
        let _ = self.output.fill_buf();
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn gateways_that_replace_each_other_on_one_socket_fail_no_request_and_refund_nothing() {
    let redis = Redis::start();
    let upstream = Upstream::answering(&ok("hello"));
    let scratch = Scratch::new();
    let site = scratch.write("site.json", r#"{ "rate_limit": "1000000 per year" }"#);
    let (store, uri) = (redis.uri() + "?deadline=10s", upstream.uri());
    let args = ["--site", site.to_str().unwrap(), "--store", &store, "--upstream", &uri, "--workers", "2"];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut serves = Passed::start(&listener, &args);
    let load = Load::on(address);
    for _ in 0..4 {
        load.goes_on(300);
        let next = Passed::start(&listener, &args);
        load.goes_on(100);
        std::mem::replace(&mut serves, next).end();
    }
    load.goes_on(300);
    let (count, limits) = load.ended();
    assert_eq!(limits, ["1000000"]);
    assert_eq!(upstream.heads().len(), count, "each was passed on once");
    let mut client = Client::on(TcpStream::connect(address).unwrap());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let left: usize = values(&client.head(), "x-ratelimit-remaining").concat().parse().unwrap();
    assert_eq!(left, 1_000_000 - count - 1, "{}", serves.told());
}

#[test]
fn files_that_change_under_load_fail_no_request() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    gateway.scratch.replace("site.json", r#"{ "rate_limit": "1000000 per year" }"#);
    gateway.wait_for_log("reloaded");
    let load = Load::on(gateway.address);
    let mut in_force = vec!["1000000".to_owned()];
    for limit in [1_000_001, 1_000_002, 1_000_003, 1_000_004, 1_000_005] {
        load.goes_on(200);
        gateway.scratch.replace("site.json", &format!(r#"{{ "rate_limit": "{limit} per year" }}"#));
        gateway.signal("HUP");
        in_force.push(limit.to_string());
        let seen = || load.limits.lock().unwrap().contains(&limit.to_string()).then_some(());
        eventually("the new limit", seen, || gateway.log());
    }
    // What is wrong changes nothing.
    gateway.scratch.replace("site.json", r#"{ "rate_limit": "nonsense" }"#);
    gateway.signal("HUP");
    gateway.wait_for_log("the rules in force stay");
    load.goes_on(200);
    let (count, mut limits) = load.ended();
    limits.dedup();
    limits.retain({
        let mut seen = Vec::new();
        move |limit| {
            !seen.contains(limit) && {
                seen.push(limit.clone());
                true
            }
        }
    });
    assert_eq!(limits, in_force);
    assert_eq!(upstream.heads().len(), count);
}
