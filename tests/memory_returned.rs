//! A window's end gives its accounts' memory back to the operating system; alone in its process, whose memory it reads.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use timebudget::store::KeyHasher;
use timebudget::store::memory::Memory;
use timebudget::store::{BookSpec, Charge, Claim, Mode, Store, Tally};
use timebudget::{Clock, ManualClock, Period, Unit, UnixMicros, Zone};

const ACCOUNTS: u32 = 200_000;

/// So few, that each of their tables is as large as one among a thousand of 10 million accounts.
const SHARDS: u32 = 16;

/// The process's resident memory, by the pages of 4 KiB that Linux counts.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Twice, for glibc serves from its heap what it has once had to map; and with a few newcomers before the old accounts
/// are freed, for they keep it from giving back what lies below them.
#[test]
fn a_windows_end_returns_its_memory_also_the_second_time() {
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
