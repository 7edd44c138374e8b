//! How the server starts, and why it does not.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::process::Output;

use crate::running::{Running, eventually, timebudget};
use crate::scratch::Scratch;

fn run(args: &[&str]) -> Output {
    timebudget(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_prints_where_it_listens_and_then_commands_to_try() {
    let server = Running::start(Scratch::new(), &[]);
    assert_ne!(server.address.port(), 0);
    server.wait_for_output("/stream");
    let output = server.output();
    let (first, rest) = output.split_once('\n').unwrap();
    assert_eq!(first, format!("listening on http://{}", server.address));
    assert_eq!(output.matches("listening").count(), 1);
    let curls: Vec<_> = rest.lines().filter(|line| line.trim_start().starts_with("curl ")).collect();
    assert!(curls.iter().all(|line| line.contains(&format!("'http://{}/", server.address))), "{output}");
    assert!(
        curls.iter().any(|line| line.contains("429")) && curls.iter().any(|line| line.contains("/health"))
    );
}

#[test]
fn without_a_site_file_it_serves_the_example() {
    let server = Running::start(Scratch::new(), &[]);
    assert_eq!(server.get("/report").number("x-ratelimit-limit"), 5_000_000);
    let exempt = server.get("/health");
    assert_eq!((exempt.status, exempt.header("x-ratelimit-limit")), (200, None));
}

#[test]
fn without_a_subcommand_it_serves() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--listen", &address]);
    assert!(stderr(&output).starts_with(&format!("{address}: cannot listen: ")), "{}", stderr(&output));
}

#[test]
fn an_address_that_is_taken_is_one_line_and_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(&["serve", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(output.stdout.is_empty());
}

#[test]
fn an_address_that_is_none_is_one_line_and_status_1() {
    for listen in ["", "127.0.0.1", "127.0.0.1:65536", ":"] {
        let output = run(&["serve", "--listen", listen]);
        assert_eq!(output.status.code(), Some(1), "{listen:?}");
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn a_wrong_site_file_is_every_error_in_it_and_status_2() {
    let scratch = Scratch::new();
    let text = r#"{ "time_zone": "Europe/Pari", "rate_limit": "10 per fortnight", "rate_limits": 5 }"#;
    let file = scratch.write("site.json", text);
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--site", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    for place in ["time_zone: ", "rate_limit: ", "rate_limits: "] {
        assert!(stderr(&output).contains(&format!("site.json: {place}")), "{}", stderr(&output));
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_site_file_that_is_missing_is_status_2() {
    for option in ["--site", "--sites"] {
        let output = run(&["serve", "--listen", "127.0.0.1:0", option, "no-such-place"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("no-such-place"), "{}", stderr(&output));
    }
}

#[test]
fn an_unknown_store_is_refused_without_repeating_its_password() {
    let output = run(&["serve", "--store", "radish://user:secret@localhost/"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "--store: rad…://…: scheme: no such store; expected memory:// or redis://…; did you mean redis://?\n"
    );
}

/// Each worker is a thread, whose name Linux cuts after fifteen letters.
#[cfg(target_os = "linux")]
#[test]
fn as_many_workers_serve_as_are_asked_for() {
    let server = Running::start(Scratch::new(), &["--workers", "3"].map(OsStr::new));
    assert_eq!(server.get("/health").status, 200);
    let workers = || server.threads().iter().filter(|name| *name == "actix-rt|system").count();
    eventually("three workers", || (workers() == 3).then_some(()), || server.threads().join("\n"));
}

#[test]
fn warnings_are_logged_at_the_start() {
    let server = Running::with_site(r#"{ "rate_limit": { "limit": "600", "window": 3600 } }"#);
    server.wait_for_log("site.json: rate_limit.limit: ");
    assert!(server.log().contains("WARN"), "{}", server.log());
}
