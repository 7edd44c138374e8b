//! The binary, running.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::scratch::Scratch;

/// How long to wait for what must happen; only a test that fails takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a command prints, once it has ended well.
pub(crate) fn printed<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    let output = timebudget(args).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A command of the binary.
pub(crate) fn timebudget<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_timebudget"));
    command.args(args).env_remove("RUST_LOG").env_remove("TZDIR").stdin(Stdio::null());
    command
}

/// A server on a port of its own, killed at the end of the test.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    output: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
    /// The site file's directory, which must last as long as the server.
    pub(crate) scratch: Scratch,
}

impl Running {
    /// A server with one site file of this text.
    pub(crate) fn with_site(text: &str) -> Self {
        let scratch = Scratch::new();
        let file = scratch.write("site.json", text);
        Self::start(scratch, &["--site".as_ref(), file.as_os_str()])
    }

    /// A server with the directory of sites.
    pub(crate) fn with_sites(scratch: Scratch) -> Self {
        let directory = scratch.path("");
        Self::start(scratch, &["--sites".as_ref(), directory.as_os_str()])
    }

    pub(crate) fn start(scratch: Scratch, args: &[&OsStr]) -> Self {
        Self::start_in(scratch, args, &[])
    }

    /// A server with these variables in its environment.
    pub(crate) fn start_in(scratch: Scratch, args: &[&OsStr], variables: &[(&str, &str)]) -> Self {
        let listen = ["serve", "--listen", "127.0.0.1:0"].map(OsStr::new);
        let mut command = timebudget(listen.iter().chain(args));
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = collected(child.stdout.take().unwrap());
        let log = collected(child.stderr.take().unwrap());
        let mut server = Self { child, address: SocketAddr::from(([0; 4], 0)), output, log, scratch };
        server.address = server.announced();
        server
    }

    fn announced(&self) -> SocketAddr {
        self.wait_for(&self.output, "\n");
        let output = self.output();
        let line = output.lines().next().unwrap_or_default();
        let origin = line.strip_prefix("listening on ").and_then(|line| line.split_once("://"));
        origin.unwrap_or_else(|| panic!("{line}")).1.parse().unwrap()
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has printed a text.
    pub(crate) fn wait_for_output(&self, text: &str) {
        self.wait_for(&self.output, text);
    }

    /// Waits until it has logged a text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.wait_for(&self.log, text);
    }

    fn wait_for(&self, place: &Mutex<String>, text: &str) {
        eventually(text, || place.lock().unwrap().contains(text).then_some(()), || self.log());
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    /// The answer to a GET for the host `localhost`.
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.request("GET", target, "host: localhost\r\n")
    }

    /// The answer to a request without a body.
    pub(crate) fn request(&self, method: &str, target: &str, fields: &str) -> Answer {
        let head = format!("{method} {target} HTTP/1.1\r\n{fields}connection: close\r\n\r\n");
        let mut connection = self.connect();
        // Who refuses early may close before all is written.
        let _ = connection.write_all(head.as_bytes());
        Answer::read(&connection).unwrap_or_else(|| panic!("no response to {head:?}\n{}", self.log()))
    }

    /// What comes back for these bytes, after which nothing more is sent, if that is a response.
    pub(crate) fn send(&self, bytes: &[u8]) -> Option<Answer> {
        let mut connection = self.connect();
        let _ = connection.write_all(bytes);
        let _ = connection.shutdown(std::net::Shutdown::Write);
        Answer::read(&connection)
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// The names of its threads.
    #[cfg(target_os = "linux")]
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().flatten();
        let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// The memory that it occupies, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).expect("a size")
    }

    /// Waits for it to end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let log = Arc::clone(&self.log);
        eventually("the end", || self.child.try_wait().unwrap(), || log.lock().unwrap().clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a closure yields at last.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>, log: impl Fn() -> String) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited for {what:?}; the log is\n{}", log());
        thread::sleep(Duration::from_millis(5));
    }
}

fn collected(pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let filled = Arc::clone(&text);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            *filled.lock().unwrap() += &(line + "\n");
        }
    });
    text
}
