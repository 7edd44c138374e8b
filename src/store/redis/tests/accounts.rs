//! What is granted and reset, where servers are slow or gone and where nobody is asked.

use std::sync::Arc;

use super::process::{Process, QUOTA};
use super::world::{Weather, World};
use crate::model::Micros;
use crate::store::redis::desk::{Awaited, Errand, Event};
use crate::store::redis::trouble::Trouble;
use crate::store::{Claim, Relief, Settlement, Verdict};

const DEADLINE: i64 = 20_000;

/// Has a process grant the account of all more.
fn grant(world: &mut World, at: usize, amount: u64) -> Awaited {
    let process = &world.peers[at].process;
    let (errand, awaited) = Errand::relieve(&process.ledgers, process.account(), Relief::Grant(amount));
    world.peers[at].tell([Event::Errand(errand)]);
    awaited
}

fn is_done(awaited: Awaited) -> bool {
    futures_util::FutureExt::now_or_never(awaited.done()).expect("it is known").is_ok()
}

/// Has a process run a request for so long, if it is admitted.
fn run(world: &mut World, at: usize, micros: i64) -> bool {
    let mut claims: Vec<Claim> = vec![claim(&world.peers[at].process)];
    let is_admitted = world.admit(at, &mut claims) == Ok(Verdict::Admitted);
    if is_admitted {
        world.pass(micros);
        let ledgers = Arc::clone(&world.peers[at].process.ledgers);
        let settlement = Settlement { cost: Micros(micros as u64), ..Settlement::default() };
        ledgers.settle(&mut claims, &settlement, ledgers.now());
    }
    is_admitted
}

fn claim(process: &Process) -> Claim {
    process.claim(QUOTA, Micros::ZERO)
}

/// The server may have done it, and has told others.
#[test]
fn a_grant_that_was_waited_for_in_vain_is_taken_back() {
    let mut world = World::new("redis://model?deadline=20ms", 2);
    assert!(run(&mut world, 0, 5_000_000));
    world.pass(1_000_000);
    world.weather = Weather::Slow;
    let awaited = grant(&mut world, 0, 3_000_000);
    world.pass(DEADLINE);
    assert!(!is_done(awaited));
    world.weather = Weather::Fine;
    world.pass(5_000_000);
    assert_eq!(world.server.spent(), 5_000_000);
    let done = grant(&mut world, 0, 3_000_000);
    world.deliver();
    assert!(is_done(done));
    assert_eq!(world.server.spent(), 2_000_000);
}

#[test]
fn nothing_is_granted_where_nobody_can_be_asked() {
    let mut world = World::new("redis://model?deadline=20ms", 1);
    world.weather = Weather::Down(Trouble::Gone);
    let awaited = grant(&mut world, 0, 3_000_000);
    world.deliver();
    assert!(!is_done(awaited));
    let ledgers = &world.peers[0].process.ledgers;
    assert_eq!(ledgers.listed(world.peers[0].process.account(), ledgers.now()).net, 0);
}

/// Between two exchanges and without a server, too, the sum of all lines counts, be some of them below 0.
#[test]
fn decisions_that_ask_nobody_count_what_was_granted_here_and_elsewhere() {
    for weather in [Weather::Fine, Weather::Down(Trouble::Gone)] {
        let mut world = World::new("redis://model?mode=batched&deadline=20ms", 2);
        assert!(run(&mut world, 0, QUOTA as i64));
        world.pass(3_000_000);
        assert!(!run(&mut world, 0, 1) && !run(&mut world, 1, 1), "all is spent");
        let granted = grant(&mut world, 1, 2_000_000);
        world.deliver();
        assert!(is_done(granted));
        world.pass(5_000_000);
        for at in [0, 1, 0, 1] {
            assert!(run(&mut world, at, 200_000));
            // So that nothing seems to run when the next one hears of it.
            world.pass(1_000_000);
        }
        world.weather = weather;
        for at in [1, 0] {
            assert!(run(&mut world, at, 400_000), "{at}, in {:?}", world.weather);
        }
        world.weather = Weather::Fine;
        world.pass(10_000_000);
        assert_eq!(world.server.spent() as u64, QUOTA - 2_000_000 + 4 * 400_000);
        assert!(run(&mut world, 0, 400_000));
        world.pass(3_000_000);
        assert!(!run(&mut world, 0, 1) && !run(&mut world, 1, 1), "all is spent again");
    }
}

/// Requests for it arrive without pause, and each call is followed by the next.
#[test]
fn an_account_that_is_always_busy_can_be_looked_after() {
    let mut world = World::new("redis://model?deadline=1s", 1);
    world.weather = Weather::Slow;
    let claims = [claim(&world.peers[0].process)];
    let first = world.peers[0].ask(&claims);
    let second = world.peers[0].ask(&claims);
    let awaited = grant(&mut world, 0, 1);
    let third = world.peers[0].ask(&claims);
    world.weather = Weather::Fine;
    world.deliver();
    assert!(is_done(awaited));
    for mut answer in [first, second, third] {
        assert!(answer.try_recv().is_ok());
    }
}
