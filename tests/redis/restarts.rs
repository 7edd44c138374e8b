//! Processes that end and are followed by others: what they had spent stays spent.

use std::process::Command;
use std::time::{Duration, Instant};

use timebudget::Micros;
use timebudget::store::Fault;

use crate::process::{Process, until};
use crate::server::Server;

const RATES: &str = "1000s per day";

/// What a process that has just been started sees as spent.
async fn spent(server: &Server) -> u64 {
    let newcomer = Process::new(&server.uri(""), RATES).asking();
    let mut admitted = newcomer.admit().await.unwrap();
    let report = admitted.report().unwrap();
    report.limit - report.remaining - report.used
}

async fn spend(process: &Process) -> u64 {
    let mut used = 0;
    for _ in 0..5 {
        let mut admitted = process.admit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        admitted.settle();
        used += admitted.used().0;
    }
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_refunds_nothing() {
    for mode in ["mode=exact", "mode=batched&sync=1s"] {
        let server = Server::start();
        let uri = server.uri(mode);
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "restarts::the_process_that_ends", "--nocapture"])
            .env("TIMEBUDGET_TEST_ENDING_URI", &uri)
            .output()
            .unwrap();
        let told = String::from_utf8(ended.stdout).unwrap();
        let used =
            told.lines().find_map(|line| line.strip_prefix("used ")).expect(&told).parse::<u64>().unwrap();
        assert!(used >= 100_000, "five requests of 20 ms");
        assert_eq!(spent(&server).await, used, "{mode}");
    }
}

/// Not a test, but the process that the test before starts. It runs no destructors.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_ends() {
    let Ok(uri) = std::env::var("TIMEBUDGET_TEST_ENDING_URI") else { return };
    let process = Process::new(&uri, RATES);
    println!("\nused {}", spend(&process).await);
    process.engine.save().unwrap();
    std::process::exit(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_dropped_leaves_all_that_it_has_spent() {
    let server = Server::start();
    let process = Process::new(&server.uri("mode=batched&sync=1s"), RATES);
    let used = spend(&process).await;
    drop(process);
    assert_eq!(spent(&server).await, used);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_when_it_is_saved_is_stored_as_far_as_it_has_run() {
    let server = Server::start();
    let process = Process::new(&server.uri("mode=batched&sync=1s"), RATES);
    let running = process.admit().await.unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    process.engine.save().unwrap();
    let ran = running.used();
    assert!(spent(&server).await >= Micros::from_millis(30).0, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_told_keeps_nobody_from_ending() {
    let mut server = Server::start();
    let process = Process::new(&server.uri("mode=batched&sync=1s"), RATES);
    process.served_as_asked().await;
    server.freeze();
    assert!(process.serve().await, "batched, it asks nobody");
    let asked = Instant::now();
    let frozen = save(&process).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert!(frozen.unwrap_err().0.contains("what was spent last"));
    server.thaw();
    server.kill();
    until("it is noticed that the server is gone", async || {
        process.serve().await;
        save(&process).await.is_err_and(|fault| fault.0.ends_with("is not stored: no connection"))
    })
    .await;
    server.restart();
    until("the last lines are stored", async || save(&process).await.is_ok()).await;
}

/// Saves on a thread that may wait.
async fn save(process: &Process) -> Result<(), Fault> {
    let engine = process.engine.clone();
    tokio::task::spawn_blocking(move || engine.save()).await.unwrap()
}
