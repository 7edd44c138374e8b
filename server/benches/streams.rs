//! Ten thousand streams of events, and ten thousand tunnels: the memory that each takes of the gateway, and how long decisions take meanwhile.
//!
//! Three processes: the gateway on one worker, an upstream that sends each stream an event every ten seconds and echoes what tunnels
//! bring, and this one, which is all of the clients. Time in which one of the three is ready to run and another program has its
//! processor is left out, as the kernel counts it: else the times are those of what else the machine does.
//!
//! A stream takes two descriptors of the gateway, so it has to be allowed 20,100. `STREAMS` says how many there are, ten thousand
//! unless told; where the limit of descriptors (`ulimit -Hn`) allows fewer, so many are opened and that is said.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How often each stream has an event.
const BETWEEN_EVENTS: Duration = Duration::from_secs(10);

/// How long requests are timed, one after another: each stream has an event meanwhile.
const TIMED: Duration = Duration::from_secs(12);

/// Descriptors of the gateway beside those of streams.
const OTHERS: u64 = 100;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match env::args().skip_while(|argument| argument != "upstream").nth(1) {
        Some(address) => runtime.block_on(upstream(&address)),
        None => runtime.block_on(measure()),
    }
}

async fn measure() -> io::Result<()> {
    let wanted = env::var("STREAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000_u64);
    let descriptors = rlimit::increase_nofile_limit(u64::MAX)?;
    let count = wanted.min((descriptors - OTHERS) / 2);
    if count < wanted {
        println!("{descriptors} descriptors are allowed to a process: {count} streams and not {wanted}");
    }
    println!(
        "{:18} {:>7} {:>10} {:>16} {:>16} {:>12}",
        "open", "count", "KB each", "alone p50 p99 µs", "while open", "p99 added µs"
    );
    for (name, target, upgrade) in [
        ("streams of events", "/events", ""),
        ("tunnels", "/tunnel", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    ] {
        row(name, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n"), count).await?;
    }
    Ok(())
}

async fn row(name: &str, head: &str, count: u64) -> io::Result<()> {
    let upstream_address = free()?;
    let program = env::current_exe()?;
    let mut command = Command::new(program);
    command.args(["upstream", &upstream_address.to_string()]);
    let upstream = Subject::start(&mut command, upstream_address).await?;
    let gateway = gateway(upstream_address).await?;
    let address = gateway.address;
    let (alone_p50, alone_p99) = times(&gateway, &upstream).await?;
    let before = gateway.resident_kilobytes()?;
    let mut streams = JoinSet::new();
    for opened in 0..count {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        streams.spawn(follow(stream));
        if opened % 100 == 99 {
            wait_for(upstream_address, opened + 1).await?;
        }
    }
    wait_for(upstream_address, count).await?;
    let (p50, p99) = times(&gateway, &upstream).await?;
    let after = gateway.resident_kilobytes()?;
    assert_eq!(open_at(upstream_address).await?, count, "all are still open");
    println!(
        "{name:18} {count:7} {:10.1} {alone_p50:8} {alone_p99:7} {p50:8} {p99:7} {:12}",
        (after - before) as f64 / count as f64,
        p99 as i64 - alone_p99 as i64
    );
    Ok(())
}

/// Reads what comes, and sends something now and then where somebody listens.
async fn follow(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let mut tells = false;
    loop {
        match timeout(BETWEEN_EVENTS, stream.read(&mut buffer)).await {
            Ok(read) => {
                let read = read?;
                assert!(read > 0, "a stream has ended");
                tells |= buffer.starts_with(b"HTTP/1.1 101");
            }
            Err(_) if tells => stream.write_all(b"here").await?,
            Err(_) => {}
        }
    }
}

/// The median and the 99th percentile of small requests one after another on one connection, in microseconds.
async fn times(gateway: &Subject, upstream: &Subject) -> io::Result<(u128, u128)> {
    let mut connection = TcpStream::connect(gateway.address).await?;
    connection.set_nodelay(true)?;
    let waited = || Ok::<_, io::Error>(waited("self")? + gateway.waited()? + upstream.waited()?);
    let (mut taken, first) = (Vec::new(), Instant::now());
    while first.elapsed() < TIMED {
        let before = waited()?;
        let begun = Instant::now();
        ask(&mut connection, "/small").await?;
        let elapsed = begun.elapsed();
        taken.push(elapsed.saturating_sub(waited()? - before).as_micros());
    }
    taken.sort_unstable();
    Ok((taken[taken.len() / 2], taken[taken.len() * 99 / 100]))
}

/// How long the threads of a process have been ready to run and had no processor.
fn waited(process: &str) -> io::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += text.split(' ').nth(1).and_then(|nanos| nanos.parse::<u64>().ok()).expect("a number");
    }
    Ok(Duration::from_nanos(nanos))
}

/// The body of an answer that ends with a full stop.
async fn ask(connection: &mut TcpStream, target: &str) -> io::Result<String> {
    connection.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    while answer.last() != Some(&b'.') {
        assert!(connection.read_buf(&mut answer).await? > 0, "the connection has ended");
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().trim_end_matches('.').to_owned())
}

/// Waits until the upstream has so many streams open.
async fn wait_for(upstream: SocketAddr, count: u64) -> io::Result<()> {
    let begun = Instant::now();
    while open_at(upstream).await? < count {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} of {count} are open",
            open_at(upstream).await?
        );
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn open_at(upstream: SocketAddr) -> io::Result<u64> {
    let mut connection = TcpStream::connect(upstream).await?;
    Ok(ask(&mut connection, "/open").await?.parse().expect("a number"))
}

/// A process that is measured, or helps to; killed at the end.
struct Subject {
    child: Child,
    address: SocketAddr,
    /// Removed at the end.
    file: Option<PathBuf>,
}

impl Subject {
    async fn start(command: &mut Command, address: SocketAddr) -> io::Result<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
        let subject = Self { child, address, file: None };
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{command:?} does not listen");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(subject)
    }

    fn waited(&self) -> io::Result<Duration> {
        waited(&self.child.id().to_string())
    }

    fn resident_kilobytes(&self) -> io::Result<i64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("its resident set"))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}

async fn gateway(upstream: SocketAddr) -> io::Result<Subject> {
    let site = env::temp_dir().join(format!("timebudget-streams-{}.json", std::process::id()));
    fs::write(&site, r#"{ "rate_limit": { "limit": 9007199254, "window": "year" } }"#)?;
    let (address, upstream) = (free()?, format!("http://{upstream}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_timebudget"));
    command.args([
        "serve",
        "--workers",
        "1",
        "--upstream",
        &upstream,
        "--listen",
        &address.to_string(),
        "--site",
    ]);
    let mut subject = Subject::start(command.arg(&site), address).await?;
    subject.file = Some(site);
    Ok(subject)
}

/// Answers `/small`, sends events at `/events`, echoes at `/tunnel`, and tells at `/open` how many of these are open.
async fn upstream(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let open = std::rc::Rc::new(std::cell::Cell::new(0_u64));
    tokio::task::LocalSet::new()
        .run_until(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let open = std::rc::Rc::clone(&open);
                tokio::task::spawn_local(async move {
                    // Whoever has gone has gone.
                    let _ = serve(stream, &open).await;
                });
            }
        })
        .await
}

async fn serve(mut stream: TcpStream, open: &std::cell::Cell<u64>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let target = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
        let ended = match target.as_str() {
            "/events" => {
                open.set(open.get() + 1);
                events(&mut stream).await
            }
            "/tunnel" => {
                open.set(open.get() + 1);
                tunnel(&mut stream).await
            }
            _ => {
                let body = if target == "/open" { format!("{}.", open.get()) } else { "hello.".to_owned() };
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await?;
                continue;
            }
        };
        open.set(open.get() - 1);
        return ended;
    }
}

async fn events(stream: &mut TcpStream) -> io::Result<()> {
    stream
        .write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .await?;
    loop {
        stream.write_all(b"d\r\ndata: hello\n\n\r\n").await?;
        sleep(BETWEEN_EVENTS).await;
    }
}

async fn tunnel(stream: &mut TcpStream) -> io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await?;
    let mut buffer = [0; 1024];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..read]).await?;
    }
}

fn free() -> io::Result<SocketAddr> {
    StdListener::bind("127.0.0.1:0")?.local_addr()
}
