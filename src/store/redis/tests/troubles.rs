//! What goes wrong between a process and its servers, without either; and the thread that speaks to them, when it breaks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::model::{KeyHash, Micros, Now, Period, Tick, Unit, UnixMicros, Zone};
use crate::store::redis::Redis;
use crate::store::redis::desk::{Candidate, Event};
use crate::store::redis::settings::Settings;
use crate::store::redis::tests::world::{Peer, QUOTA, Weather, World};
use crate::store::redis::trouble::Trouble;
use crate::store::{Ask, BookSpec, Charge, Claim, Fault, Mode, Settlement, Store as _, Tally, Verdict};

const DEADLINE: i64 = 20_000;
const URI: &str = "redis://model?deadline=20ms";

/// A claim of a client on a place, of which each client has five.
fn place(world: &World, at: usize, client: u32) -> Claim {
    let (zone, tally) = (Arc::new(Zone::utc()), Tally::Running);
    let spec = BookSpec { site: "site", rule: "cap", tally, period: None, zone: &zone };
    let book = world.peers[at].process.ledgers.memory.open(&spec);
    let [a, b] = [client.wrapping_mul(0x9e37_79b9), client];
    Claim::new(book, KeyHash([a, b, b, b]), 5, Charge::Place)
}

/// A client's claim on a request, of which each client has a hundred a day.
fn day(world: &World, client: u32) -> Claim {
    let (zone, tally) = (Arc::new(Zone::utc()), Tally::Charged(Unit::Requests));
    let spec = BookSpec { site: "site", rule: "day", tally, period: Some(Period::DAY), zone: &zone };
    let book = world.peers[0].process.ledgers.memory.open(&spec);
    Claim::from_ask(Ask {
        book,
        quota: 100,
        charge: Charge::Requests { cost: 1 },
        ..place(world, 0, client).ask
    })
}

/// Serves a request that ends at once.
fn serve(world: &mut World, at: usize, client: u32) {
    let mut claims = vec![place(world, at, client)];
    assert_eq!(world.admit(at, &mut claims), Ok(Verdict::Admitted));
    let ledgers = &world.peers[at].process.ledgers;
    ledgers.settle(&mut claims, &Settlement::default(), ledgers.now());
}

fn is_linked(world: &World) -> bool {
    world.peers[0].process.ledgers.is_healthy() && world.peers[0].connections == 1
}

#[test]
fn one_late_call_drops_no_link_however_many_requests_wait_for_it() {
    for is_one_call in [true, false] {
        let mut world = World::new(URI, 1);
        world.weather = Weather::Slow;
        let mut asked = Vec::new();
        for client in 0..10 {
            let ledgers = &world.peers[0].process.ledgers;
            let (claims, (reply, answer)) = (vec![place(&world, 0, client)], oneshot::channel());
            let candidate = Candidate::new(ledgers, claims, Mode::Decide, ledgers.now(), reply);
            assert!(world.peers[0].queue.bring(candidate));
            asked.push(answer);
            if !is_one_call {
                world.peers[0].tell([]);
            }
        }
        world.peers[0].tell([]);
        assert_eq!(world.peers[0].commands.len(), if is_one_call { 1 } else { 10 });
        world.pass(DEADLINE);
        assert!(asked.iter_mut().all(|answer| answer.try_recv().is_ok()), "decided without the server");
        assert!(is_linked(&world));
        world.weather = Weather::Fine;
        world.pass(DEADLINE);
        assert!(is_linked(&world));
        let degraded = world.peers[0].process.ledgers.degraded();
        serve(&mut world, 0, 1);
        assert_eq!(world.peers[0].process.ledgers.degraded(), degraded, "and asked again");
    }
}

/// All that was under way is late then, and says nothing of the server.
#[test]
fn a_machine_that_stood_still_for_a_moment_keeps_its_link() {
    let mut world = World::new(URI, 1);
    world.weather = Weather::Slow;
    let asked: Vec<_> = (0..20)
        .map(|client| {
            let claims = [place(&world, 0, client)];
            world.clock.fetch_add(10, Relaxed);
            world.peers[0].ask(&claims)
        })
        .collect();
    world.clock.fetch_add(2 * DEADLINE, Relaxed);
    world.peers[0].tell([]);
    assert!(is_linked(&world));
    drop(asked);
}

#[test]
fn three_late_calls_in_a_row_are_the_last_that_are_waited_for() {
    let mut world = World::new(URI, 1);
    world.weather = Weather::Slow;
    for client in 0..3 {
        assert!(is_linked(&world), "after {client}");
        let claims = [place(&world, 0, client)];
        let mut answer = world.peers[0].ask(&claims);
        world.pass(DEADLINE);
        assert!(answer.try_recv().is_ok());
    }
    assert!(!world.peers[0].process.ledgers.is_healthy());
}

/// Its account is busy until then, so that no further call would say so.
#[test]
fn a_server_that_hangs_is_given_up_after_three_deadlines() {
    let mut world = World::new(URI, 1);
    world.weather = Weather::Slow;
    for round in 0..3 {
        assert!(is_linked(&world), "after {round}");
        let claims = [place(&world, 0, 7)];
        let mut answer = world.peers[0].ask(&claims);
        world.pass(DEADLINE);
        assert!(answer.try_recv().is_ok());
    }
    assert!(!world.peers[0].process.ledgers.is_healthy());
}

/// With 5 ms one decision in ten was made without a server that was well.
#[test]
fn a_server_that_answers_within_a_tenth_of_a_second_is_asked_by_default() {
    let mut world = World::new("redis://model", 1);
    world.weather = Weather::Slow;
    let claims = [place(&world, 0, 1)];
    let mut answer = world.peers[0].ask(&claims);
    world.pass(90_000);
    world.weather = Weather::Fine;
    world.deliver();
    assert!(answer.try_recv().is_ok());
    assert_eq!(world.peers[0].process.ledgers.degraded(), 0);
}

/// A closure that looks up a client in a database may take longer than any server.
#[test]
fn what_code_takes_before_it_asks_is_no_part_of_the_deadline() {
    let mut world = World::new(URI, 1);
    world.weather = Weather::Slow;
    let ledgers = Arc::clone(&world.peers[0].process.ledgers);
    let (arrived, (reply, mut answer)) = (ledgers.now(), oneshot::channel());
    world.clock.fetch_add(50 * DEADLINE, Relaxed);
    let claims = vec![place(&world, 0, 1)];
    let candidate = Candidate::new(&ledgers, claims, Mode::Decide, arrived, reply);
    assert!(world.peers[0].queue.bring(candidate));
    world.peers[0].tell([]);
    world.pass(DEADLINE - 5_000);
    assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)), "it is still waited for");
    world.pass(5_000);
    assert!(answer.try_recv().is_ok());
}

/// Waking a thread for each of them cost more than the decisions.
#[test]
fn who_comes_while_a_call_is_under_way_wakes_nobody_and_shares_the_next_one() {
    let mut world = World::new(URI, 1);
    world.weather = Weather::Slow;
    let bring = |world: &World, client| {
        let ledgers = &world.peers[0].process.ledgers;
        let (claims, (reply, answer)) = (vec![place(world, 0, client)], oneshot::channel());
        let candidate = Candidate::new(ledgers, claims, Mode::Decide, ledgers.now(), reply);
        (world.peers[0].queue.bring(candidate), answer)
    };
    let (wakes, mut first) = bring(&world, 1);
    assert!(wakes);
    world.peers[0].tell([]);
    let mut others: Vec<_> = (0..3).map(|_| bring(&world, 1)).collect();
    assert!(others.iter().all(|(wakes, _)| !wakes));
    assert!(bring(&world, 2).0, "of another account nobody is asked about");
    world.weather = Weather::Fine;
    let before = world.peers[0].calls;
    world.deliver();
    assert!(first.try_recv().is_ok() && others.iter_mut().all(|(_, answer)| answer.try_recv().is_ok()));
    assert_eq!(world.peers[0].calls - before, 2);
}

/// Once a full inbox was always looked at first.
#[test]
fn a_crowd_keeps_neither_beats_from_being_sent_nor_late_requests_waiting() {
    let mut world = World::new(URI, 1);
    let beats = world.peers[0].beats;
    world.weather = Weather::Slow;
    let mut answers = Vec::new();
    for _ in 0..3_000 {
        world.clock.fetch_add(1_000, Relaxed);
        let ledgers = Arc::clone(&world.peers[0].process.ledgers);
        for n in 0..20_u32 {
            let (claims, (reply, answer)) = (vec![place(&world, 0, n)], oneshot::channel());
            answers.push((ledgers.now().tick, answer));
            let candidate = Candidate::new(&ledgers, claims, Mode::Decide, ledgers.now(), reply);
            world.peers[0].queue.bring(candidate);
        }
        world.weather = Weather::Fine;
        world.peers[0].tell([]);
        world.deliver();
    }
    assert!(world.peers[0].beats - beats >= 2, "{} beats in 3 s", world.peers[0].beats - beats);
    let now = world.peers[0].process.ledgers.now().tick;
    for (asked_at, answer) in &mut answers {
        let is_late = now.since(*asked_at).0 >= DEADLINE as u64;
        assert!(!is_late || answer.try_recv().is_ok());
    }
}

/// Once the server's silence about them was taken for lost data, and every account was published again.
#[test]
fn caps_that_expire_unused_cost_no_more_than_new_clients() {
    const CLIENTS: u32 = 10_000;
    let mut world = World::new(URI, 1);
    let cost_of = |world: &mut World, clients: std::ops::Range<u32>| {
        let before = world.peers[0].bytes;
        clients.for_each(|client| serve(world, 0, client));
        world.pass(1_000_000);
        world.peers[0].bytes - before
    };
    let of_new = cost_of(&mut world, 0..CLIENTS) / CLIENTS as usize;
    world.clock.fetch_add(11 * 60 * 1_000_000, Relaxed);
    world.server.accounts.clear();
    world.pass(1_000_000);
    let of_known = cost_of(&mut world, 0..100) / 100;
    assert!(of_known <= of_new + 8, "{of_known} bytes a request, {of_new} of new clients");
}

#[test]
fn what_is_known_of_a_cap_goes_when_nothing_runs() {
    let mut world = World::new(URI, 1);
    (0..10_000).for_each(|client| serve(&mut world, 0, client));
    world.pass(1_000_000);
    let ledgers = &world.peers[0].process.ledgers;
    ledgers.tidy(ledgers.now());
    assert_eq!((ledgers.known_accounts(), ledgers.memory.census().accounts), (0, 0));
}

#[test]
fn a_request_that_nobody_has_decided_about_decides_itself() {
    let world = World::new(URI, 1);
    let (reply, mut answer) = oneshot::channel();
    let ledgers = &world.peers[0].process.ledgers;
    let claims = vec![place(&world, 0, 1)];
    drop(Candidate::new(ledgers, claims, Mode::Decide, ledgers.now(), reply));
    let (verdict, _) = answer.try_recv().unwrap().take().unwrap();
    assert_eq!((verdict, ledgers.degraded()), (Verdict::Admitted, 1));
}

/// A script that only the exchange may not run: each connection began well and failed at the first request.
#[test]
fn a_connection_that_proves_nothing_is_never_healthy() {
    let mut world = World::new(URI, 1);
    world.weather = Weather::Down(Trouble::Clustered);
    let broken = Event::Answered(u64::MAX, Err(Trouble::Gone));
    world.peers[0].tell([broken]);
    assert!(is_linked(&world), "an answer to no call means nothing");
    let claims = [place(&world, 0, 1)];
    let mut answer = world.peers[0].ask(&claims);
    world.deliver();
    assert!(answer.try_recv().is_ok() && !world.peers[0].process.ledgers.is_healthy());
    let asked = world.peers[0].calls;
    for client in 0..100 {
        serve(&mut world, 0, client);
        world.pass(100_000);
    }
    assert_eq!(world.peers[0].calls, asked);
    assert!((2..20).contains(&world.peers[0].connections), "{}", world.peers[0].connections);
}

/// Nothing is published then, and so each client that asked was known until there was a server again.
#[test]
fn an_outage_holds_no_more_accounts_than_there_is_room_for() {
    let mut world = World::new("redis://model?deadline=20ms&max_accounts=100", 1);
    world.weather = Weather::Down(Trouble::Gone);
    let claims = [place(&world, 0, 0)];
    drop(world.peers[0].ask(&claims));
    world.pass(3_000_000);
    (0..10_000).for_each(|client| serve(&mut world, 0, client));
    let ledgers = &world.peers[0].process.ledgers;
    assert!(!ledgers.is_healthy());
    ledgers.tidy(ledgers.now());
    assert!(ledgers.known_accounts() <= 100, "{} are known", ledgers.known_accounts());
}

/// Who is refused takes no room, so nothing bounded how many of them were known until their window's end.
#[test]
fn those_whom_others_have_refused_are_known_only_while_there_is_room() {
    let mut world = World::new("redis://model?deadline=20ms&max_accounts=100", 1);
    world.peers.push(Peer::new(URI, 2, 2, &world.clock));
    world.deliver();
    for client in 0..1_000 {
        let only = || Claim::from_ask(Ask { quota: 1, ..day(&world, client).ask });
        let (mut spent, mut refused) = (vec![only()], vec![only()]);
        assert_eq!(world.admit(1, &mut spent), Ok(Verdict::Admitted));
        assert_eq!(world.admit(0, &mut refused), Ok(Verdict::Refused));
    }
    let ledgers = &world.peers[0].process.ledgers;
    assert_eq!(ledgers.memory.census().accounts, 0);
    ledgers.tidy(ledgers.now());
    assert!(ledgers.known_accounts() <= 100, "{} are known", ledgers.known_accounts());
}

/// Each account that the server did not know any more had all of them published again, those too that had just been.
#[test]
fn a_server_that_has_lost_everything_is_told_everything_once() {
    const CLIENTS: u32 = 5_000;
    let mut world = World::new(URI, 1);
    for client in (0..CLIENTS).chain(0..CLIENTS) {
        let mut claims = vec![day(&world, client)];
        assert_eq!(world.admit(0, &mut claims), Ok(Verdict::Admitted));
    }
    world.pass(1_000_000);
    world.server.accounts.clear();
    let before = world.peers[0].process.ledgers.next_number();
    assert_eq!(world.admit(0, &mut vec![day(&world, 0)]), Ok(Verdict::Admitted));
    world.pass(10_000_000);
    let told = world.peers[0].process.ledgers.next_number() - before;
    assert_eq!(world.server.accounts.len(), CLIENTS as usize);
    assert!(told <= u64::from(CLIENTS) * 11 / 10, "{told} lines of {CLIENTS} accounts");
}

/// A cap has no window that ends: its account grew with every process that ever started, and each call read all of it.
#[test]
fn lines_of_the_dead_leave_a_cap_after_a_minute() {
    let mut world = World::new(URI, 3);
    (0..3).for_each(|at| serve(&mut world, at, 1));
    world.pass(1_000_000);
    let lines = |world: &World| world.server.accounts.values().map(HashMap::len).collect::<Vec<_>>();
    assert_eq!(lines(&world), [3]);
    world.peers.truncate(1);
    world.clock.fetch_add(61_000_000, Relaxed);
    serve(&mut world, 0, 1);
    assert_eq!(lines(&world), [1]);
}

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

/// It must begin again: else all that needs a call was 503 until the program was started anew.
#[test]
fn a_task_that_panics_begins_again() {
    let store = Redis::with(Settings::of_text("redis://127.0.0.1:1"));
    let breaks = Arc::new(AtomicBool::new(false));
    let (ticks, breaking) = (AtomicI64::new(0), Arc::clone(&breaks));
    store.begin(Box::new(move || {
        let is_task = thread::current().name() == Some("timebudget-redis");
        assert!(!(is_task && breaking.swap(false, Ordering::SeqCst)), "the clock breaks, as the test wants");
        let passed = ticks.fetch_add(1_000, Ordering::SeqCst);
        Now { tick: Tick(passed), utc: UnixMicros(passed), step: 0 }
    }));
    breaks.store(true, Ordering::SeqCst);
    while breaks.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(1));
    }
    let zone = Arc::new(Zone::utc());
    let spec = BookSpec { site: "site", rule: "cap", tally: Tally::Running, period: None, zone: &zone };
    let mut claims = [Claim::new(store.open(&spec), KeyHash([1; 4]), 1, Charge::Place)];
    store.admit(&mut claims, Mode::Force, store.ledgers.now()).unwrap();
    let Fault(text) = store.flush().expect_err("there is no server");
    assert!(text.contains("no connection"), "the desk has answered: {text}");
}
