//! What the log is told of trouble: each once until it is over, however often it is met, and none is met in silence.

use std::cell::RefCell;
use std::sync::Once;

use tokio::sync::oneshot;

use crate::model::{KeyHash, Micros};
use crate::store::redis::desk::Candidate;
use crate::store::redis::tests::world::{Peer, QUOTA, Weather, World};
use crate::store::redis::trouble::Trouble;
use crate::store::{Charge, Claim, Mode, Verdict};

const URI: &str = "redis://model?deadline=20ms";
const DEADLINE: i64 = 20_000;
const SECOND: i64 = 1_000_000;

thread_local! {
    /// Desks of a test stand on its own thread, so these are its own lines.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Journal;

impl log::Log for Journal {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.with_borrow_mut(|lines| lines.push(format!("{} {}", record.level(), record.args())));
    }

    fn flush(&self) {}
}

/// A process that is linked to a server, and of which nothing has been told.
fn world() -> World {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&Journal).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
    let world = World::new(URI, 1);
    told();
    world
}

/// What has been told since it was last asked for, by this test.
fn told() -> Vec<String> {
    LINES.take()
}

/// Asks about a request, and waits until its deadline.
fn ask_in_vain(world: &mut World, client: u32) {
    let book = world.peers[0].process.account().book;
    let claims = vec![Claim::new(book, KeyHash([client; 4]), 5, Charge::Requests { cost: 1 })];
    let ledgers = &world.peers[0].process.ledgers;
    let (reply, mut answer) = oneshot::channel();
    let candidate = Candidate::new(ledgers, claims, Mode::Decide, ledgers.now(), reply);
    assert!(world.peers[0].queue.bring(candidate));
    world.peers[0].tell([]);
    world.deliver();
    world.pass(DEADLINE);
    assert!(answer.try_recv().is_ok(), "decided without the server");
}

/// One decision in ten was made without a server that was well, and nothing said so.
#[test]
fn a_single_call_that_is_late_is_told_and_so_is_that_it_is_over() {
    let mut world = world();
    world.weather = Weather::Slow;
    ask_in_vain(&mut world, 1);
    assert_eq!(
        told(),
        ["WARN redis: no answer in time; on_store_fault says what is decided until it answers"]
    );
    world.weather = Weather::Fine;
    world.pass(10 * SECOND);
    assert_eq!(told(), ["INFO redis: it answers again; 1 decisions were made without it"]);
}

/// With a user who lacked one permission each request was a WARN, and each connection an INFO.
#[test]
fn trouble_that_stays_is_told_once_whatever_it_is() {
    for trouble in
        [Trouble::Forbidden(Some("pexpireat")), Trouble::Clustered, Trouble::Gone, Trouble::Nonsense]
    {
        let mut world = world();
        world.weather = Weather::Down(trouble.clone());
        for client in 0..100 {
            if world.peers[0].process.ledgers.is_healthy() {
                ask_in_vain(&mut world, client);
            }
            world.pass(SECOND / 10);
        }
        assert!(world.peers[0].connections > 5, "it was tried again: {}", world.peers[0].connections);
        let lines = told();
        assert!(lines.len() == 1 && lines[0].contains(&trouble.to_string()), "{lines:#?}");
    }
}

/// Each connection began well, and ended at the next request.
#[test]
fn trouble_that_comes_and_goes_is_two_lines() {
    let mut world = world();
    for client in 0..30 {
        world.weather = Weather::Down(Trouble::Code("OOM".to_owned()));
        ask_in_vain(&mut world, client);
        world.weather = Weather::Fine;
        world.pass(SECOND / 2);
        assert!(world.peers[0].process.ledgers.is_healthy());
    }
    world.pass(60 * SECOND);
    let lines = told();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].starts_with("WARN redis: it answers OOM") && lines[1].starts_with("INFO redis: it answers")
    );
}

/// A line that says nothing is not stored, and so is not missed: else each refusal of who had spent nothing had everything
/// published again.
#[test]
fn who_is_refused_for_what_others_run_takes_nothing_for_lost() {
    let mut world = world();
    world.peers.push(Peer::new(URI, 2, 2, &world.clock));
    world.deliver();
    // That its clock is another than the server's.
    told();
    let claim = |world: &World, at: usize| vec![world.peers[at].process.claim(QUOTA, Micros(1_000_000))];
    let mut running = Vec::new();
    let mut claims = claim(&world, 0);
    while world.admit(0, &mut claims) == Ok(Verdict::Admitted) {
        running.push(std::mem::replace(&mut claims, claim(&world, 0)));
    }
    assert!(running.len() > 10, "{} hold all that there is", running.len());
    for _ in 0..5 {
        let mut claims = claim(&world, 1);
        assert_eq!(world.admit(1, &mut claims), Ok(Verdict::Refused));
        world.pass(DEADLINE);
    }
    assert_eq!(told(), [""; 0]);
}
