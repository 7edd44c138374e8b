//! What `/ready` says of upstreams.

use std::io::Write as _;
use std::net::TcpStream;

use crate::answer::Answer;
use crate::client::{ROOMY, with_site};
use crate::running::Running;
use crate::upstream::Upstream;

fn ready(gateway: &Running) -> Answer {
    let output = gateway.output();
    let admin = output.lines().find_map(|line| line.strip_prefix("admin on http://")).unwrap();
    let mut connection = TcpStream::connect(admin).unwrap();
    connection.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    Answer::read(&connection).unwrap()
}

#[test]
fn it_is_ready_as_long_as_one_upstream_can_be_reached() {
    let admin = ["--admin", "127.0.0.1:0", "--database", "none"];
    let upstream = Upstream::answering(&crate::upstream::ok("hello"));
    let reached = with_site(ROOMY, &upstream, &[&admin[..], &["--upstream", "http://127.0.0.1:1"]].concat());
    reached.wait_for_output("upstream ");
    let told = ready(&reached);
    assert_eq!((told.status, told.json()["upstream"].as_str()), (200, Some("1 of 2 can be reached")));
    drop(reached);
    let scratch = crate::scratch::Scratch::new();
    let args = [&admin[..], &["--upstream", "http://127.0.0.1:1"]].concat();
    let args: Vec<_> = args.iter().map(std::ffi::OsStr::new).collect();
    let lost = Running::start(scratch, &args);
    lost.wait_for_output("upstream ");
    let told = ready(&lost);
    assert_eq!((told.status, told.json()["reason"].as_str()), (503, Some("upstream: cannot be reached")));
}

/// Each upstream was connected to for every request: whoever asked often flooded them.
#[test]
fn what_was_found_of_an_upstream_holds_for_a_second() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let args = ["--admin", "127.0.0.1:0", "--database", "none", "--upstream", &uri].map(std::ffi::OsStr::new);
    let gateway = Running::start(crate::scratch::Scratch::new(), &args);
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
