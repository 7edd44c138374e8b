//! A redis-server of a test's own.
//!
//! `TIMEBUDGET_REDIS_SERVER` names another program to start instead: an older Redis, or Valkey.

use std::iter;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::until;

/// A server on a port of its own, that ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    dir: PathBuf,
    options: Vec<String>,
    password: Option<String>,
}

/// Marks the options of a sentinel: its file follows.
const SENTINEL: &str = "sentinel";

static SERVERS: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A replica that has all that its master has.
    pub(crate) async fn replica_of(master: &Self) -> Self {
        let replica = Self::with(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        let follows = || replica.cli(&["info", "replication"]).contains("master_link_status:up");
        until("the replica follows", async || follows()).await;
        replica
    }

    /// A sentinel that watches a master, which it calls shop.
    pub(crate) fn sentinel(master: &Self) -> Self {
        Self::sentinel_of(master, master.port, "")
    }

    /// A sentinel that watches a master at one of its ports, with more lines in its file.
    pub(crate) fn sentinel_of(master: &Self, port: u16, lines: &str) -> Self {
        let file = master.dir.join("sentinel.conf");
        let watch = format!(
            "{lines}sentinel monitor shop 127.0.0.1 {port} 1\nsentinel down-after-milliseconds shop 500\n\
             sentinel failover-timeout shop 3000\n",
        );
        std::fs::write(&file, watch).unwrap();
        Self::with(&[SENTINEL, file.to_str().unwrap()])
    }

    /// A server with more options.
    pub(crate) fn with(options: &[&str]) -> Self {
        let start = || Self::at(free_port(), options);
        iter::repeat_with(start)
            .take(9)
            .flatten()
            .next()
            .expect("redis-server starts on one of nine free ports")
    }

    /// A server on a port that was free; `None` if somebody else has taken it since.
    pub(crate) fn at(port: u16, options: &[&str]) -> Option<Self> {
        crate::journal::keep();
        let number = SERVERS.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("timebudget-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let password = options.iter().skip_while(|option| **option != "--requirepass").nth(1);
        let password = password.map(|password| (*password).to_owned());
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let child = spawn(port, &dir, &options);
        let mut server = Self { child, port, dir, options, password };
        server.answers().then_some(server)
    }

    pub(crate) fn uri(&self, parameters: &str) -> String {
        format!("redis://127.0.0.1:{}/?{parameters}", self.port)
    }

    /// Runs a command and returns what it prints.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let mut command = Command::new("redis-cli");
        command.args(["-p", &port]).args(arguments);
        if let Some(password) = &self.password {
            command.env("REDISCLI_AUTH", password);
        }
        let output = command.output().expect("redis-cli is needed: install redis-tools (Debian) or redis");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The scripts that were called since the server's start or the last reset.
    pub(crate) fn calls(&self) -> u64 {
        let stats = self.cli(&["info", "commandstats"]);
        let count = |verb: &str| {
            let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{verb}:calls=")));
            line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        count("eval") + count("evalsha")
    }

    pub(crate) fn keys(&self, pattern: &str) -> Vec<String> {
        let keys = self.cli(&["--scan", "--pattern", pattern]);
        keys.lines().map(str::to_owned).filter(|key| !key.is_empty()).collect()
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again on the same port: empty, unless it has saved something.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.dir, &self.options);
        assert!(self.answers(), "redis-server starts again on port {}", self.port);
    }

    /// Sends SIGSTOP.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Sends SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until the server answers; `false` if it ends instead.
    fn answers(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(60);
        let own = format!("process_id:{}\r", self.child.id());
        loop {
            // It says who it is, for it may be another test's server that has taken the port since it was found free.
            if self.cli(&["info", "server"]).contains(&own) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < until, "redis-server does not answer on port {}", self.port);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn program() -> String {
    std::env::var("TIMEBUDGET_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

fn spawn(port: u16, dir: &PathBuf, options: &[String]) -> Child {
    let port = port.to_string();
    let mut command = Command::new(program());
    match options {
        [sentinel, file] if sentinel == SENTINEL => command.args([file, "--port", &port, "--sentinel"]),
        _ => command.args(["--port", &port, "--save", "", "--appendonly", "no", "--loglevel", "warning"]),
    };
    if options.first().is_none_or(|first| first != SENTINEL) {
        command.args(options);
    }
    command
        .arg("--dir")
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is needed for these tests: install redis-server (Debian) or redis")
}

/// By how much the port on which the nodes of a cluster speak to each other is higher than the other one.
pub(crate) const BUS: u16 = 10_000;

/// A port that nobody listens on, and that leaves room for a cluster's.
///
/// It lies below those that systems hand out by themselves, so nobody gets it who asks for any, and a process begins in a
/// place of its own.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = (std::process::id() % 100) as u16 * 100;
    let next = || 12_000 + own + NEXT.fetch_add(1, Ordering::Relaxed) % 10_000;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    iter::repeat_with(next).find(is_free).unwrap()
}
