//! Accounts that several processes draw on, listed, read, granted more and reset by any of them.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use timebudget::store::{Claim, Listed, Relief, Verdict};
use timebudget::{AccountFilter, Amount, Component, UnixMicros, Zone};

use crate::asking::Asking;
use crate::desk::{Desk, HOUR};
use crate::moved::{GoBetween, ServerClock};
use crate::process::Process;
use crate::promises::START;
use crate::server::Server;

const SECOND: u64 = HOUR / 3_600;

/// Processes that share one server, on one clock.
struct World {
    server: Arc<Server>,
    desks: Vec<Desk<Asking<Arc<Server>>>>,
}

impl World {
    /// All begin at the top of an hour.
    fn new(processes: usize) -> Self {
        let server = Arc::new(Server::start());
        let desks = (0..processes).map(|_| begun(&server, START)).collect();
        Self { server, desks }
    }

    /// More than half a second, for a beat that such a move falls into tells no time.
    fn pass(&self, micros: u64) {
        for desk in &self.desks {
            desk.pass(micros);
            desk.store.at(desk.now());
        }
    }

    /// Ends a process, and begins another one in its place.
    fn restart(&mut self, at: usize) {
        let now = self.desks[at].now().utc;
        self.desks.remove(at);
        self.desks.insert(at, begun(&self.server, now));
    }

    /// Has a process run a request for so long.
    fn run(&self, at: usize, micros: u64) {
        let mut running = [self.time(at)];
        assert_eq!(self.desks[at].admit(&mut running), Verdict::Admitted);
        self.pass(micros);
        self.desks[at].settle(&mut running, micros);
    }

    fn time(&self, at: usize) -> Claim {
        let desk = &self.desks[at];
        desk.timed(desk.time("time"), "key", HOUR, 0)
    }

    /// What the processes see as spent, once all have told what they have spent themselves.
    fn nets(&self) -> Vec<i64> {
        let nets = || (0..self.desks.len()).map(|at| self.desks[at].read(self.time(at)).net).collect();
        let _: Vec<i64> = nets();
        nets()
    }

    fn few(&self, at: usize) -> Claim {
        self.desks[at].request(self.desks[at].requests("few"), "key", 2)
    }

    /// How many requests a process serves once it has heard that it may, which is some beats later.
    fn serves_again(&self, at: usize) -> usize {
        let late = Instant::now() + Duration::from_secs(60);
        loop {
            self.pass(SECOND);
            match self.serves(at) {
                0 => assert!(Instant::now() < late, "it never hears of it"),
                served => return served,
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many more requests a process serves.
    fn serves(&self, at: usize) -> usize {
        (0..20).take_while(|_| self.desks[at].admit(&mut [self.few(at)]) == Verdict::Admitted).count()
    }
}

fn begun(server: &Arc<Server>, now: UnixMicros) -> Desk<Asking<Arc<Server>>> {
    let clock = ServerClock::at(now);
    let between = GoBetween::new(&clock);
    between.goes_to(server.port);
    let uri = format!("redis://127.0.0.1:{}/", between.port);
    Desk::at(now, Zone::utc(), Asking::new(&uri, clock, Arc::clone(server)))
}

#[test]
fn a_grant_with_three_processes_each_restarted_once_is_exact_to_a_microsecond() {
    let mut world = World::new(3);
    for (at, micros) in [1_234_567, 2_345_678, 3_456_789].into_iter().enumerate() {
        world.run(at, micros);
    }
    assert_eq!(world.nets(), [7_037_034; 3]);
    world.desks[1].relieve(world.time(1), Relief::Grant(60 * SECOND));
    assert_eq!(world.nets(), [7_037_034 - 60_000_000; 3]);
    for at in 0..3 {
        world.restart(at);
        world.run(at, 1_000_001);
    }
    assert_eq!(world.nets(), [10_037_037 - 60_000_000; 3]);
    assert_eq!(world.desks[0].relieve(world.time(0), Relief::Reset).net, 10_037_037 - 60_000_000);
    world.run(2, 55 * SECOND);
    assert_eq!(world.nets(), [5_037_037; 3]);
    assert_eq!(world.desks[0].relieve(world.time(0), Relief::Reset).net, 0);
    assert_eq!(world.nets(), [0; 3]);
}

#[test]
fn two_that_reset_an_account_at_once_forget_what_was_spent_once() {
    let world = World::new(2);
    for _ in 0..10 {
        world.run(0, SECOND);
        world.run(1, 2 * SECOND);
        assert_eq!(world.nets(), [3_000_000; 2]);
        thread::scope(|scope| {
            for at in 0..2 {
                let world = &world;
                scope.spawn(move || world.desks[at].relieve(world.time(at), Relief::Reset));
            }
        });
        assert_eq!(world.nets(), [0; 2]);
    }
}

#[test]
fn what_runs_elsewhere_goes_on_over_a_reset() {
    let world = World::new(2);
    let mut running = [world.time(0)];
    world.desks[0].admit(&mut running);
    world.pass(SECOND);
    assert_eq!(world.desks[1].relieve(world.time(1), Relief::Reset).net, 0);
    world.pass(SECOND);
    assert_eq!(world.nets(), [1_000_000; 2]);
    world.desks[0].settle(&mut running, 2 * SECOND);
    assert_eq!(world.nets(), [1_000_000; 2]);
}

/// Who knows an account to be spent does not ask, and would never have heard of it.
#[test]
fn a_grant_elsewhere_is_heard_of_by_who_knew_the_account_as_spent() {
    let world = World::new(3);
    assert_eq!((world.serves(0), world.serves(1)), (2, 0));
    world.desks[2].relieve(world.few(2), Relief::Grant(3));
    assert_eq!((world.serves_again(1), world.serves(0)), (3, 0));
    world.desks[2].relieve(world.few(2), Relief::Reset);
    assert_eq!((world.serves_again(0), world.serves(1)), (2, 0));
}

#[test]
fn accounts_of_others_are_listed_and_changed_by_what_is_listed() {
    let world = World::new(2);
    for (client, spent) in [("ann", 3), ("bob", 5), ("cas", 4)] {
        for at in [0, 0, 1] {
            let desk = &world.desks[at];
            let claim = desk.requests_of(desk.requests("rule"), client, 100, spent);
            desk.admit(&mut [claim]);
        }
    }
    let newcomer = begun(&world.server, START);
    let book = newcomer.requests("rule");
    let nets = |listed: &[Listed]| listed.iter().map(|account| account.net).collect::<Vec<_>>();
    let listed = newcomer.list(&[book], 2);
    assert_eq!(nets(&listed), [15, 12]);
    assert_eq!(newcomer.relieve_key(book, listed[0].key, Relief::Reset).net, 0);
    assert_eq!(nets(&newcomer.list(&[book], 9)), [12, 9]);
    let bob = world.desks[0].request(world.desks[0].requests("rule"), "bob", 100);
    assert_eq!(world.desks[0].read(bob).net, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_names_those_whom_it_is_told_of_though_others_serve_them() {
    let server = Server::start();
    let process = || Process::keyed(&server.uri(""), "9 per day", Component::Ip).asking();
    let (one, other) = (process(), process());
    assert!(one.serve().await && one.serve().await);
    let filter = AccountFilter::new().names(["127.0.0.1"]);
    let listed = other.engine.accounts().list(&filter).await.unwrap();
    let told: Vec<_> = listed.iter().map(|account| (account.name.as_deref(), account.spent)).collect();
    assert_eq!(told, [(Some("127.0.0.1"), 2)]);
    let granted = other.engine.accounts().of("site", "budget", "127.0.0.1").unwrap();
    let granted = granted.grant(Amount::Requests(5)).await.unwrap();
    assert_eq!((granted[0].spent, granted[0].remaining), (0, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_nobody_is_told_what_is_not_known() {
    let mut server = Server::start();
    let process = Process::new(&server.uri(""), "9 per day");
    server.kill();
    process.served_degraded().await;
    let ann = process.engine.accounts().of("site", "budget", ()).unwrap();
    assert!(ann.grant(Amount::Requests(5)).await.is_err());
    assert!(process.engine.accounts().list(&AccountFilter::new()).await.is_err());
    server.restart();
    process.clone().asking().serve().await;
    let read = ann.read().await.unwrap();
    assert!(read[0].spent >= 2 && read[0].credit == 0, "nothing was granted: {read:?}");
}
