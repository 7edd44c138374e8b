//! Servers that are measured, each before the same application.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Pingora's package, as cargo builds it.
const PINGORA: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/pingora/target/release/timebudget-pingora");

/// A server that is measured, killed at the end.
pub(crate) struct Subject {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Subject {
    fn start(command: &mut Command, address: SocketAddr) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let subject = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{command:?} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        subject
    }

    /// The gateway with a budget that no load spends, under another program and with further arguments.
    pub(crate) fn timebudget(
        under: &[&str],
        directory: &Path,
        application: SocketAddr,
        args: &[&str],
    ) -> Self {
        let site = directory.join("site.json");
        fs::write(&site, r#"{ "rate_limit": { "limit": 9007199254, "window": "year" } }"#).unwrap();
        let (address, upstream) = (free(), format!("http://{application}"));
        let program = env!("CARGO_BIN_EXE_timebudget");
        let all: Vec<_> = under.iter().copied().chain([program]).collect();
        let mut command = Command::new(all[0]);
        command
            .args(&all[1..])
            .args(["serve", "--workers", "1", "--upstream", &upstream, "--site"])
            .arg(&site);
        Self::start(command.args(["--listen", &address.to_string()]).args(args), address)
    }

    /// nginx with `limit_req`.
    pub(crate) fn limiting_nginx(directory: &Path, application: SocketAddr) -> Self {
        Self::nginx(directory, "limiter", &|address| {
            format!(
                "limit_req_zone $binary_remote_addr zone=a:10m rate=10000000r/s;\n\
                 upstream application {{ server {application}; keepalive 64; keepalive_requests 100000000; }}\n\
                 server {{ listen {address} backlog=1024; keepalive_requests 100000000; limit_req zone=a burst=100000 nodelay;\n\
                 location / {{ proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
                 proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }} }}"
            )
        })
    }

    pub(crate) fn nginx(directory: &Path, name: &str, servers: &dyn Fn(SocketAddr) -> String) -> Self {
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
        Self::start(Command::new("nginx").arg("-c").arg(&file), address)
    }

    /// HAProxy with a stick table.
    pub(crate) fn haproxy(directory: &Path, application: SocketAddr) -> Self {
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
        Self::start(Command::new("haproxy").args(["-db", "-f"]).arg(&file), address)
    }

    /// Pingora with a limit by address, if its package is built.
    pub(crate) fn pingora(application: SocketAddr) -> Option<Self> {
        if !Path::new(PINGORA).exists() {
            return None;
        }
        let address = free();
        let args = [address.to_string(), application.to_string()];
        Some(Self::start(Command::new(PINGORA).args(args), address))
    }

    /// Sends so many requests, all of which have to be answered by 200.
    pub(crate) fn ask(&self, target: &str, requests: u64, connections: u64) {
        let url = format!("http://{}{target}", self.address);
        let (count, at_once) = (requests.to_string(), connections.to_string());
        let output =
            Command::new("h2load").args(["--h1", "-n", &count, "-c", &at_once, &url]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("{requests} succeeded, 0 failed")), "{said}");
        assert!(said.contains(&format!("status codes: {requests} 2xx")), "{said}");
    }

    /// What all its threads have had of the processors, in microseconds.
    pub(crate) fn cpu_micros(&self) -> f64 {
        scheduled(&self.child.id().to_string(), 0)
    }

    /// How long they, and those of this process, were ready to run and had no processor, in microseconds.
    pub(crate) fn waited_micros(&self) -> f64 {
        scheduled(&self.child.id().to_string(), 1) + scheduled("self", 1)
    }

    /// Lets it end by itself.
    pub(crate) fn end(&mut self) {
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

/// A field of what the kernel says of each thread of a process, all together: in microseconds.
fn scheduled(process: &str, field: usize) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // A thread may end meanwhile.
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
    let nanos = texts.filter_map(|text| text.split(' ').nth(field)?.trim().parse::<u64>().ok());
    nanos.sum::<u64>() as f64 / 1_000.0
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
