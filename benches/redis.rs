//! What the Redis store costs: calls, latency beside PING, and bytes in the server.
//!
//! `cargo bench -p timebudget --features redis --bench redis [calls|latency|throughput|deadline|bytes|caps]`; starts a
//! redis-server of its own.

#[path = "../tests/kit/asked.rs"]
mod asked;
#[path = "harness/client.rs"]
#[expect(dead_code, reason = "the other benchmarks use more of it")]
mod client;
#[path = "../tests/kit/journal.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod journal;
#[path = "../tests/redis/process.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod process;
#[path = "../tests/redis/server.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod server;
#[path = "harness/target.rs"]
#[expect(dead_code, reason = "the other benchmarks use more of it")]
mod target;

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use timebudget::{Component, Engine, Site, SystemClock, TimeBudget};
use tokio::task::JoinSet;

use process::Process;
use server::Server;

const PLENTY: &str = "100000000s per day";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let chosen = std::env::args().skip(1).find(|word| word != "--bench");
    match chosen.as_deref() {
        None => {
            latency().await;
            throughput();
            deadline().await;
            calls().await;
            bytes().await;
            caps().await;
        }
        Some("latency") => latency().await,
        Some("calls") => calls().await,
        Some("throughput") => throughput(),
        Some("deadline") => deadline().await,
        Some("bytes") => bytes().await,
        Some("caps") => caps().await,
        Some(other) => panic!("{other:?}: expected latency, throughput, deadline, calls, bytes or caps"),
    }
}

/// The time of a PING, and of an admission that asks; taken turn by turn.
async fn latency() {
    const ROUNDS: usize = 20_000;
    let server = Server::start();
    let process = Process::new(&server.uri("deadline=1s"), PLENTY);
    let client = redis::Client::open(server.uri("")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (mut pings, mut admissions) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let asked = Instant::now();
        let _: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
        pings.push(asked.elapsed());
        let asked = Instant::now();
        let admitted = process.admit().await.unwrap();
        admissions.push(asked.elapsed());
        drop(admitted);
    }
    pings.sort();
    admissions.sort();
    println!("| one request at a time | p50 | p99 |\n|---|---:|---:|");
    for (name, all) in [("PING", &pings), ("exact admission", &admissions)] {
        println!("| {name} | {:?} | {:?} |", all[ROUNDS / 2], all[ROUNDS * 99 / 100]);
    }
    let stats = server.cli(&["info", "commandstats"]);
    let script = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:")?.split(',').nth(2));
    println!(
        "| of it the script, by the server's account | {} µs | |",
        script.unwrap_or("usec_per_call=?").replace("usec_per_call=", "")
    );
    let added = |at: usize| admissions[at].saturating_sub(pings[at]);
    println!("| added | {:?} | {:?} |", added(ROUNDS / 2), added(ROUNDS * 99 / 100));
}

/// A hello-world server with one worker under 32 connections without pause: requests a second by store, in slices turn by
/// turn.
fn throughput() {
    const SLICES: usize = 12;
    const SLICE: Duration = Duration::from_millis(500);
    let server = Server::start();
    let uris =
        ["memory://".to_owned(), server.uri("deadline=1s"), server.uri("deadline=1s&mode=batched&prefix=b")];
    let ports: Vec<u16> = uris.iter().map(|uri| hello_world(uri)).collect();
    let mut slices = vec![Vec::new(); ports.len()];
    let mut pages = client::Requests::new(target::Target::Page);
    for slice in 0..=SLICES {
        for (port, rates) in ports.iter().zip(&mut slices) {
            let rate = client::send(*port, SLICE, 200, &mut pages).unwrap() as f64 / SLICE.as_secs_f64();
            rates.extend((slice > 0).then_some(rate)); // The first slice warms it up.
        }
    }
    println!("| one worker, 32 connections | requests/s | ÷ memory |\n|---|---:|---:|");
    for (name, rates) in ["memory", "exact", "batched"].into_iter().zip(&slices) {
        let ratios: Vec<f64> =
            rates.iter().zip(&slices[0]).map(|(rate, of_memory)| rate / of_memory).collect();
        println!("| {name} | {:.0} | {:.3} |", median(rates), median(&ratios));
    }
}

fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Starts a server whose one budget is kept in a store; returns its port.
fn hello_world(uri: &str) -> u16 {
    let engine = Engine::over(timebudget::store::open(uri).unwrap(), SystemClock::new());
    let site =
        Site { rules: vec![process::rule("budget", PLENTY, Component::Site)], ..Site::unlimited("bench") };
    let budget = TimeBudget::of_site(site, engine);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let hello = || web::get().to(async || "hello, world");
        let app = move || App::new().wrap(budget.clone()).route("/", hello());
        let server = HttpServer::new(app).workers(1).listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    port
}

/// How many decisions are made without a server that is well, on a machine with eight threads that never pause, by
/// deadline: what came after the first second.
async fn deadline() {
    println!("| deadline | decisions | without Redis |\n|---|---:|---:|");
    let stop = Arc::new(AtomicBool::new(false));
    let busy = || {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || while !stop.load(Ordering::Relaxed) {})
    };
    let threads: Vec<_> = (0..8).map(|_| busy()).collect();
    for parameters in ["deadline=5ms", "deadline=20ms", "deadline=50ms", "deadline=100ms"] {
        let server = Server::start();
        let process = Process::new(&server.uri(parameters), PLENTY);
        served_by(&process, Duration::from_secs(1)).await;
        let before = process.degraded();
        let served = served_by(&process, Duration::from_secs(3)).await;
        let degraded = process.degraded() - before;
        let (name, share) =
            (if parameters.is_empty() { "default" } else { parameters }, degraded as f64 / served as f64);
        println!("| {name} | {served} | {degraded} ({:.2} %) |", 100.0 * share);
    }
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Serves four clients, who pause for 2 ms between two requests, for so long; returns how many requests.
async fn served_by(process: &Process, span: Duration) -> u64 {
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let process = process.clone();
        clients.spawn(async move {
            let (began, mut served) = (Instant::now(), 0);
            while began.elapsed() < span {
                served += u64::from(process.serve().await);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            served
        });
    }
    clients.join_all().await.into_iter().sum()
}

/// Calls a request, by load.
async fn calls() {
    println!("| calls a request | |\n|---|---:|");
    for (name, rate) in
        [("exact, 1 request a second", 1), ("exact, 50 a second", 50), ("exact, 500 a second", 500)]
    {
        let server = Server::start();
        let process = Process::new(&server.uri("deadline=1s"), PLENTY);
        println!("| {name} | {:.3} |", paced(&server, &[process], rate, 5).await);
    }
    let server = Server::start();
    let processes = [Process::new(&server.uri("deadline=1s"), PLENTY)];
    println!("| exact, 64 at once without pause | {:.3} |", crowded(&server, &processes).await);
    let server = Server::start();
    let uri = server.uri("mode=batched");
    let processes: Vec<_> = (0..4).map(|_| Process::new(&uri, PLENTY)).collect();
    println!("| batched, 4 processes, 1,000 a second | {:.3} |", paced(&server, &processes, 1_000, 5).await);
}

/// Sends so many requests a second in turn to the processes, each of which lasts 2 ms, and counts the calls.
async fn paced(server: &Server, processes: &[Process], rate: u32, secs: u32) -> f64 {
    for process in processes {
        process.serve().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (before, began) = (server.calls(), Instant::now());
    let mut running = JoinSet::new();
    let mut interval = tokio::time::interval(Duration::from_secs(1) / rate);
    for n in 0..rate * secs {
        interval.tick().await;
        let process = processes[n as usize % processes.len()].clone();
        running.spawn(async move {
            let admitted = process.admit().await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
            drop(admitted);
        });
    }
    running.join_all().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // A beat a second and process is no call of a request's.
    let beats = began.elapsed().as_secs() * processes.len() as u64;
    (server.calls() - before).saturating_sub(beats) as f64 / f64::from(rate * secs)
}

async fn crowded(server: &Server, processes: &[Process]) -> f64 {
    const EACH: u64 = 2_000;
    let before = server.calls();
    let began = Instant::now();
    let mut running = JoinSet::new();
    for n in 0..64 {
        let process = processes[n % processes.len()].clone();
        running.spawn(async move {
            for _ in 0..EACH {
                drop(process.admit().await.unwrap());
            }
        });
    }
    running.join_all().await;
    let rate = (64 * EACH) as f64 / began.elapsed().as_secs_f64();
    eprintln!("{rate:.0} requests a second");
    (server.calls() - before) as f64 / (64 * EACH) as f64
}

/// Bytes that the server uses for an account, by the number of processes that have spent.
async fn bytes() {
    const ACCOUNTS: u32 = 1_000_000;
    let server = Server::start();
    println!("| bytes an account, of {ACCOUNTS} | |\n|---|---:|");
    let empty = used(&server);
    for processes in 1..=3_u32 {
        let process = Process::keyed(&server.uri("deadline=5s"), PLENTY, Component::Ip);
        let mut running = JoinSet::new();
        for part in 0..64 {
            let process = process.clone();
            running.spawn(async move {
                for n in (part..ACCOUNTS).step_by(64) {
                    let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n));
                    drop(process.admit_from(ip).await.unwrap());
                }
            });
        }
        running.join_all().await;
        assert_eq!(process.degraded(), 0);
        drop(process);
        tokio::time::sleep(Duration::from_secs(2)).await;
        println!("| {processes} process(es) | {} |", (used(&server) - empty) / u64::from(ACCOUNTS));
    }
}

/// A million clients that are seen once under a cap: what is left of them here and in the server.
async fn caps() {
    const CLIENTS: u32 = 1_000_000;
    const MOST: usize = 10_000;
    let server = Server::start();
    let uri = server.uri(&format!("deadline=5s&max_accounts={MOST}"));
    let process = Process::keyed(&uri, "5 concurrent", Component::Ip);
    process.serve().await;
    let (resident, stored) = (resident_bytes(), used(&server));
    let mut running = JoinSet::new();
    for part in 0..64 {
        let process = process.clone();
        running.spawn(async move {
            let mut most = 0;
            for n in (part..CLIENTS).step_by(64) {
                let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n));
                drop(process.admit_from(ip).await.unwrap());
                most = most.max(process.engine.census().accounts);
            }
            most
        });
    }
    let most = running.join_all().await.into_iter().max().unwrap_or(0);
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let left = || (resident_bytes().saturating_sub(resident), used(&server).saturating_sub(stored));
    println!("| {CLIENTS} clients seen once under a cap | here | in the server |\n|---|---:|---:|");
    let row = |name: &str, (here, there): (u64, u64)| {
        println!("| {name} | {} | {} |", megabytes(here), megabytes(there));
    };
    row("after the last of them", left());
    tokio::time::sleep(Duration::from_secs(60)).await;
    row("a minute later", left());
    assert!(most <= MOST && process.degraded() == 0, "{most} accounts, {} degraded", process.degraded());
    println!("\n{most} accounts at most, of {MOST} that there may be");
}

/// This process's resident memory, by the pages of 4 KiB that Linux counts.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn used(server: &Server) -> u64 {
    let info = server.cli(&["info", "memory"]);
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).unwrap()
}
