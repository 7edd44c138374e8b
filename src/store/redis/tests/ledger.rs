//! What a process knows of the others, and when it tells them of itself.
//!
//! First contact with an account, after a deploy or after it was idle: once, each process gave each account a burst then, for it knew
//! nothing of the others, or took for running what had ended long ago. What is known to be spent, and refused without asking:
//! nobody stays refused for what nobody has spent. Newcomers for whom there is no room. When lines are published.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, mpsc};
use std::thread;

use crate::model::{KeyHash, Micros, Now, Others, Period, Tick, Unit, UnixMicros, Zone};
use crate::store::memory::Memory;
use crate::store::redis::desk::Desk;
use crate::store::redis::ledger::{Due, Ledgers, Stance};
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::{Before, Outcome};
use crate::store::redis::settings::Settings;
use crate::store::redis::tests::world::{Process, QUOTA, World};
use crate::store::{
    Ask, Book, BookSpec, Charge, Claim, Mode, Part, Progress, Settlement, Store as _, Tally, Verdict,
};

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
    Claim::from_ask(Ask { charge: Charge::Requests { cost: 1 }, ..claim(world, at, 1).ask })
}

const CHARGED: Outcome = Outcome { is_charged: true, refuses: false, is_new: false };

/// Ledgers with room for so many accounts, and a book of requests.
fn ledgers_with_room_for(accounts: usize) -> (Ledgers, Book) {
    let mut ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    ledgers.memory = Memory::new(accounts);
    ledgers.heal(ledgers.now());
    let (tally, period) = (Tally::Charged(Unit::Requests), Some(Period::DAY));
    let zone = Arc::new(Zone::utc());
    let book = ledgers.memory.open(&BookSpec { site: "site", rule: "rule", tally, period, zone: &zone });
    (ledgers, book)
}

fn claim_of_requests(book: Book, n: u32) -> [Claim; 1] {
    [Claim::new(book, KeyHash([n, n, n, n]), 10, Charge::Requests { cost: 1 })]
}

/// Asked about under its own key and charged to the shared account, a newcomer would never be refused.
#[test]
fn a_newcomer_without_room_is_asked_about_under_the_key_that_it_is_charged_to() {
    let (ledgers, book) = ledgers_with_room_for(1);
    let (mut first, mut second) = (claim_of_requests(book, 1), claim_of_requests(book, 2));
    assert_eq!(ledgers.admit(&mut first, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    ledgers.conclude(&mut first, &[0], Verdict::Admitted, &[CHARGED], ledgers.now());
    assert_eq!(ledgers.admit(&mut second, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    assert_eq!(Account::from_claim(&first[0], Part::Whole).key, KeyHash([1, 1, 1, 1]));
    assert_eq!(
        Account::from_claim(&second[0], Part::Whole).key,
        KeyHash([2, 0, 2, 0]),
        "one that others share with it"
    );
    ledgers.conclude(&mut second, &[0], Verdict::Admitted, &[CHARGED], ledgers.now());
    ledgers.look(&mut second, Progress::default(), ledgers.now());
    assert_eq!(second[0].standing.spent, 1);
}

/// Charged as a copy, it was settled in a slot of another shard: somebody else's request was ended.
#[test]
fn a_request_that_has_lost_its_room_while_it_asked_ends_where_it_was_charged() {
    let (ledgers, _) = ledgers_with_room_for(2);
    let zone = Arc::new(Zone::utc());
    let spec = BookSpec { site: "site", rule: "cap", tally: Tally::Running, period: None, zone: &zone };
    let book = ledgers.memory.open(&spec);
    let place = |n: u32| [Claim::new(book, KeyHash([n, n, n, n]), 10, Charge::Place)];
    let mut all: Vec<_> = (1..6).map(place).collect();
    for claims in &mut all {
        assert_eq!(ledgers.admit(claims, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    }
    for claims in &mut all {
        ledgers.conclude(claims, &[0], Verdict::Admitted, &[CHARGED], ledgers.now());
    }
    assert_eq!((ledgers.memory.census().accounts, ledgers.memory.census().shared), (2, 3));
    for claims in all.iter_mut().rev() {
        ledgers.settle(claims, &Settlement::default(), ledgers.now());
    }
    assert_eq!((ledgers.memory.census().accounts, ledgers.memory.census().shared), (0, 0));
}

/// A client's part lies where the account does that the clients share: once that had moved, the server was told nothing of
/// the part that it had charged.
#[test]
fn a_fair_limit_that_has_lost_its_room_while_it_asked_corrects_all_that_the_server_charged() {
    let (ledgers, book) = ledgers_with_room_for(3);
    let fair = |n: u32| {
        let [claim] = claim_of_requests(book, n);
        [Claim::from_ask(Ask { client: Some(KeyHash([n + 1; 4])), ..claim.ask })]
    };
    let (mut first, mut second) = (fair(10), fair(20));
    for claims in [&mut first, &mut second] {
        assert_eq!(ledgers.admit(claims, Mode::Decide, ledgers.now()), Ok(Verdict::Open));
    }
    let asked_about: Vec<_> = Account::all(&second).collect();
    for claims in [&mut first, &mut second] {
        ledgers.conclude(claims, &[0], Verdict::Admitted, &[CHARGED; 3], ledgers.now());
    }
    for account in asked_about {
        assert_ne!(ledgers.due(account, ledgers.now()), Due::Never, "{account:?}");
    }
}

#[test]
fn in_exact_mode_a_settlement_waits_80_ms_for_a_request_to_carry_it() {
    let clock = Arc::new(AtomicI64::new(0));
    let process = Process::new("redis://model", 1, 1, &clock);
    let mut claims = [process.claim(1_000, Micros::ZERO)];
    let ledgers = &process.ledgers;
    ledgers.admit(&mut claims, Mode::Force, ledgers.now()).unwrap();
    ledgers.settle(&mut claims, &Settlement::default(), ledgers.now());
    for (passed, due) in [(0, Due::Later), (79_999, Due::Later), (80_000, Due::Now)] {
        clock.store(passed, Relaxed);
        assert_eq!(ledgers.due(process.account(), ledgers.now()), due, "after {passed} µs");
    }
}

/// Its windows move to where the server sees them, and what it had spent was published in no window.
#[test]
fn what_was_spent_before_the_servers_clock_was_known_is_published() {
    let ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    let mut claims = [claim_of(&ledgers, 1)];
    assert_eq!(ledgers.admit(&mut claims, Mode::Decide, at(5)), Ok(Verdict::Admitted));
    ledgers.hear_clock(at(6).utc.0 + 1_800_000_000 * 3, at(6));
    let now = ledgers.agreed(at(6));
    ledgers.heal(now);
    let due = ledgers.due_lines(ledgers.agreed(at(7)), 10, |_| Stance::Free);
    assert_eq!(due.len(), 1);
    assert_eq!(ledgers.own(due[0], now).line.net, 1);
}

/// The line was read, and then the change that was not in it was taken to be sent.
#[test]
fn what_is_charged_while_a_line_is_taken_is_in_it_or_still_to_be_sent() {
    let process = Process::new("redis://model", 1, 1, &Arc::new(AtomicI64::new(0)));
    let ledgers = &process.ledgers;
    for _ in 0..200 {
        let has_ended = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..20 {
                    let mut claims = [process.claim(u64::MAX, Micros::ZERO)];
                    ledgers.admit(&mut claims, Mode::Force, ledgers.now()).unwrap();
                    let settlement = Settlement { extra_micros: 1, ..Settlement::default() };
                    ledgers.settle(&mut claims, &settlement, ledgers.now());
                }
                has_ended.store(true, Relaxed);
            });
            let mut sent = ledgers.take_line(process.account(), ledgers.now());
            while !has_ended.load(Relaxed) {
                sent = ledgers.take_line(process.account(), ledgers.now());
            }
            sent.0.line
        });
        let line = ledgers.own(process.account(), ledgers.now()).line;
        let is_due = ledgers.due(process.account(), ledgers.now()) != Due::Never;
        assert!(is_due || sent == line, "{sent:?} was sent of {line:?}");
    }
}

/// What was charged meanwhile in the new window was forgotten to be published.
#[test]
fn an_answer_that_comes_after_its_window_has_ended_says_nothing_of_the_next() {
    let ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    let mut claims = [claim_of(&ledgers, 1)];
    ledgers.admit(&mut claims, Mode::Force, at(3_599)).unwrap();
    let account = Account::from_claim(&claims[0], Part::Whole);
    let (sent, _) = ledgers.take_line(account, at(3_599));
    ledgers.admit(&mut [claim_of(&ledgers, 1)], Mode::Force, at(3_600)).unwrap();
    let others = Others { read_at: Tick(3_599_000_000), ..Others::UNKNOWN };
    ledgers.hear(&sent, Before::Newer, others, 0, at(3_600));
    assert_eq!(ledgers.due(account, at(3_601)), Due::Now);
}

/// The first ones on the list were sent again and again, if they changed as quickly as they could be sent.
#[test]
fn where_more_lines_are_due_than_can_be_sent_each_has_its_turn() {
    let ledgers = Ledgers::new(Settings::of_text("redis://model"), 1);
    for client in 0..30 {
        ledgers.admit(&mut [claim_of(&ledgers, client)], Mode::Force, at(0)).unwrap();
    }
    let rounds = (0..3).flat_map(|_| ledgers.due_lines(at(1), 10, |_| Stance::Free));
    assert_eq!(rounds.collect::<HashSet<_>>().len(), 30);
}

/// So many seconds after an hour has begun.
fn at(secs: i64) -> Now {
    Now { tick: Tick(secs * 1_000_000), utc: UnixMicros::from_secs(1_699_999_200 + secs), step: 0 }
}

/// A client's claim on a request, of which it has ten an hour.
fn claim_of(ledgers: &Ledgers, client: u32) -> Claim {
    let (zone, tally) = (Arc::new(Zone::utc()), Tally::Charged(Unit::Requests));
    let spec = BookSpec { site: "site", rule: "rule", tally, period: Some(Period::HOUR), zone: &zone };
    Claim::new(ledgers.memory.open(&spec), KeyHash([client; 4]), 10, Charge::Requests { cost: 1 })
}
