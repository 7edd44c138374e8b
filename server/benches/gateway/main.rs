//! What the gateway costs: CPU time a request beside nginx with `limit_req` and HAProxy with a stick table, and instructions by callgrind.
//!
//! All stand before the same nginx, on one worker each, with 32 connections of h2load. Slices alternate, so that what else the machine
//! does meets all of them; a figure is the median over the slices, and CPU time is the process's own, from `/proc/PID/stat`.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What is asked for, and how often in a slice.
const LOADS: [(&str, u64); 3] = [("/small", 20_000), ("/64k", 6_000), ("/1m", 600)];

/// How often each is measured, unless `SLICES` says otherwise.
const SLICES: usize = 7;

/// Clock ticks a second, by which `/proc` counts CPU time.
const TICKS: u64 = 100;

fn main() {
    let directory = std::env::temp_dir().join(format!("timebudget-gateway-{}", std::process::id()));
    make_files(&directory);
    let application = nginx(&directory, "application", &|address| {
        format!(
            "server {{ listen {address} backlog=1024; root {0}/html; keepalive_requests 100000000;\n\
             location = /small {{ return 200 hello; }} }}",
            directory.display()
        )
    });
    if std::env::args().any(|argument| argument == "instructions") {
        instructions(&directory, application.address);
    } else {
        load(&directory, application.address);
    }
    drop(application);
    let _ = fs::remove_dir_all(&directory);
}

fn load(directory: &Path, application: SocketAddr) {
    let subjects = [
        ("timebudget", timebudget(&[], directory, application)),
        ("nginx", nginx(directory, "limiter", &|address| limiting(address, application))),
        ("haproxy", haproxy(directory, application)),
    ];
    let slices = std::env::var("SLICES").ok().and_then(|slices| slices.parse().ok()).unwrap_or(SLICES);
    println!("{:8} {:12} {:>14} {:>12} {:>10}", "load", "subject", "CPU µs/request", "÷ nginx", "requests/s");
    for (target, requests) in LOADS {
        let mut measured = vec![Vec::new(); subjects.len()];
        for _ in 0..slices {
            for (at, (_, subject)) in subjects.iter().enumerate() {
                measured[at].push(slice(subject, target, requests));
            }
        }
        let cpu = |at: usize| median(measured[at].iter().map(|(cpu, _)| *cpu));
        for (at, (name, _)) in subjects.iter().enumerate() {
            let ratio = median(measured[at].iter().zip(&measured[1]).map(|(own, nginx)| own.0 / nginx.0));
            let rate = median(measured[at].iter().map(|(_, rate)| *rate));
            println!("{target:8} {name:12} {:14.1} {ratio:12.2} {rate:10.0}", cpu(at));
        }
    }
}

/// CPU microseconds a request, and requests a second.
fn slice(subject: &Subject, target: &str, requests: u64) -> (f64, f64) {
    let (before, begun) = (subject.cpu_micros(), Instant::now());
    ask(subject.address, target, requests, 32);
    let elapsed = begun.elapsed().as_secs_f64();
    ((subject.cpu_micros() - before) as f64 / requests as f64, requests as f64 / elapsed)
}

/// Sends so many requests, all of which have to be answered by 200.
fn ask(address: SocketAddr, target: &str, requests: u64, connections: u64) {
    let url = format!("http://{address}{target}");
    let (count, at_once) = (requests.to_string(), connections.to_string());
    let output = Command::new("h2load").args(["--h1", "-n", &count, "-c", &at_once, &url]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("{requests} succeeded, 0 failed")), "{said}");
    assert!(said.contains(&format!("status codes: {requests} 2xx")), "{said}");
}

/// The slope between two counts of requests, so that the start is left out.
fn instructions(directory: &Path, application: SocketAddr) {
    let [few, many] = [2_000, 6_000].map(|requests| {
        let out = directory.join("callgrind.out");
        let file = format!("--callgrind-out-file={}", out.display());
        let mut subject = timebudget(&["valgrind", "--tool=callgrind", &file], directory, application);
        ask(subject.address, "/small", requests, 8);
        subject.end();
        let text = fs::read_to_string(&out).unwrap();
        let total =
            text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        total.unwrap().trim().parse::<u64>().unwrap()
    });
    println!("instructions of a small GET: {}", (many - few) / 4_000);
}

/// A server that is measured, killed at the end.
struct Subject {
    child: Child,
    address: SocketAddr,
}

impl Subject {
    fn start(command: &mut Command, address: SocketAddr) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{command:?} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    fn cpu_micros(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
        (ticks(11) + ticks(12)) * 1_000_000 / TICKS
    }

    /// Lets it end by itself.
    fn end(&mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn timebudget(under: &[&str], directory: &Path, application: SocketAddr) -> Subject {
    let site = directory.join("site.json");
    fs::write(&site, r#"{ "rate_limit": { "limit": 9007199254, "window": "year" } }"#).unwrap();
    let (address, upstream) = (free(), format!("http://{application}"));
    let program = env!("CARGO_BIN_EXE_timebudget");
    let all: Vec<_> = under.iter().copied().chain([program]).collect();
    let mut command = Command::new(all[0]);
    command.args(&all[1..]).args(["serve", "--workers", "1", "--upstream", &upstream, "--site"]).arg(&site);
    Subject::start(command.args(["--listen", &address.to_string()]), address)
}

fn limiting(address: SocketAddr, application: SocketAddr) -> String {
    format!(
        "limit_req_zone $binary_remote_addr zone=a:10m rate=10000000r/s;\n\
         upstream application {{ server {application}; keepalive 64; keepalive_requests 100000000; }}\n\
         server {{ listen {address} backlog=1024; keepalive_requests 100000000; limit_req zone=a burst=100000 nodelay;\n\
         location / {{ proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
         proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }} }}"
    )
}

fn nginx(directory: &Path, name: &str, servers: &dyn Fn(SocketAddr) -> String) -> Subject {
    let (address, here) = (free(), directory.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {here}/{name}-{kind};\n"))
        .collect();
    let text = format!(
        "daemon off; master_process off; pid {here}/{name}.pid; error_log {here}/{name}.log;\n\
         events {{ worker_connections 4096; }}\nhttp {{ access_log off; sendfile on; tcp_nodelay on;\n{temporary}{} }}\n",
        servers(address)
    );
    let file = directory.join(format!("{name}.conf"));
    fs::write(&file, text).unwrap();
    Subject::start(Command::new("nginx").arg("-c").arg(&file), address)
}

fn haproxy(directory: &Path, application: SocketAddr) -> Subject {
    let address = free();
    let text = format!(
        "global\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 60s\n  timeout server 60s\n\
         \x20 http-reuse always\nfrontend all\n  bind {address} backlog 1024\n\
         \x20 stick-table type ip size 100k expire 60s store http_req_rate(60s)\n  http-request track-sc0 src\n\
         \x20 http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 1000000000 }}\n  option forwardfor\n\
         \x20 default_backend application\nbackend application\n  server one {application}\n"
    );
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text).unwrap();
    Subject::start(Command::new("haproxy").args(["-db", "-f"]).arg(&file), address)
}

fn make_files(directory: &Path) {
    let html: PathBuf = directory.join("html");
    fs::create_dir_all(&html).unwrap();
    fs::write(html.join("64k"), vec![b'x'; 64 * 1024]).unwrap();
    fs::write(html.join("1m"), vec![b'x'; 1024 * 1024]).unwrap();
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
