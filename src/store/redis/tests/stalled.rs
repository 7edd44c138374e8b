//! Requests of another process that wait for their clients.

use super::process::QUOTA;
use super::world::World;
use crate::model::Micros;
use crate::store::{Store as _, Verdict};

/// Eighty clients that sent the head of a request and stalled held the whole budget, for as long as they liked.
#[test]
fn however_many_requests_wait_elsewhere_they_hold_a_tenth_of_the_quota() {
    for uri in ["redis://model", "redis://model?mode=batched"] {
        let mut world = World::new(uri, 2);
        let mut stalled = Vec::new();
        for _ in 0..15 {
            let mut claims = vec![world.peers[0].process.claim(QUOTA, Micros(1_000_000))];
            assert_eq!(world.admit(0, &mut claims), Ok(Verdict::Admitted));
            let ledgers = &world.peers[0].process.ledgers;
            ledgers.memory.pause(&mut claims, Micros::ZERO, ledgers.now());
            ledgers.touch_timed(&claims, ledgers.now());
            stalled.push(claims);
        }
        world.pass(1_000_000);
        let mut claims = vec![world.peers[1].process.claim(QUOTA, Micros::ZERO)];
        assert_eq!(world.admit(1, &mut claims), Ok(Verdict::Admitted), "{uri}");
        let (left, standing) = (claims[0].remaining(), claims[0].standing);
        assert_eq!((standing.spent, standing.hold, standing.waiting), (0, 0, 15_000_000), "{uri}");
        assert!(left >= QUOTA * 9 / 10, "{left} µs left of {QUOTA}, {uri}");
    }
}
