//! Servers whose clock jumps: nothing is refunded, and nobody is locked out for longer than a window.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use timebudget::store::{Claim, Verdict};

use crate::asking::Asking;
use crate::desk::{Desk, HOUR};
use crate::journal;
use crate::moved::{GoBetween, ServerClock};
use crate::server::Server;

const MINUTE: u64 = HOUR / 60;
const SECOND: u64 = MINUTE / 60;

/// Two processes that share ten requests an hour, and a server with a clock of its own.
struct World {
    server: Arc<Server>,
    desks: [Desk<Asking<Arc<Server>>>; 2],
}

impl World {
    /// All begin at the top of an hour.
    fn new() -> Self {
        let server = Arc::new(Server::start());
        let desk = || {
            let clock = ServerClock::at(crate::promises::START);
            let between = GoBetween::new(&clock);
            between.goes_to(server.port);
            let uri = format!("redis://127.0.0.1:{}/", between.port);
            Desk::new(Asking::new(&uri, clock, Arc::clone(&server)))
        };
        Self { desks: [desk(), desk()], server }
    }

    fn pass(&self, micros: u64) {
        for desk in &self.desks {
            desk.pass(micros);
            desk.store.at(desk.now());
        }
    }

    /// The server's clock is set by so many seconds, and a second later both have heard of it.
    fn jump(&self, secs: i64) {
        self.desks.iter().for_each(|desk| desk.clock.set_wall_by(secs));
        self.pass(SECOND);
    }

    fn serves(&self, process: usize) -> bool {
        let desk = &self.desks[process];
        desk.admit(&mut [claim(desk)]) == Verdict::Admitted
    }

    /// How many requests are served when both processes get more than enough.
    fn serve_all(&self) -> usize {
        (0..30).filter(|n| self.serves(n % 2)).count()
    }

    fn accounts(&self) -> Vec<String> {
        self.server.keys("tb1:{*")
    }
}

fn claim(desk: &Desk<Asking<Arc<Server>>>) -> Claim {
    desk.request(desk.requests("requests"), "key", 10)
}

#[test]
fn a_server_whose_clock_jumps_refunds_nothing_and_locks_nobody_out() {
    for jump in [5 * 3_600 + 7, -3 * 3_600 - 11, 40 * 86_400 + 13] {
        let world = World::new();
        world.pass(20 * MINUTE);
        assert!(world.serves(0) && world.serves(1));
        world.jump(jump);
        assert_eq!(world.serve_all(), 8, "{jump}: ten less two");
        world.pass(40 * MINUTE - SECOND - 1);
        assert_eq!(world.serve_all(), 0, "{jump}: the window lasts as long as it would have");
        world.pass(1);
        assert_eq!(world.serve_all(), 10, "{jump}: and no longer");
        world.pass(HOUR);
        assert_eq!(world.serve_all(), 10, "{jump}: both are in the same window");
        let said = format!("its clock was set by {jump:+}.000 s; windows in force end when they would have");
        let lines = journal::lines();
        assert_eq!(lines.iter().filter(|line| line.contains(&said)).count(), 2, "once by each: {lines:#?}");
    }
}

/// What the server keeps dies ten minutes after its window by the server's clock, which has just gone over that.
#[test]
fn what_a_jump_let_expire_is_told_again_by_those_who_ask_nothing() {
    let world = World::new();
    assert!(world.serves(1));
    for _ in 0..6 {
        assert!(world.serves(0));
    }
    let accounts = world.accounts();
    assert_eq!(world.server.cli(&["del", &accounts[0]]), "1");
    world.jump(2 * 3_600 + 17);
    world.pass(SECOND);
    let late = Instant::now() + Duration::from_secs(60);
    while world.server.cli(&["hlen", &accounts[0]]) != "3" {
        assert!(Instant::now() < late, "both lines and the window's end are never told again");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((0..10).filter(|_| world.serves(1)).count(), 3, "ten less seven");
}

/// At 23:00 the clock is set back to 22:00, and what was spent from 22:00 to 23:00 is still stored.
#[test]
fn a_window_that_comes_again_is_granted_again_to_those_who_live() {
    let world = World::new();
    world.pass(30 * MINUTE);
    assert_eq!(world.serve_all(), 10);
    world.jump(-3_600);
    world.pass(30 * MINUTE - SECOND);
    assert_eq!(world.serve_all(), 10);
    assert_eq!(world.accounts().len(), 1, "it is the same one to the server");
    world.pass(HOUR);
    assert_eq!(world.serve_all(), 10);
}
