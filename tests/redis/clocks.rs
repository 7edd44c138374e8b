//! Clocks that disagree.

use std::time::SystemTime;

use timebudget::{Clock, Component, Now, SystemClock, UnixMicros};

use crate::process::Process;
use crate::server::Server;

/// A clock whose wall clock is off by so many seconds.
struct Off(SystemClock, i64);

impl Clock for Off {
    fn now(&self) -> Now {
        let now = self.0.now();
        Now { utc: UnixMicros(now.utc.0 + self.1 * 1_000_000), ..now }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_whose_clock_is_an_hour_off_takes_part_in_the_same_window() {
    let server = Server::start();
    let uri = server.uri("");
    let right = Process::new(&uri, "10 per hour").asking();
    for off in [-3_600, 3_600, 86_400 * 40] {
        let clock = Off(SystemClock::new(), off);
        let wrong = Process::with_clock(&uri, "10 per hour", Component::Site, clock).asking();
        assert!(right.serve().await);
        assert!(wrong.serve().await);
        let (seen, right) = (reset(&wrong).await, reset(&right).await);
        assert!(seen.abs_diff(right) <= 1, "{seen} s left, and {right} s");
    }
    assert!(!right.serve().await, "10 of 10 are spent: 2 in each round, and 2 by those who looked");
    assert_eq!(server.keys("tb1:{*").len(), 1, "all in one window");
}

async fn reset(process: &Process) -> u64 {
    match process.admit().await {
        Ok(mut admitted) => admitted.report().unwrap().reset_secs,
        Err(refusal) => refusal.report.reset_secs,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_begins_without_a_server_moves_into_the_servers_window() {
    let mut server = Server::start();
    let uri = server.uri("");
    server.kill();
    let wrong = Process::with_clock(&uri, "10 per hour", Component::Site, Off(SystemClock::new(), 1_800));
    assert!(wrong.serve().await);
    server.restart();
    wrong.served_as_asked().await;
    wrong.stored().await;
    let keys = server.keys("tb1:{*");
    let start: u64 = keys[0].rsplit(':').next().unwrap().parse().unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert_eq!((keys.len(), start), (1, now - now % 3_600), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_dies_soon_after_its_window() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "10 per hour").asking();
    assert!(process.serve().await);
    let key = &server.keys("tb1:{*")[0];
    let start: i64 = key.rsplit(':').next().unwrap().parse().unwrap();
    // Redis 6.2 knows no EXPIRETIME.
    let expires = "return redis.call('TIME')[1] + redis.call('TTL', KEYS[1])";
    let expires: i64 = server.cli(&["eval", expires, "1", key]).parse().unwrap();
    assert!((expires - start - 3_600 - 600).abs() <= 1, "{}", expires - start);
}
