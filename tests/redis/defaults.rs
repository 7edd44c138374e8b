//! What a URI without parameters does. Nothing is measured here: how many decisions a busy machine makes without a server
//! that is well is a matter of the machine, and `cargo bench --bench redis -- deadline` tells it.

use std::time::Duration;

use tokio::time::sleep;

use crate::journal;
use crate::process::Process;
use crate::server::Server;

/// At 5 ms, one busy machine in ten made decisions without a server that was well, and said nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_without_a_server_that_is_well_are_never_silent() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "1000000 per day");
    process.served_as_asked().await;
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
    let processes = [0, 1].map(|_| Process::new(&server.uri(""), "100 per day").asking());
    let mut served = 0;
    for n in 0..300 {
        served += u32::from(processes[n % 2].serve().await);
    }
    assert_eq!(served, 100);
}
