//! A PostgreSQL server of the tests' own: in a directory that goes with it, on a socket there, and on no port.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Executor as _};

/// A server. It ends with the value, and with this process, whatever becomes of it.
pub(crate) struct Server {
    directory: PathBuf,
    /// Its standard input is what the server lives by.
    keeper: Child,
}

/// What the keeper does: starts the server when it is told to, and ends it when nobody holds the other end of its input.
///
/// What files may have in kibibytes is the fourth argument; a server that may write no more says so, and goes on.
const KEEPER: &str = r#"
trap '' XFSZ
while read -r _; do
    ( ulimit -S -f "$4" 2>/dev/null; exec "$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off \
        -c max_connections=300 $3 >>"$2/log" 2>&1 ) &
    server=$!
    echo $server >"$2/pid"
done
kill -CONT $server 2>/dev/null
kill -INT $server 2>/dev/null
wait $server
rm -rf "$2"
"#;

impl Server {
    /// The server that tests share, each with a database of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(""))
    }

    /// A server of one's own, to be treated badly.
    pub(crate) fn start(arguments: &str) -> Self {
        Self::start_with(arguments, &[], "unlimited")
    }

    /// A server whose files have at most so many KiB.
    pub(crate) fn start_small(kibibytes: u32) -> Self {
        // A file of the log of writes has 1 MiB then.
        Self::start_with("-c wal_recycle=off", &["--wal-segsize=1"], &kibibytes.to_string())
    }

    fn start_with(arguments: &str, of_initdb: &[&str], most: &str) -> Self {
        let programs = programs();
        let made =
            as_nobody(Path::new("mktemp")).args(["-d", "/tmp/tb-pg-XXXXXX"]).output().expect("mktemp runs");
        let directory = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        let made = as_nobody(&programs.join("initdb"))
            .args([
                "-D",
                &format!("{}/data", directory.display()),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
            ])
            .arg("--locale=C")
            .args(of_initdb)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let keeper = as_nobody(Path::new("bash"))
            .args([
                "-c",
                KEEPER,
                "keeper",
                programs.to_str().unwrap(),
                directory.to_str().unwrap(),
                arguments,
                most,
            ])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the keeper runs");
        let mut server = Self { directory, keeper };
        server.start_again();
        server
    }

    /// Starts the server again after it was killed.
    pub(crate) fn start_again(&mut self) {
        self.keeper.stdin.as_mut().unwrap().write_all(b"start\n").expect("the keeper listens");
        self.wait_until_it_answers();
    }

    /// Kills the server and all that it has started, and waits until they are gone.
    pub(crate) fn kill(&self) {
        let all = self.processes();
        signal("KILL", &all);
        while all.iter().any(|process| is_running(process)) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// An empty database of its own; returns its URI.
    pub(crate) async fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("limits{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = self.connect("postgres").await;
        connection.execute(format!("CREATE DATABASE {name}").as_str()).await.expect("a database is made");
        self.uri(&name)
    }

    /// The URI of a database.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("postgres://postgres@localhost/{name}?host={}", self.directory.display())
    }

    /// A connection to a database of it.
    pub(crate) async fn connect(&self, name: &str) -> PgConnection {
        let options: PgConnectOptions = self.uri(name).parse().unwrap();
        options.connect().await.expect("the server answers")
    }

    /// Sends a signal to the server and all that it has started.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.processes());
    }

    /// Lets its files grow again.
    pub(crate) fn let_grow(&self) {
        for (at, process) in self.processes().iter().enumerate() {
            let mut raise = as_nobody(Path::new("prlimit"));
            raise.args(["--pid", process, "--fsize=unlimited:unlimited"]).stderr(Stdio::null());
            // The first is the server; of the others some may have ended by themselves.
            let is_done = raise.status().expect("prlimit runs").success();
            assert!(is_done || at > 0, "the server's files may grow");
        }
    }

    fn processes(&self) -> Vec<String> {
        let pid = fs::read_to_string(self.directory.join("pid")).expect("the keeper has written it");
        let server = pid.trim().to_owned();
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &server]).output().expect("ps runs");
        let children = String::from_utf8(children.stdout).unwrap();
        [server].into_iter().chain(children.split_whitespace().map(str::to_owned)).collect()
    }

    fn wait_until_it_answers(&self) {
        let is_ready = || {
            let ready =
                Command::new(programs().join("pg_isready")).args(["-q", "-h"]).arg(&self.directory).status();
            ready.is_ok_and(|status| status.success())
        };
        for _ in 0..600 {
            if is_ready() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        panic!("the server does not answer: {log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn signal(name: &str, processes: &[String]) {
    // Some may have ended by themselves.
    let _ = Command::new("kill").arg(format!("-{name}")).args(processes).stderr(Stdio::null()).status();
}

/// What has ended and was not waited for yet runs no more.
fn is_running(process: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

/// The newest version of the server that is installed; its programs are in no `PATH`.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    found.max().expect("PostgreSQL is needed by the tests; install the package postgresql")
}

/// A program, run by somebody whom a server lets run it: it refuses to be run by root.
fn as_nobody(program: &Path) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program).current_dir("/");
    command
}
