//! `events`: what happens, as it happens.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use timebudget_control::thing::{Change, Kind, Role, Tier};
use timebudget_control::{Actor, Expect};

use crate::usage::SHOP;
use crate::world::World;

/// A stream of events that is read line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(world: &World) -> Self {
        Self::open_as(world, &format!("Authorization: Bearer {}", world.token(Role::Viewer)))
    }

    /// The same by somebody whom a header lets in.
    fn open_as(world: &World, header: &str) -> Self {
        Self::try_open_as(world, header).expect("it is let in")
    }

    /// The same, or the status that it is answered by instead.
    fn try_open_as(world: &World, header: &str) -> Result<Self, u16> {
        let mut socket = TcpStream::connect(world.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "GET /limits/api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(socket));
        let status = stream.line().split(' ').nth(1).and_then(|status| status.parse().ok());
        match status.expect("it is answered") {
            200 => while !stream.line().starts_with("retry:") {},
            other => return Err(other),
        }
        Ok(stream)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).expect("something is told soon"), 0, "the stream has ended");
        line.trim_end().to_owned()
    }

    /// Whether it ends before long, much sooner than a stream in which nothing happens.
    fn ends(mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).is_ok()
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
    assert_eq!(data["actor"], "owner");
}

/// What another node has decided is told with who has decided it, as what this one has.
#[test]
fn a_change_on_another_node_is_told_with_its_actor() {
    let (world, other) = World::with_another_node();
    let mut stream = Stream::open(&world);
    let gold = Tier::parse("gold", r#"{ "multiplier": 3 }"#).unwrap();
    let change = other.change(Actor::new("fay", None), Change::put(gold.into()), None, Expect::default());
    actix_web::rt::System::new().block_on(change).unwrap();
    let (_, data) = stream.find_name("changed");
    assert_eq!((&data["what"], &data["actor"]), (&json!("tiers/gold"), &json!("fay")));
}

/// A member who was removed heard for ten minutes more what went on.
#[test]
fn a_stream_ends_with_what_has_let_it_in() {
    let (world, other) = World::with_another_node();
    let remove = |name: &str| world.owner("DELETE", &format!("members/{name}")).send().expect(204);
    // A member, here and on another node.
    let stream = Stream::open(&world);
    remove("vic");
    assert!(stream.ends(), "the member was removed on this node");
    let token = format!("Authorization: Bearer {}", world.token(Role::Operator));
    let stream = Stream::open_as(&world, &token);
    let gone = Change::delete(Kind::Member, "otto");
    let removed = other.change(Actor::new("fay", None), gone, None, Expect::default());
    actix_web::rt::System::new().block_on(removed).unwrap();
    assert!(stream.ends(), "the member was removed on another node");
    // A session that is ended, and one of a member with another token.
    for end in [("DELETE", "session"), ("POST", "members/owner/token")] {
        let cookie = format!("Cookie: {}", world.log_in(Role::Owner));
        let stream = Stream::open_as(&world, &cookie);
        let ask = world.ask(end.0, end.1).header("Cookie", cookie.strip_prefix("Cookie: ").unwrap());
        let ended = ask.header("X-Timebudget-Csrf", "1").send();
        assert!(matches!(ended.status, 200 | 204), "{ended:?}");
        assert!(stream.ends(), "{end:?}");
    }
}

#[test]
fn nobody_listens_without_a_token() {
    let world = World::of(SHOP);
    assert_eq!(world.ask("GET", "events").send().status, 401);
    assert_eq!(world.viewer("GET", "events?since=1").send().status, 400);
}

/// One member took all the room that there was for those who listen.
#[test]
fn a_member_has_sixteen_streams_and_leaves_room_for_others() {
    let world = World::of(SHOP);
    let mut streams: Vec<_> = (0..16).map(|_| Stream::open(&world)).collect();
    let more = || world.viewer("GET", "events").send();
    assert!(more().problem(429).contains("16 streams"));
    let bearer = |role| format!("Authorization: Bearer {}", world.token(role));
    let viewer = bearer(Role::Viewer);
    drop(Stream::open_as(&world, &bearer(Role::Operator)));
    // A place is free again when its stream has ended.
    drop(streams.pop());
    while let Err(status) = Stream::try_open_as(&world, &viewer) {
        assert_eq!(status, 429);
        std::thread::sleep(Duration::from_millis(20));
    }
}
