//! Memory of accounts that are not needed any more goes back to the operating system; alone in its process, whose memory
//! it reads.
#![cfg(target_os = "linux")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use timebudget::model::key::KeyHasher;
use timebudget::model::units::Unit;
use timebudget::store::memory::Memory;
use timebudget::store::{BookSpec, Charge, Claim, Mode, Settlement, Store, Tally, Verdict};
use timebudget::{Clock, ManualClock, Period, UnixMicros, Zone};

const ACCOUNTS: u32 = 200_000;

/// So few, that each of their tables is as large as one among a thousand of 10 million accounts.
const SHARDS: u32 = 16;

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::new(());

/// The process's resident memory, by the pages of 4 KiB that Linux counts.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Twice, for glibc serves from its heap what it has once had to map; and with a few newcomers before the old accounts
/// are freed, for they keep it from giving back what lies below them.
#[test]
fn a_windows_end_returns_its_memory_also_the_second_time() {
    let _alone = ALONE.lock().unwrap();
    let (store, clock) = (Memory::new(2 * ACCOUNTS as usize), ManualClock::at(UnixMicros(0)));
    let (tally, zone) = (Tally::Charged(Unit::Requests), Arc::new(Zone::utc()));
    let spec = BookSpec { site: "site", rule: "rule", tally, period: Some(Period::HOUR), zone: &zone };
    let (book, hasher) = (store.open(&spec), KeyHasher::new([7; 16]));
    let admit = |key: u32| {
        let mut hash = hasher.hash(&key.to_le_bytes());
        hash.0[0] %= SHARDS;
        let claim = Claim::new(book, hash, 9, Charge::Requests { cost: 1 });
        store.admit(&mut [claim], Mode::Decide, clock.now()).unwrap();
    };
    let before = resident_bytes();
    for _ in 0..2 {
        (0..ACCOUNTS).for_each(admit);
        let full = (resident_bytes() - before) / ACCOUNTS as usize;
        assert!((24..=45).contains(&full), "{full} bytes an account");
        clock.advance(Duration::from_secs(3_600));
        (0..ACCOUNTS / 50).for_each(admit);
        store.tidy(clock.now());
        let empty = (resident_bytes() - before) / ACCOUNTS as usize;
        assert!(empty <= 10, "{empty} bytes an account stay");
    }
}

/// A cap has no window whose end could take its accounts along.
#[test]
fn a_million_clients_that_ran_at_once_under_a_cap_leave_their_memory_with_their_last_request() {
    const CLIENTS: u32 = 1_000_000;
    let _alone = ALONE.lock().unwrap();
    let (store, clock) = (Memory::default(), ManualClock::at(UnixMicros(0)));
    let zone = Arc::new(Zone::utc());
    let spec = BookSpec { site: "site", rule: "rule", tally: Tally::Running, period: None, zone: &zone };
    let (book, hasher) = (store.open(&spec), KeyHasher::new([7; 16]));
    let claim = |client: u32| Claim::new(book, hasher.hash(&client.to_le_bytes()), 5, Charge::Place);
    let before = resident_bytes();
    let mut running: Vec<_> = (0..CLIENTS).map(claim).collect();
    let with_claims = resident_bytes() - before;
    for claim in running.chunks_mut(1) {
        assert_eq!(store.admit(claim, Mode::Decide, clock.now()), Ok(Verdict::Admitted));
    }
    let full = resident_bytes() - before - with_claims;
    assert!(full > 50_000_000, "{full} bytes of accounts");
    assert_eq!(store.census().accounts, CLIENTS as usize);
    for claim in running.chunks_mut(1) {
        store.settle(claim, &Settlement::default(), clock.now());
    }
    drop(running);
    clock.advance(Duration::from_secs(1));
    store.tidy(clock.now());
    let stay = resident_bytes().saturating_sub(before);
    assert!(stay < full / 5, "{stay} bytes of {full} stay");
    assert_eq!(store.census().accounts, 0);
}
