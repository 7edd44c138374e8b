//! Several addresses of one application.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::client::{Client, ROOMY, start};
use crate::upstream::{Upstream, ok};

#[test]
fn two_addresses_take_turns() {
    let (one, two) = (Upstream::answering(&ok("one")), Upstream::answering(&ok("two")));
    let gateway = start(ROOMY, &["--upstream", &one.uri(), "--upstream", &two.uri()]);
    for _ in 0..10 {
        assert_eq!(gateway.get("/").status, 200);
    }
    assert_eq!((one.heads().len(), two.heads().len()), (5, 5));
}

#[test]
fn the_least_busy_is_asked() {
    let slow = Upstream::new(|connection| {
        connection.head();
        connection.wait_for_end();
    });
    let quick = Upstream::answering(&ok("quick"));
    let gateway = start(ROOMY, &["--upstream", &slow.uri(), "--upstream", &quick.uri()]);
    let mut waiting = Client::new(&gateway);
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.wait_for_heads(1);
    for _ in 0..10 {
        assert_eq!(gateway.get("/").body, b"quick");
    }
    assert_eq!((slow.heads().len(), quick.heads().len()), (1, 10));
}

#[test]
fn one_that_cannot_be_reached_costs_no_request_and_is_left_out() {
    let up = Upstream::answering(&ok("up"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = listener.local_addr().unwrap();
    drop(listener);
    let gateway = start(ROOMY, &["--upstream", &format!("http://{down}"), "--upstream", &up.uri()]);
    for _ in 0..10 {
        assert_eq!(gateway.get("/").body, b"up");
    }
    // Tried once, and then left out.
    assert_eq!(gateway.log().matches("cannot be reached").count(), 1, "{}", gateway.log());
}

#[test]
fn one_that_is_back_is_asked_again_even_if_all_were_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway =
        start(ROOMY, &["--upstream", &format!("http://{address}"), "--upstream", "http://127.0.0.1:1"]);
    assert_eq!(gateway.get("/").status, 502);
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(ok("back").as_bytes());
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(gateway.get("/").body, b"back");
}
