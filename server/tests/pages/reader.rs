//! A reader, who does what a page shows, from top to bottom.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::exceptions::EXCEPTIONS;
use crate::markdown::{self, Command, Item};
use crate::place::Place;
use crate::process::Process;
use crate::shape::shape;
use crate::{program, shelf};

/// How often a session is tried whose output is another: the minute whose budget it spends may end within it.
const TRIES: u32 = 3;

/// The port of the application that the gateway stands in front of, on each page.
const APPLICATION: &str = "3000";

pub(crate) struct Reader {
    page: String,
    place: Place,
    /// The program search path: what is installed is the binary under test.
    path: String,
    /// Dependencies that the page has shown last.
    manifest: String,
    /// What was started and serves, until the page ends.
    serving: Vec<Process>,
}

impl Reader {
    /// A reader of a page.
    pub(crate) fn of(page: &str) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_timebudget")).parent().unwrap().display().to_string();
        let path = format!("{binary}:{}", std::env::var("PATH").unwrap_or_default());
        let place = Place::new(&site_file(page));
        Self { page: page.to_owned(), place, path, manifest: String::new(), serving: Vec::new() }
    }

    /// Does all that the page shows.
    pub(crate) fn read(mut self) {
        for item in markdown::items(&shelf::text(&self.page)) {
            match item {
                Item::Command(command) => self.does(&command),
                Item::Manifest(lines) => self.manifest = lines,
                Item::Program(program) => self.runs(&program),
            }
        }
    }

    /// Compiles a program and runs it. What stands in Rust's documentation is compiled there.
    fn runs(&mut self, program: &str) {
        let manifest = self.manifest.clone();
        assert!(!manifest.is_empty(), "{}: a program before its dependencies", self.page);
        let process = program::start(&mut self.place, &manifest, program, &self.path);
        self.serving.push(process);
        self.waits_for_port("8080");
    }

    fn does(&mut self, command: &Command) {
        let exception = EXCEPTIONS.iter().find(|exception| exception.command == command.text);
        let typed = match exception {
            Some(exception) => exception.instead.to_owned(),
            None if is_mention(command) => format!("{} --help", command.text),
            None => command.text.clone(),
        };
        assert!(!is_heavy(&typed), "{}:{}: {typed}: to be excepted", self.page, command.line);
        let why = exception.map_or("as it stands", |exception| exception.reason);
        eprintln!("{}:{}: {} ({why})", self.page, command.line, typed);
        match () {
            () if is_server(&typed) => self.serves(&typed),
            () if is_application(&typed) => self.has_application(&typed),
            () => self.types(command, &typed),
        }
    }

    fn serves(&mut self, typed: &str) {
        let typed = typed.trim_end_matches('&').trim();
        if typed.contains("redis://") {
            self.has_redis();
        }
        let typed = match typed.split_once("--listen 127.0.0.1:") {
            // Who serves there already stays, for nobody has ended it; the port is another one from here on.
            Some((_, rest)) => {
                self.place.move_port(rest.split_whitespace().next().unwrap_or_default());
                self.place.fitted(typed)
            }
            None => self.with_listen(typed),
        };
        let standing = self.place.of(&typed);
        let mut process = Process::typed(&typed, &standing, &self.place.notes(), &self.path);
        process.prints("listening on http://");
        self.serving.push(process);
    }

    /// A server's command, made to listen where the test does; without one it is port 8080.
    fn with_listen(&mut self, typed: &str) -> String {
        let address = format!("127.0.0.1:{}", self.place.move_port("8080"));
        let typed = self.place.fitted(typed);
        match typed.strip_prefix("cargo run") {
            Some(rest) if rest.contains("--example") => format!("{typed} -- {address}"),
            Some(rest) if rest.contains(" -- ") => format!("{typed} --listen {address}"),
            Some(_) => format!("{typed} -- --listen {address}"),
            None => format!("{typed} --listen {address}"),
        }
    }

    /// Starts a Redis server, where the page takes one to be.
    fn has_redis(&mut self) {
        let port = self.place.port("6379");
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        let command = format!("exec redis-server --port {port} --save '' --appendonly no");
        let process = Process::typed(&command, &self.place.path(""), &self.place.notes(), &self.path);
        self.serving.push(process);
        self.waits_for_port("6379");
    }

    /// Starts the application that the gateway is to stand in front of.
    fn has_application(&mut self, typed: &str) {
        let own = format!(" {} ", self.place.port(APPLICATION));
        let typed = typed.trim_end_matches('&').replace(&format!(" {APPLICATION} "), &own);
        let command = format!("exec {typed}");
        let process = Process::typed(&command, &self.place.of(&typed), &self.place.notes(), &self.path);
        self.serving.push(process);
        self.waits_for_port(APPLICATION);
    }

    fn waits_for_port(&mut self, on_page: &str) {
        let port = self.place.port(on_page);
        let process = self.serving.last_mut().expect("it was started");
        process.is_ready(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    fn types(&mut self, command: &Command, typed: &str) {
        for left in (0..TRIES).rev() {
            let printed = self.prints(typed);
            let expected = shape(&command.shown);
            if command.shown.is_empty() || shape(&printed) == expected {
                return;
            }
            assert!(
                left > 0,
                "{}:{}: {}\nprints\n{printed}\nof the shape\n{}\nwhere this is shown:\n{expected}",
                self.page,
                command.line,
                command.text,
                shape(&printed)
            );
            thread::sleep(Duration::from_secs(20));
        }
    }

    /// What a command prints that ends well.
    fn prints(&mut self, typed: &str) -> String {
        let typed = self.place.fitted(typed);
        // Where the command line looks for a limiter that runs, unless it is told.
        let typed = match typed.contains("--token-file") {
            true => format!("export TIMEBUDGET_ADMIN=http://127.0.0.1:{}; {typed}", self.place.port("8081")),
            false => typed,
        };
        let standing = self.place.of(&typed);
        let mut process = Process::typed(&typed, &standing, &self.place.notes(), &self.path);
        let status = process.ended();
        assert!(status.success(), "{}: {typed}: {status}\n{}", self.page, process.everything());
        process.output()
    }
}

/// The site file of a page's reader: the first one of the page, else the example.
fn site_file(page: &str) -> String {
    let text = shelf::text(page);
    let first = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    first.map_or_else(
        || fs::read_to_string(shelf::root().join("site_config.example.json")).unwrap(),
        str::to_owned,
    )
}

/// Whether a sentence only names a command of the binary, without what it needs.
fn is_mention(command: &Command) -> bool {
    command.is_inline
        && command.text.starts_with("timebudget ")
        && command.text.split_whitespace().count() == 2
}

/// Whether a command would take minutes.
fn is_heavy(typed: &str) -> bool {
    ["--release", "cargo bench", "cargo test", "cargo install"].iter().any(|word| typed.contains(word))
        || typed.starts_with("./dev") && !typed.starts_with("./dev help")
}

/// Whether a command is an application that is not ours, which goes on serving.
fn is_application(typed: &str) -> bool {
    typed.starts_with("python3 -m http.server")
}

/// Whether a command goes on serving.
fn is_server(typed: &str) -> bool {
    typed.contains("timebudget serve") && !typed.contains("--help") || typed.starts_with("cargo run")
}
