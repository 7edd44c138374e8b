//! What a URI without parameters does: nothing is measured here, but nothing is set either.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::journal;
use crate::process::Process;
use crate::server::Server;

/// At 5 ms, one busy machine in ten made decisions without a server that was well, and said nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_without_a_server_that_is_well_are_few_and_never_silent() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "1000000 per day");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        assert!(process.serve().await);
    }
    let before = process.degraded();
    for _ in 0..500 {
        assert!(process.serve().await);
        sleep(Duration::from_millis(2)).await;
    }
    let degraded = process.degraded() - before;
    let is_said = journal::lines().iter().any(|line| line.contains("redis: no answer in time"));
    assert!(degraded == 0 || is_said, "{degraded} decisions, and no line");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_one_budget() {
    let server = Server::start();
    let processes =
        [Process::new(&server.uri(""), "100 per day"), Process::new(&server.uri(""), "100 per day")];
    let mut served = 0;
    for n in 0..300 {
        served += u32::from(processes[n % 2].serve().await);
    }
    let degraded = processes[0].degraded() + processes[1].degraded();
    assert!(served == 100 || degraded > 0, "{served} served, and {degraded} decided without the server");
}
