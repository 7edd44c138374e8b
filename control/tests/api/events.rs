//! `events`: what happens, as it happens.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use timebudget_control::thing::Role;

use crate::usage::SHOP;
use crate::world::World;

/// A stream of events that is read line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(world: &World) -> Self {
        let mut socket = TcpStream::connect(world.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let token = world.token(Role::Viewer);
        let head = format!(
            "GET /limits/api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(socket));
        assert!(stream.line().starts_with("HTTP/1.1 200"));
        while !stream.line().starts_with("retry:") {}
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).expect("something is told soon"), 0, "the stream has ended");
        line.trim_end().to_owned()
    }

    /// What the next event of this name says of a rule.
    fn find(&mut self, name: &str, rule: &str) -> Value {
        loop {
            let (_, data) = self.find_name(name);
            if data["rule"] == rule {
                return data;
            }
        }
    }

    fn find_name(&mut self, name: &str) -> (String, Value) {
        loop {
            let told = self.next();
            if told.0 == name {
                return told;
            }
        }
    }

    /// The next event and what it says.
    fn next(&mut self) -> (String, Value) {
        loop {
            if let Some(name) = self.line().strip_prefix("event: ") {
                let data = self.line();
                let data = data.strip_prefix("data: ").expect("what it says comes next");
                return (name.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[test]
fn whoever_listens_hears_of_refusals_of_those_near_their_limit_and_of_changes() {
    let world = World::of(SHOP);
    let mut stream = Stream::open(&world);
    for _ in 0..6 {
        world.visit("/work/a").header("X-Forwarded-User", "ann").send();
    }
    let near = stream.find("near_limit", "each");
    let refused = stream.find("refused", "each");
    assert_eq!((&near["quota"], &near["limit"]), (&json!(10_000_000), &json!("10s per hour")));
    assert_eq!(near["spent"], 8_000_000);
    assert_eq!(refused["shadow"], false);
    assert_eq!(refused["client"], near["client"]);
    let put = world.owner("PUT", "tiers/silver").json(&json!({"multiplier": 3})).send();
    assert_eq!(put.status, 201);
    let (name, data) = stream.find_name("changed");
    assert_eq!(
        (name.as_str(), &data["what"], &data["deleted"]),
        ("changed", &json!("tiers/silver"), &json!(false))
    );
}

#[test]
fn nobody_listens_without_a_token() {
    let world = World::of(SHOP);
    assert_eq!(world.ask("GET", "events").send().status, 401);
    assert_eq!(world.viewer("GET", "events?since=1").send().status, 400);
}
