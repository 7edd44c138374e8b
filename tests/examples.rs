//! Each example starts and does what it says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// An example that runs, until it is dropped.
struct Example {
    child: Child,
    address: String,
}

impl Example {
    fn start(name: &str) -> Self {
        let mut command = Command::new(executable(name));
        let mut child =
            command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().expect("cargo has built it");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
        Self { child, address }
    }

    /// The answer to a GET, in lower case.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.to_lowercase()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo puts examples beside the directory of test executables.
fn executable(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

fn number(answer: &str, field: &str) -> u64 {
    let line = answer.lines().find_map(|line| line.strip_prefix(field)).expect(answer);
    line.trim_start_matches(": ").parse().expect(line)
}

#[test]
fn hello_spends_time_of_600_seconds_an_hour() {
    let hello = Example::start("hello");
    let answer = hello.get("/");
    assert!(answer.starts_with("http/1.1 200") && answer.ends_with("hello\n"), "{answer}");
    assert_eq!(number(&answer, "x-ratelimit-limit"), 600_000_000);
    let used = number(&answer, "x-ratelimit-used");
    assert!(used >= 1, "{answer}");
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 600_000_000 - used);
    assert!((1..=3_600).contains(&number(&answer, "x-ratelimit-reset")), "{answer}");
}

#[test]
fn requests_lets_each_client_send_5_a_minute() {
    let requests = Example::start("requests");
    // A minute may end in between, so of 11 at most 10 are served.
    let answers: Vec<_> = (0..11).map(|_| requests.get("/")).collect();
    assert!(answers[0].starts_with("http/1.1 200"), "{}", answers[0]);
    assert_eq!(number(&answers[0], "x-ratelimit-limit"), 5);
    assert!(answers[0].contains("x-ratelimit-unit: requests"), "{}", answers[0]);
    let refused = answers.iter().find(|answer| answer.starts_with("http/1.1 429")).expect("one is refused");
    assert!((1..=60).contains(&number(refused, "retry-after")), "{refused}");
}

#[test]
fn scopes_have_limits_of_their_own_and_tasks_are_charged() {
    let scopes = Example::start("scopes");
    assert_eq!(number(&scopes.get("/shop/"), "x-ratelimit-limit"), 3);
    // A minute may end in between, so of 5 at most 4 are served.
    let answers: Vec<_> = (0..5).map(|_| scopes.get("/shop/search/")).collect();
    assert_eq!(number(&answers[0], "x-ratelimit-limit"), 2);
    let refused = answers.iter().find(|answer| answer.starts_with("http/1.1 429")).expect("one is refused");
    assert!(
        refused.contains("/shop/search/ is busy for ") && number(refused, "retry-after") >= 1,
        "{refused}"
    );
    assert!(scopes.get("/render").contains("it is being rendered"));
}

#[test]
fn streaming_is_charged_to_its_last_chunk() {
    let streaming = Example::start("streaming");
    let mut cost = ticks_within_one_minute(&streaming);
    while cost.is_none() {
        cost = ticks_within_one_minute(&streaming);
    }
    assert!(cost >= Some(10 * 20_000), "ten ticks of 20 ms cost {cost:?} µs");
}

/// What `/ticks` costs, in microseconds; `None` if a minute ended meanwhile, so that the budget is another one.
fn ticks_within_one_minute(streaming: &Example) -> Option<u64> {
    let before = standing(streaming);
    let ticks = streaming.get("/ticks");
    assert!(ticks.contains("tick 0\n") && ticks.contains("tick 9\n"), "{ticks}");
    assert!(number(&ticks, "x-ratelimit-used") < 100_000, "the head leaves before the ticks: {ticks}");
    let after = standing(streaming);
    (after.reset <= before.reset).then(|| before.left - after.left)
}

/// What `/standing` says.
struct Standing {
    /// Microseconds left.
    left: u64,
    /// Seconds until the minute ends.
    reset: u64,
}

fn standing(streaming: &Example) -> Standing {
    let answer = streaming.get("/standing");
    let said = answer.rsplit("\r\n").next().expect("a body");
    assert!(said.ends_with("of 10000000 µs left\n"), "{answer}");
    let left = said.split(' ').next().expect("a number").parse().expect(said);
    Standing { left, reset: number(&answer, "x-ratelimit-reset") }
}

#[test]
fn observer_counts_by_rule_and_route() {
    let observer = Example::start("observer");
    for path in ["/users/17", "/users/4711", "/export", "/export", "/nowhere"] {
        observer.get(path);
    }
    let counts = observer.get("/counts");
    for line in [
        "site get /users/{id} served 2 refused 0 in shadow 0 micros ",
        "users get /users/{id} served 1 refused 0 in shadow 1 micros 0",
        "export get /export served 1 refused 1 in shadow 0 micros 0",
        "site get served 1 refused 0 in shadow 0 micros ",
    ] {
        assert!(counts.contains(line), "{line}\n{counts}");
    }
}
