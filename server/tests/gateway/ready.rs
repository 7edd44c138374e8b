//! What `/ready` says of upstreams.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use crate::answer::Answer;
use crate::client::{ROOMY, start, with_site};
use crate::running::{Running, eventually, timebudget};
use crate::scratch::Scratch;
use crate::upstream::{Upstream, ok};

fn ready(gateway: &Running) -> Answer {
    let output = gateway.output();
    let admin = output.lines().find_map(|line| line.strip_prefix("admin on http://")).unwrap();
    let mut connection = TcpStream::connect(admin).unwrap();
    connection.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    Answer::read(&connection).unwrap()
}

#[test]
fn it_is_ready_as_long_as_one_upstream_can_be_reached() {
    let admin = ["--admin", "127.0.0.1:0", "--database", "none"];
    let upstream = Upstream::answering(&ok("hello"));
    let reached = with_site(ROOMY, &upstream, &[&admin[..], &["--upstream", "http://127.0.0.1:1"]].concat());
    reached.wait_for_output("upstream ");
    let told = ready(&reached);
    assert_eq!((told.status, told.json()["upstream"].as_str()), (200, Some("1 of 2 can be reached")));
    drop(reached);
    let scratch = Scratch::new();
    let args = [&admin[..], &["--upstream", "http://127.0.0.1:1"]].concat();
    let args: Vec<_> = args.iter().map(std::ffi::OsStr::new).collect();
    let lost = Running::start(scratch, &args);
    lost.wait_for_output("upstream ");
    let told = ready(&lost);
    assert_eq!((told.status, told.json()["reason"].as_str()), (503, Some("upstream: cannot be reached")));
}

/// It said how many could be reached, and nobody knew which of them to mend.
#[test]
fn an_upstream_that_cannot_be_reached_is_named_and_why() {
    let upstream = Upstream::answering(&ok("hello"));
    let down = ["http://127.0.0.1:1", "unix:/nowhere/app.sock", "http://nowhere.invalid:3000"];
    let down_args: Vec<_> = down.iter().flat_map(|uri| ["--upstream", uri]).collect();
    let admin = ["--admin", "127.0.0.1:0", "--database", "none"];
    let gateway = with_site(ROOMY, &upstream, &[&admin[..], &down_args].concat());
    gateway.wait_for_output("upstream ");
    let told = ready(&gateway);
    assert_eq!((told.status, told.json()["upstream"].as_str()), (200, Some("1 of 4 can be reached")));
    let told = told.json();
    let unreachable = told["unreachable"].as_object().unwrap();
    assert_eq!(unreachable.keys().map(String::as_str).collect::<BTreeSet<_>>(), down.into());
    assert!(unreachable[down[0]].as_str().unwrap().starts_with("Connection refused"), "{unreachable:?}");
    assert!(unreachable[down[1]].as_str().unwrap().starts_with("No such file"), "{unreachable:?}");
    let all_up = with_site(ROOMY, &upstream, &admin);
    all_up.wait_for_output("upstream ");
    assert_eq!(ready(&all_up).json().get("unreachable"), None);
}

/// Each upstream was connected to for every request: whoever asked often flooded them.
#[test]
fn what_was_found_of_an_upstream_holds_for_a_second() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let gateway = start(ROOMY, &["--admin", "127.0.0.1:0", "--database", "none", "--upstream", &uri]);
    gateway.wait_for_output("upstream ");
    let begun = std::time::Instant::now();
    for _ in 0..50 {
        assert_eq!(ready(&gateway).json()["upstream"], "up");
    }
    let seconds = begun.elapsed().as_secs() + 2;
    listener.set_nonblocking(true).unwrap();
    let connected = std::iter::from_fn(|| listener.accept().ok()).count() as u64;
    assert!((1..=seconds).contains(&connected), "{connected} in {seconds} s");
}

/// nginx-proxy-manager 2714 and NPMplus 3485: one application that was down, or whose name was unknown, kept the proxy from starting.
#[test]
fn a_gateway_whose_upstream_is_down_starts_and_serves_once_it_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let upstream = format!("http://{address}");
    let gateway = start(ROOMY, &["--admin", "127.0.0.1:0", "--database", "none", "--upstream", &upstream]);
    gateway.wait_for_output("upstream ");
    assert_eq!((gateway.get("/").status, ready(&gateway).status), (502, 503));
    assert!(gateway.log().contains(&format!("{upstream}: cannot be reached")), "{}", gateway.log());
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = stream.write_all(ok("up").as_bytes());
        }
    });
    eventually("ready", || (ready(&gateway).status == 200).then_some(()), || gateway.log());
    assert_eq!(
        (gateway.get("/").body.as_slice(), ready(&gateway).json()["upstream"].as_str()),
        (&b"up"[..], Some("up"))
    );
}

#[test]
fn a_gateway_whose_upstream_has_a_name_that_nobody_knows_starts_and_says_so() {
    let args = ["--admin", "127.0.0.1:0", "--database", "none", "--upstream", "http://nowhere.invalid:3000"];
    let gateway = start(ROOMY, &args);
    gateway.wait_for_output("upstream http://nowhere.invalid:3000");
    let answer = gateway.get("/");
    assert!([502, 504].contains(&answer.status), "{answer:?}");
    gateway.wait_for_log("http://nowhere.invalid:3000: ");
    assert_eq!(ready(&gateway).status, 503);
}

#[test]
fn its_store_and_its_files_and_its_upstream_are_seen() {
    let upstream = Upstream::answering(&ok("hello"));
    let store = "redis://127.0.0.1:1?on_store_fault=refuse&deadline=100ms";
    let args = ["--admin", "127.0.0.1:0", "--database", "none"];
    let gateway = with_site(ROOMY, &upstream, &[&args[..], &["--store", store]].concat());
    gateway.wait_for_output("upstream ");
    let told = ready(&gateway);
    assert_eq!((told.status, told.json()["upstream"].as_str()), (503, Some("up")));
    assert!(told.json()["reason"].as_str().unwrap().starts_with("store: "), "{told:?}");
    let gateway = with_site(ROOMY, &upstream, &args);
    gateway.wait_for_output("upstream ");
    gateway.scratch.replace("site.json", "{");
    gateway.wait_for_log("not reloaded");
    let told = ready(&gateway);
    assert_eq!((told.status, told.json()["files"].as_str()), (200, Some("wrong; older rules are in force")));
}

/// What is wrong with an upstream, in the words of the command line and of a site's file.
#[test]
fn an_upstream_that_is_none_is_told_by_its_place_and_by_what_is_wrong_with_it() {
    for (uri, fault) in [
        ("https://a", "without TLS"),
        ("a:3000", "not an upstream"),
        ("ftp://a", "not an upstream"),
        ("", "not an upstream"),
        ("http://", "not a host"),
        ("http://a b", "not a host"),
        ("http://[::1", "not a host"),
        ("http://a:0", "not a port"),
        ("http://a:65536", "not a port"),
        ("http://a:+1", "not a port"),
        ("http://a/path", "an upstream has none"),
        ("http://a?b", "an upstream has none"),
        ("http://user@a", "told no user"),
        ("unix:app.sock", "not an absolute path"),
        ("unix:", "not an absolute path"),
    ] {
        let output = timebudget(["serve", "--listen", "127.0.0.1:0", "--upstream", uri]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{uri}: {told}");
        for part in ["--upstream <URI>", fault, "expected \"http://HOST:PORT\" or \"unix:/PATH\""] {
            assert!(told.contains(part), "{uri}: {told}");
        }
        let scratch = Scratch::new();
        let site = serde_json::json!({ "rate_limit_upstream": ["http://127.0.0.1:1", uri] });
        let file = scratch.write("site.json", &site.to_string());
        let output = timebudget(["serve", "--listen", "127.0.0.1:0", "--site", file.to_str().unwrap()])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{uri}: {told}");
        for part in ["site.json: rate_limit_upstream[1]: ", fault] {
            assert!(told.contains(part), "{uri}: {told}");
        }
    }
}
