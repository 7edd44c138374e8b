//! Snapshots: what a restarted server still knows.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::running::{Running, eventually, timebudget};
use crate::scratch::Scratch;

/// A server of 40 requests a year with a snapshot in `home`, which outlives it.
fn started(home: &Scratch) -> Running {
    let scratch = Scratch::new();
    let site = scratch.write("site.json", r#"{ "rate_limit": "40 per year" }"#);
    let store = store(&home.path("accounts"));
    Running::start(scratch, &["--site".as_ref(), site.as_os_str(), "--store".as_ref(), &store])
}

fn store(file: &Path) -> OsString {
    let mut uri = OsString::from("memory://?snapshot=");
    uri.push(file);
    uri
}

fn remaining(server: &Running) -> u64 {
    server.get("/").number("x-ratelimit-remaining")
}

fn file(home: &Scratch) -> PathBuf {
    home.path("accounts")
}

#[test]
fn a_restart_by_sigterm_refunds_nothing() {
    let home = Scratch::new();
    for expected in [39, 38, 37] {
        let mut server = started(&home);
        assert_eq!(remaining(&server), expected, "{}", server.log());
        server.signal("TERM");
        assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    }
}

#[test]
fn a_server_that_is_killed_keeps_what_was_saved_before() {
    let home = Scratch::new();
    let mut server = started(&home);
    assert_eq!(remaining(&server), 39);
    let saved = || std::fs::metadata(file(&home)).is_ok_and(|found| found.len() > 60).then_some(());
    eventually("an account in the snapshot", saved, || server.log());
    server.signal("KILL");
    server.ended();
    assert_eq!(remaining(&started(&home)), 38);
}

/// It was written last, behind all that may hang: here an access log whose reader reads nothing, which is waited for two seconds.
#[test]
fn what_was_spent_is_saved_before_the_last_lines_are_written() {
    let home = Scratch::new();
    let fifo = home.path("access.log");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _reader = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let start = |more: &[&OsStr]| {
        let scratch = Scratch::new();
        let site = scratch.write("site.json", r#"{ "rate_limit": "4000 per year" }"#);
        let store = store(&home.path("accounts"));
        let args = ["--site".as_ref(), site.as_os_str(), "--store".as_ref(), &store];
        Running::start(scratch, &[&args, more].concat())
    };
    let mut server = start(&["--access-log".as_ref(), fifo.as_os_str()]);
    // More lines than the pipe holds.
    let long = format!("/{}", "x".repeat(4_000));
    for _ in 0..40 {
        server.get(&long);
    }
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    let since = std::fs::metadata(file(&home)).unwrap().modified().unwrap().elapsed().unwrap();
    assert!(since >= Duration::from_secs(1), "saved {since:?} before the end");
    assert_eq!(remaining(&start(&[])), 3_959);
}

#[test]
fn a_damaged_snapshot_is_told_and_moved_aside() {
    let home = Scratch::new();
    home.write("accounts", "no snapshot");
    let server = started(&home);
    server.wait_for_log("accounts: not a snapshot of accounts; moved to ");
    assert_eq!(remaining(&server), 39);
    assert_eq!(std::fs::read(home.path("accounts.refused")).unwrap(), b"no snapshot");
}

#[test]
fn a_snapshot_that_cannot_be_written_is_one_line_and_status_2() {
    let home = Scratch::new();
    let store = store(&home.path("missing/accounts"));
    let output =
        timebudget(["serve".into(), "--listen".into(), "127.0.0.1:0".into(), "--store".into(), store])
            .output()
            .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.contains("missing/accounts: cannot be written: "), "{stderr}");
}
