//! Clients that hang up while it is decided over their requests.

use std::sync::Arc;

use crate::model::{KeyHash, Micros, Period, Unit, Zone};
use crate::store::redis::script::Account;
use crate::store::redis::tests::world::{Weather, World};
use crate::store::{BookSpec, Charge, Claim, Part, Store as _, Tally};

/// What a limit of a rule counts, by what is charged.
fn spec(charge: Charge, zone: &Arc<Zone>) -> BookSpec<'_> {
    let (tally, period) = match charge {
        Charge::Time { .. } => (Tally::Charged(Unit::Time), Some(Period::HOUR)),
        Charge::Requests { .. } => (Tally::Charged(Unit::Requests), Some(Period::HOUR)),
        Charge::Place => (Tally::Running, None),
    };
    BookSpec { site: "site", rule: "rule", tally, period, zone }
}

/// A claim on one of ten seconds or requests an hour, or of ten places, in two processes.
fn claim(world: &World, charge: Charge) -> Claim {
    let zone = Arc::new(Zone::utc());
    let books = world.peers.iter().map(|peer| peer.process.ledgers.memory.open(&spec(charge, &zone)));
    let books: Vec<_> = books.collect();
    assert_eq!(books[0], books[1]);
    let quota = if let Charge::Time { .. } = charge { 10_000_000 } else { 10 };
    Claim::new(books[0], KeyHash([7, 7, 8, 9]), quota, charge)
}

/// When a client hangs up.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Before the server is asked.
    Waiting,
    /// Before it has answered.
    Asked,
    /// Before the answer is taken.
    Answered,
}

/// What is spent, held and admitted, as two processes know it, once a client has hung up.
fn left_behind(charge: Charge, moment: Moment) -> Vec<(i64, u64, u32)> {
    let mut world = World::new("redis://model?deadline=20ms", 2);
    let claim = claim(&world, charge);
    if let Moment::Asked = moment {
        world.weather = Weather::Slow;
    }
    let answer = world.peers[0].ask(&[claim]);
    if !matches!(moment, Moment::Waiting) {
        world.deliver();
        world.pass(5_000);
    }
    drop(answer);
    world.weather = Weather::Fine;
    world.deliver();
    world.pass(3_000_000);
    let account = Account::from_claim(&claim, Part::Whole);
    let asked = world.peers[1].ask(&[claim]);
    world.deliver();
    drop(asked);
    world.pass(3_000_000);
    let stands = world.peers.iter().map(|peer| {
        let ledgers = &peer.process.ledgers;
        let listed = ledgers.listed(account, ledgers.now());
        (listed.net, listed.standing.hold, listed.standing.admitted)
    });
    stands.collect()
}

#[test]
fn who_hangs_up_while_it_is_decided_holds_no_place_and_spends_nothing() {
    let expected = Micros::from_secs(1);
    for charge in [Charge::Requests { cost: 1 }, Charge::Time { expected }, Charge::Place] {
        for moment in [Moment::Waiting, Moment::Asked, Moment::Answered] {
            assert_eq!(left_behind(charge, moment), [(0, 0, 0); 2], "{charge:?}, {moment:?}");
        }
    }
}
