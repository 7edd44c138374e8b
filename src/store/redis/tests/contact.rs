//! The first contact of a process with an account, in batched mode: after a deploy, or after it was idle.
//!
//! It knew nothing of the others then, or took for running what had ended long ago: after a deploy each process gave each
//! account a burst.

use super::process::QUOTA;
use super::world::World;
use crate::model::Micros;
use crate::store::{Claim, Settlement, Verdict};

const URI: &str = "redis://model?mode=batched&sync=250ms&deadline=20ms";
const SYNC: u64 = 250_000;

/// Serves a request of so many microseconds; returns its claims as they were when it was admitted.
fn serve(world: &mut World, at: usize, micros: i64) -> Vec<Claim> {
    let mut claims = vec![world.peers[at].process.claim(QUOTA, Micros::ZERO)];
    assert_eq!(world.admit(at, &mut claims), Ok(Verdict::Admitted));
    let told = claims.clone();
    world.pass(micros);
    let ledgers = &world.peers[at].process.ledgers;
    let settlement = Settlement { cost: Micros(micros as u64), ..Settlement::default() };
    ledgers.settle(&mut claims, &settlement, ledgers.now());
    told
}

#[test]
fn a_process_that_wakes_after_five_seconds_knows_what_was_spent_but_for_one_sync() {
    let mut world = World::new(URI, 2);
    serve(&mut world, 0, 50_000);
    for _ in 0..50 {
        serve(&mut world, 1, 100_000);
    }
    let told = serve(&mut world, 0, 50_000)[0].standing.spent;
    let spent = 50_000 + 50 * 100_000;
    assert!(told.abs_diff(spent) <= SYNC, "{told} µs told of {spent}");
}

/// Its last reading was of a request that ran: it was taken to have run on for three seconds.
#[test]
fn what_has_ended_meanwhile_is_not_taken_to_run_on() {
    let mut world = World::new(URI, 2);
    let mut running = vec![world.peers[1].process.claim(QUOTA, Micros::ZERO)];
    assert_eq!(world.admit(1, &mut running), Ok(Verdict::Admitted));
    world.pass(100_000);
    serve(&mut world, 0, 10_000);
    world.pass(490_000);
    let ledgers = &world.peers[1].process.ledgers;
    let settlement = Settlement { cost: Micros(600_000), ..Settlement::default() };
    ledgers.settle(&mut running, &settlement, ledgers.now());
    world.pass(5_000_000);
    let told = serve(&mut world, 0, 10_000)[0].standing.spent;
    assert!(told.abs_diff(610_000) <= SYNC, "{told} µs told of 610,000");
}

#[test]
fn after_a_deploy_a_process_asks_once_and_in_use_costs_no_call() {
    let mut world = World::new(URI, 2);
    for _ in 0..10 {
        serve(&mut world, 0, 1_000_000);
    }
    world.pass(1_000_000);
    let told = serve(&mut world, 1, 5_000)[0].standing.spent;
    assert_eq!((told, world.peers[1].calls), (10_000_000, 1), "asked once");
    for _ in 0..200 {
        serve(&mut world, 1, 5_000);
    }
    let (calls, most) = (world.peers[1].calls, 1 + 5);
    assert!(calls <= most, "{calls} calls in a second, {most} at most: one each sync");
}

/// They wait for one answer, and all but the first are decided here when it is there.
#[test]
fn those_who_arrive_together_wait_for_one_call() {
    let mut world = World::new(URI, 1);
    let claims: Vec<_> = (0..50).map(|_| [world.peers[0].process.claim(QUOTA, Micros(1_000))]).collect();
    let mut answers: Vec<_> = claims.iter().map(|claims| world.peers[0].ask(claims)).collect();
    world.deliver();
    assert!(answers.iter_mut().all(|answer| answer.try_recv().is_ok()));
    assert_eq!(world.peers[0].calls, 1);
}
