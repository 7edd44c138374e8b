//! Exact mode: one budget, whoever asks.

use std::time::Duration;

use tokio::time::sleep;

use crate::process::{Process, until};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn of_300_requests_at_once_in_two_processes_100_are_served() {
    let server = Server::start();
    let uri = server.uri("");
    let processes = [Process::new(&uri, "100 per day").asking(), Process::new(&uri, "100 per day").asking()];
    let requests = (0..300).map(|n| {
        let process = processes[n % 2].clone();
        tokio::spawn(async move { process.serve().await })
    });
    let requests: Vec<_> = requests.collect();
    let mut served = 0;
    for request in requests {
        served += usize::from(request.await.unwrap());
    }
    assert_eq!(served, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_has_spent_another_cannot_spend() {
    let server = Server::start();
    let uri = server.uri("");
    let (one, other) = (Process::new(&uri, "3 per day").asking(), Process::new(&uri, "3 per day").asking());
    assert!(one.serve().await);
    assert!(one.serve().await);
    assert!(other.serve().await);
    assert!(!other.serve().await);
    assert!(!one.serve().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_run_elsewhere_count_now() {
    let server = Server::start();
    let uri = server.uri("");
    let (one, other) =
        (Process::new(&uri, "200ms per day").asking(), Process::new(&uri, "200ms per day").asking());
    let running = one.admit().await.unwrap();
    sleep(Duration::from_millis(250)).await;
    assert!(other.admit().await.is_err());
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_holds_across_processes_and_its_places_come_back() {
    let server = Server::start();
    let uri = server.uri("");
    let (one, other) =
        (Process::new(&uri, "2 concurrent").asking(), Process::new(&uri, "2 concurrent").asking());
    let first = one.admit().await.unwrap();
    let second = other.admit().await.unwrap();
    assert!(one.admit().await.is_err());
    assert!(other.admit().await.is_err());
    drop(second);
    assert!(other.admit().await.is_ok());
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_reaches_the_server_though_nobody_asks() {
    let server = Server::start();
    let uri = server.uri("");
    let (one, other) =
        (Process::new(&uri, "1000s per day").asking(), Process::new(&uri, "1000s per day").asking());
    let mut running = one.admit().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    running.settle();
    let used = running.used().0;
    let mut looked = 0;
    until("what has been used is what is stored", async || {
        let mut seen = other.admit().await.unwrap();
        let report = seen.report().unwrap();
        let gone = report.limit - report.remaining - report.used;
        seen.settle();
        let before = looked;
        looked += seen.used().0.max(1);
        gone == used + before
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_account_costs_no_calls() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "10 per day").asking();
    for _ in 0..10 {
        assert!(process.serve().await);
    }
    process.stored().await;
    server.cli(&["config", "resetstat"]);
    let began = std::time::Instant::now();
    for _ in 0..1_000 {
        assert!(!process.serve().await);
    }
    let beats = began.elapsed().as_secs() + 1;
    assert!(server.calls() <= beats, "{} calls", server.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_leaves_no_trace() {
    let server = Server::start();
    let process = Process::new(&server.uri(""), "0 per day").asking();
    assert!(!process.serve().await);
    let quota = Process::new(&server.uri(""), "2 per day; 1 per hour").asking();
    assert!(quota.serve().await);
    assert!(!quota.serve().await);
    quota.stored().await;
    assert_eq!(server.keys("tb1:{*").len(), 2);
}
