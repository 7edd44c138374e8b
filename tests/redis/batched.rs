//! Batched mode: no call in the request path, and totals that agree.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::process::Process;
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn time_limits_are_decided_without_a_call() {
    let server = Server::start();
    let uri = server.uri("mode=batched&sync=250ms");
    let processes: Vec<_> = (0..4).map(|_| Process::new(&uri, "100000s per day")).collect();
    for process in &processes {
        assert!(process.serve().await);
    }
    server.cli(&["config", "resetstat"]);
    let began = Instant::now();
    for _ in 0..500 {
        for process in &processes {
            assert!(process.serve().await);
        }
        sleep(Duration::from_millis(4)).await;
    }
    // Each process syncs every 250 ms and beats every second.
    let (calls, most) = (server.calls(), 4 * (began.elapsed().as_millis() as u64 / 200 + 3));
    assert!(calls <= most, "{calls} calls for 2,000 requests, {most} at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_is_what_is_stored_after_two_syncs() {
    let server = Server::start();
    let uri = server.uri("mode=batched&sync=100ms");
    let processes: Vec<_> = (0..3).map(|_| Process::new(&uri, "1000s per day")).collect();
    let mut measured = 0;
    for round in 0..10_u64 {
        for (process, pause) in processes.iter().zip(1..) {
            let mut admitted = process.admit().await.unwrap();
            sleep(Duration::from_millis(pause + round % 3)).await;
            admitted.settle();
            measured += admitted.used().0.max(1);
        }
    }
    for process in &processes {
        process.stored().await;
    }
    let newcomer = Process::new(&server.uri(""), "1000s per day").asking();
    let mut admitted = newcomer.admit().await.unwrap();
    let report = admitted.report().unwrap();
    let stored = report.limit - report.remaining - report.used;
    assert!(stored.abs_diff(measured) <= 31, "{stored} stored, {measured} measured");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_elsewhere_counts_between_syncs() {
    let server = Server::start();
    let uri = server.uri("mode=batched&sync=500ms");
    let (one, other) = (Process::new(&uri, "20s per day"), Process::new(&uri, "20s per day"));
    assert!(other.serve().await);
    let running: Vec<_> = [one.admit().await, one.admit().await, one.admit().await].into();
    let touching = other.admit().await;
    one.stored().await;
    other.stored().await;
    let seen = || async { other.admit().await.map(|mut admitted| admitted.report().unwrap().remaining) };
    let first = seen().await.expect("little of 20 s is spent");
    sleep(Duration::from_millis(40)).await;
    let second = seen().await.unwrap_or(0);
    assert!(first - second >= 4 * 38_000, "{first} then {second}: the others' lines go on");
    drop((running, touching));
}

#[tokio::test(flavor = "multi_thread")]
async fn request_limits_are_exact_in_batched_mode_too() {
    let server = Server::start();
    let uri = server.uri("mode=batched");
    let (one, other) = (Process::new(&uri, "10 per day"), Process::new(&uri, "10 per day"));
    let (one, other) = (one.asking(), other.asking());
    let mut served = 0;
    for _ in 0..20 {
        served += u32::from(one.serve().await) + u32::from(other.serve().await);
    }
    assert_eq!(served, 10);
}
