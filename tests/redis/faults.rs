//! Servers that die, freeze, forget and refuse: no request waits longer than its deadline, nothing is refunded, nobody
//! is locked out, and the totals come back.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::journal;
use crate::process::{ANYBODY, Process, until};
use crate::server::Server;

/// What all processes together have charged, as a process with an account of its own would see it.
async fn seen_by_a_newcomer(server: &Server, rates: &str) -> u64 {
    let newcomer = Process::new(&server.uri(""), rates).asking();
    let mut admitted = newcomer.admit().await.unwrap();
    let report = admitted.report().unwrap();
    report.limit - report.remaining - report.used
}

/// Two processes that share a hundred requests a day, and have served twenty of them each.
async fn two_that_have_served(server: &Server) -> (Process, Process) {
    let uri = server.uri("");
    let (one, other) = (Process::new(&uri, "100 per day"), Process::new(&uri, "100 per day"));
    for _ in 0..20 {
        assert!(one.serve().await);
        assert!(other.serve().await);
    }
    (one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_that_comes_back_empty_is_told_everything_again() {
    let mut server = Server::start();
    let (one, other) = two_that_have_served(&server).await;
    server.kill();
    one.served_degraded().await;
    server.restart();
    one.served_as_asked().await;
    other.served_as_asked().await;
    one.stored().await;
    other.stored().await;
    let seen = seen_by_a_newcomer(&server, "100 per day").await;
    let mut last = one.asking().admit().await.unwrap();
    let report = last.report().unwrap();
    assert_eq!(report.limit - report.remaining, seen + 2, "the newcomer and this one came after");
    assert!(seen >= 40, "{seen} of 40 and what was served meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_begins_without_a_server_and_shares_once_there_is_one() {
    let mut server = Server::start();
    let uri = server.uri("");
    server.kill();
    let process = Process::new(&uri, "100 per day");
    for _ in 0..5 {
        assert!(process.serve().await);
    }
    assert_eq!(process.degraded(), 5);
    server.restart();
    until("it asks", async || {
        let before = process.degraded();
        process.serve().await && process.degraded() == before
    })
    .await;
    process.stored().await;
    assert!(seen_by_a_newcomer(&server, "100 per day").await >= 6);
}

/// If each of 2,000 requests waited for its deadline, they would take more than three minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_waited_for_by_a_few_requests_until_their_deadline_and_then_by_none() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "100000 per day");
    process.served_as_asked().await;
    server.freeze();
    let asked = Instant::now();
    for _ in 0..2_000 {
        assert!(process.serve().await);
    }
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
    server.thaw();
    assert!(journal::lines().len() < 500, "not a line for each of 2,000 requests: {:#?}", journal::lines());
    process.served_as_asked().await;
    process.stored().await;
    assert!(seen_by_a_newcomer(&server, "100000 per day").await >= 2_002);
}

/// Waits until all processes have beaten twice more: one beats again when it has heard the answer to its last beat.
async fn heard_of_each_other(server: &Server) {
    for _ in 0..2 {
        let before = server.cli(&["hgetall", "tb1:beat"]);
        let has_beaten = |line: &&str| line.parse::<u64>().is_ok_and(|at| at > 1_000_000_000);
        until("all have beaten", async || {
            let now = server.cli(&["hgetall", "tb1:beat"]);
            now.lines().filter(has_beaten).all(|at| !before.contains(at))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_cut_off_a_process_spends_its_share_of_what_was_left() {
    let mut server = Server::start();
    let (one, other) = two_that_have_served(&server).await;
    // Each has to have heard what the other spent last, and that there are two of them.
    let (asking, other_asking) = (one.clone().asking(), other.clone().asking());
    assert!(asking.serve().await && other_asking.serve().await && asking.serve().await);
    heard_of_each_other(&server).await;
    server.kill();
    one.served_degraded().await;
    other.served_degraded().await;
    let mut served = 0;
    for _ in 0..200 {
        served += u32::from(one.serve().await) + u32::from(other.serve().await);
    }
    assert!((50..=58).contains(&served), "{served} of the 57 that were left");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_allow_admits_and_refuse_refuses() {
    let mut server = Server::start();
    server.kill();
    let allowing = Process::new(&server.uri("on_store_fault=allow"), "1 per day");
    for _ in 0..5 {
        assert!(allowing.serve().await);
    }
    let refusing = Process::new(&server.uri("on_store_fault=refuse"), "1 per day");
    assert!(refusing.limiter.admit(&ANYBODY).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flushall_took_comes_back_though_nobody_asks() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "100 per day").asking();
    for _ in 0..30 {
        assert!(process.serve().await);
    }
    server.cli(&["flushall"]);
    until("it is told again", async || !server.keys("tb1:{*").is_empty()).await;
    assert_eq!(seen_by_a_newcomer(&server, "100 per day").await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgets_its_scripts_is_told_them_again() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "100 per day").asking();
    for _ in 0..20 {
        assert!(process.serve().await);
        server.cli(&["script", "flush"]);
    }
    process.stored().await;
    assert_eq!(seen_by_a_newcomer(&server, "100 per day").await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_killed_lose_nothing() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "10000 per day");
    let mut served = 0;
    for _ in 0..20 {
        for _ in 0..10 {
            served += u64::from(process.serve().await);
        }
        server.cli(&["client", "kill", "type", "normal"]);
    }
    served += process.served_as_asked().await;
    process.stored().await;
    assert_eq!(seen_by_a_newcomer(&server, "10000 per day").await, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_out_of_memory_degrades_and_heals() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "10000 per day");
    assert!(process.serve().await);
    server.cli(&["config", "set", "maxmemory", "1"]);
    process.served_degraded().await;
    server.cli(&["config", "set", "maxmemory", "0"]);
    process.served_as_asked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_refuses_writes_degrades_and_heals() {
    let (master, server) = (Server::start(), Server::start());
    let process = Process::new(&server.uri(""), "10000 per day");
    assert!(process.serve().await);
    server.cli(&["replicaof", "127.0.0.1", &master.port.to_string()]);
    process.served_degraded().await;
    server.cli(&["replicaof", "no", "one"]);
    process.served_as_asked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_stops_running_and_leaves_what_it_spent() {
    let server = Server::start();
    let uri = server.uri("");
    let survivor = Process::new(&uri, DYING_RATES).asking();
    let mut dying = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::the_process_that_dies", "--nocapture"])
        .env("TIMEBUDGET_TEST_URI", &uri)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("it runs a request", async || server.keys("tb1:{*").len() == 2).await;
    let began = Instant::now();
    sleep(Duration::from_millis(4_000)).await;
    assert!(survivor.admit().await.is_err(), "it lives");
    dying.kill().unwrap();
    dying.wait().unwrap();
    until("the dead take no places", async || survivor.serve().await).await;
    let most = began.elapsed().as_micros() as u64 + 3_000_000;
    survivor.stored().await;
    let spent = seen_by_a_newcomer(&server, "1000s per day").await;
    assert!((2_000_000..most).contains(&spent), "{spent} µs of 4 s and what nobody saw it do");
}

const DYING_RATES: &str = "1000s per day; 1 concurrent";

/// Not a test, but the process that the test before kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_dies() {
    let Ok(uri) = std::env::var("TIMEBUDGET_TEST_URI") else { return };
    let running = Process::new(&uri, DYING_RATES).admit().await;
    sleep(Duration::from_secs(60)).await;
    drop(running);
}
