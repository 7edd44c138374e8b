//! What a process knows to be spent, and refuses without asking: nobody stays refused for what nobody has spent.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};

use super::process::QUOTA;
use super::world::World;
use crate::model::Micros;
use crate::store::redis::desk::Desk;
use crate::store::{Ask, Charge, Claim, Settlement, Verdict};

/// A request that had ended was taken to run until its end was published, and what it had not run was refused until the
/// window ended.
#[test]
fn what_a_request_seemed_to_run_on_is_asked_about_again() {
    for uri in ["redis://model", "redis://model?mode=batched"] {
        let mut world = World::new(uri, 2);
        let mut running = vec![claim(&world, 0, QUOTA)];
        assert_eq!(world.admit(0, &mut running), Ok(Verdict::Admitted), "{uri}");
        world.pass(600_000);
        let ledgers = &world.peers[0].process.ledgers;
        let settlement = Settlement { cost: Micros(600_000), ..Settlement::default() };
        ledgers.settle(&mut running, &settlement, ledgers.now());
        world.clock.fetch_add(50_000, Relaxed);
        let mut claims = vec![claim(&world, 1, 620_000)];
        assert_eq!(world.admit(1, &mut claims), Ok(Verdict::Refused), "{uri}: as far as is published");
        world.pass(2_000_000);
        // In batched mode the first one has the others asked about.
        let again = |world: &mut World| {
            let mut claims = vec![claim(world, 1, 620_000)];
            world.admit(1, &mut claims)
        };
        let first = again(&mut world);
        assert!(first == Ok(Verdict::Admitted) || again(&mut world) == Ok(Verdict::Admitted), "{uri}");
    }
}

/// Only its own beat could have told the others.
#[test]
fn what_a_process_returned_before_it_died_is_known_when_it_is_forgotten() {
    let mut world = with_something_returned();
    world.peers.truncate(1);
    world.pass(13_000_000);
    let mut others = vec![request(&world, 0)];
    assert_eq!(world.admit(0, &mut others), Ok(Verdict::Admitted));
}

#[test]
fn what_was_returned_is_told_by_a_desk_that_begins_after_another_has_broken() {
    let mut world = with_something_returned();
    let ledgers = Arc::clone(&world.peers[1].process.ledgers);
    let queue = Arc::clone(&world.peers[1].queue);
    world.peers[1].desk = Desk::new(Arc::clone(&ledgers), queue, ledgers.now(), 7, mpsc::channel().0);
    world.peers[1].tell([]);
    world.pass(3_000_000);
    let mut others = vec![request(&world, 0)];
    assert_eq!(world.admit(0, &mut others), Ok(Verdict::Admitted));
}

/// Two processes, of which the second has returned what the first knows to be spent, and has not told of it.
fn with_something_returned() -> World {
    let mut world = World::new("redis://model", 2);
    world.pass(1_500_000);
    let mut claims = vec![request(&world, 1)];
    assert_eq!(world.admit(1, &mut claims), Ok(Verdict::Admitted));
    for _ in 0..2 {
        let mut others = vec![request(&world, 0)];
        assert_eq!(world.admit(0, &mut others), Ok(Verdict::Refused));
    }
    let ledgers = &world.peers[1].process.ledgers;
    ledgers.settle(&mut claims, &Settlement { returned: true, ..Settlement::default() }, ledgers.now());
    let beats = world.peers[1].beats;
    world.pass(120_000);
    assert_eq!((world.server.spent(), world.peers[1].beats), (0, beats), "stored, and not told");
    world
}

/// A claim of a process on the time that all share.
fn claim(world: &World, at: usize, quota: u64) -> Claim {
    world.peers[at].process.claim(quota, Micros::ZERO)
}

/// A claim on the one request of a day.
fn request(world: &World, at: usize) -> Claim {
    Claim::of(Ask { charge: Charge::Requests { cost: 1 }, ..claim(world, at, 1).ask })
}
