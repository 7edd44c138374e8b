//! The memory of accounts under caps goes back to the operating system; alone in its process, whose memory it reads.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use timebudget::store::KeyHasher;
use timebudget::store::memory::Memory;
use timebudget::store::{BookSpec, Charge, Claim, Mode, Settlement, Store, Tally, Verdict};
use timebudget::{Clock, ManualClock, UnixMicros, Zone};

/// The process's resident memory, by the pages of 4 KiB that Linux counts.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A cap has no window whose end could take its accounts along.
#[test]
fn a_million_clients_that_ran_at_once_under_a_cap_leave_their_memory_with_their_last_request() {
    const CLIENTS: u32 = 1_000_000;
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
