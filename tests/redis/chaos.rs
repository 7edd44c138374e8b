//! Foul weather under load: what requests feel of it, and that the totals come back.
//!
//! `./dev chaos` prints a row for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::process::Process;
use crate::proxy::{FOUL, Proxy, Weather};
use crate::server::Server;

const RATES: &str = "100000000 per day";
const DEADLINE: Duration = Duration::from_millis(20);

/// What the requests of one trouble felt.
struct Felt {
    served: u64,
    degraded: u64,
    p999: Duration,
    slowest: Duration,
}

/// Sends requests from eight clients while something happens.
async fn under_load(process: &Process, trouble: impl Future<Output = ()>) -> Felt {
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let degraded = process.degraded();
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (process, over, served) = (process.clone(), Arc::clone(&over), Arc::clone(&served));
        clients.spawn(async move {
            let mut waits = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let asked = Instant::now();
                served.fetch_add(u64::from(process.serve().await), Ordering::SeqCst);
                waits.push(asked.elapsed());
                sleep(Duration::from_millis(2)).await;
            }
            waits
        });
    }
    trouble.await;
    over.store(true, Ordering::SeqCst);
    let mut waits: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    waits.sort();
    let p999 = waits[waits.len() * 999 / 1_000];
    let slowest = *waits.last().unwrap();
    let (served, degraded) = (served.load(Ordering::SeqCst), process.degraded() - degraded);
    assert_eq!(served, waits.len() as u64, "every request was answered, and none refused");
    Felt { served, degraded, p999, slowest }
}

/// What is stored, as a process without lines of its own sees it.
async fn stored(server: &Server) -> u64 {
    let newcomer = Process::new(&server.uri("deadline=5s"), RATES);
    newcomer.served_as_asked().await;
    let mut admitted = newcomer.admit().await.unwrap();
    let report = admitted.report().unwrap();
    report.limit - report.remaining - report.used - 1
}

fn print(name: &str, felt: &Felt, stored: u64, expected: u64) {
    let Felt { served, degraded, p999, slowest } = felt;
    println!(
        "| {name} | {served} | {degraded} | {p999:.1?} | {slowest:.1?} | {} |",
        if stored == expected { "all".to_owned() } else { format!("{stored} of {expected}") }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn foul_weather_costs_nobody_more_than_the_deadline_and_no_count_is_lost() {
    println!(
        "| trouble | served | of them degraded | p99.9 | slowest | counted |\n|---|---:|---:|---:|---:|---|"
    );
    for weather in FOUL {
        let server = Server::start();
        let proxy = Proxy::to(server.port).await;
        let process = Process::new(&proxy.uri("deadline=20ms"), RATES);
        let felt = under_load(&process, async {
            sleep(Duration::from_millis(200)).await;
            proxy.turn(weather);
            sleep(Duration::from_millis(800)).await;
            proxy.turn(Weather::Fair);
        })
        .await;
        let total = felt.served + process.served_as_asked().await;
        sleep(Duration::from_millis(300)).await;
        let stored = stored(&server).await;
        print(&format!("{weather:?}"), &felt, stored, total);
        assert!(felt.p999 < DEADLINE + Duration::from_millis(60), "{weather:?}: p99.9 {:?}", felt.p999);
        assert_eq!(stored, total, "{weather:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn commands_in_a_loop_that_hurt_lose_no_count() {
    let loops: [(&str, &[&str]); 3] = [
        ("FLUSHALL in a loop", &["flushall"]),
        ("SCRIPT FLUSH in a loop", &["script", "flush"]),
        ("CLIENT KILL in a loop", &["client", "kill", "type", "normal"]),
    ];
    for (name, command) in loops {
        let server = Server::start();
        let process = Process::new(&server.uri("deadline=20ms"), RATES);
        let felt = under_load(&process, async {
            for _ in 0..20 {
                server.cli(command);
                sleep(Duration::from_millis(40)).await;
            }
        })
        .await;
        let total = felt.served + process.served_as_asked().await;
        sleep(Duration::from_millis(1_500)).await;
        let stored = stored(&server).await;
        print(name, &felt, stored, total);
        assert_eq!(stored, total, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn a_stale_restart_is_put_right() {
    let mut server = Server::start();
    let process = Process::new(&server.uri("deadline=20ms"), RATES);
    let mut served = 0;
    for _ in 0..50 {
        served += u64::from(process.serve().await);
    }
    sleep(Duration::from_millis(150)).await;
    assert_eq!(server.cli(&["save"]), "OK");
    let felt = under_load(&process, async {
        sleep(Duration::from_millis(300)).await;
        server.kill();
        sleep(Duration::from_millis(100)).await;
        server.restart();
        sleep(Duration::from_millis(600)).await;
    })
    .await;
    let total = served + felt.served + process.served_as_asked().await;
    sleep(Duration::from_millis(300)).await;
    let stored = stored(&server).await;
    print("kill -9 and a stale restart", &felt, stored, total);
    assert_eq!(stored, total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn a_server_that_is_frozen_for_ten_seconds_is_put_right() {
    let server = Server::start();
    let process = Process::new(&server.uri("deadline=20ms"), RATES);
    let felt = under_load(&process, async {
        sleep(Duration::from_millis(200)).await;
        server.freeze();
        sleep(Duration::from_secs(10)).await;
        server.thaw();
    })
    .await;
    let total = felt.served + process.served_as_asked().await;
    sleep(Duration::from_millis(300)).await;
    let stored = stored(&server).await;
    print("SIGSTOP for 10 s", &felt, stored, total);
    assert!(felt.p999 < DEADLINE + Duration::from_millis(60), "p99.9 {:?}", felt.p999);
    assert_eq!(stored, total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn an_account_that_is_no_account_concerns_nobody_else() {
    let server = Server::start();
    let uri = server.uri("deadline=2s");
    let process = Process::per_ip_and_site(&uri, "100 per day", "100 per hour");
    assert!(process.serve().await);
    let keys = server.keys("tb1:{*");
    assert_eq!(server.cli(&["del", &keys[0]]), "1");
    assert_eq!(server.cli(&["set", &keys[0], "mine"]), "OK");
    for _ in 0..50 {
        assert!(process.serve().await);
    }
    assert!(process.degraded() > 0);
    let other = Process::new(&uri, "5 per week");
    assert!(other.serve().await);
    assert_eq!(other.degraded(), 0, "the server goes on being asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn a_user_who_may_not_write_degrades_and_heals() {
    let server = Server::start();
    server.cli(&["acl", "setuser", "shop", "on", ">pass", "~*", "+@all"]);
    let uri = format!("redis://shop:pass@127.0.0.1:{}/?deadline=100ms", server.port);
    let process = Process::new(&uri, RATES);
    process.served_as_asked().await;
    server.cli(&["acl", "setuser", "shop", "-@scripting"]);
    process.served_degraded().await;
    server.cli(&["acl", "setuser", "shop", "+@scripting"]);
    process.served_as_asked().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "measures a real server in real time; ./dev chaos runs it"]
async fn a_server_that_is_busy_with_a_script_degrades_and_heals() {
    let server = Server::with(&["--lua-time-limit", "50"]);
    let process = Process::new(&server.uri("deadline=20ms"), RATES);
    process.served_as_asked().await;
    let port = server.port;
    let busy = std::thread::spawn(move || {
        std::process::Command::new("redis-cli")
            .args(["-p", &port.to_string(), "eval", "while true do end", "0"])
            .stdout(std::process::Stdio::null())
            .status()
    });
    process.served_degraded().await;
    sleep(Duration::from_millis(200)).await;
    server.cli(&["script", "kill"]);
    process.served_as_asked().await;
    assert!(busy.join().unwrap().is_ok());
}
