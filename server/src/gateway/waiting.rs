//! Who is waited for, on a clock that is moved: what a client takes its time for is charged to nobody, to the last microsecond.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use actix_web::{App, HttpServer, rt, web};
use socket2::{Domain, Socket, Type};
use timebudget::store::memory::Memory;
use timebudget::{Component, Engine, ManualClock, TimeBudget, UnixMicros, Upstream};

use super::args::HostPolicy;
use super::{Counted, Settings, Stop, Timeouts};

/// More than all sockets between the upstream and a client that does not read.
const LARGE: usize = 32 << 20;

const PART: usize = 64 << 10;

const QUOTA_MICROS: u64 = 3_000_000_000;

/// An application with a large answer, and how much of it has left it.
fn application() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&left);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, left) = (stream.unwrap(), Arc::clone(&counted));
            thread::spawn(move || {
                while let Some(head) = head(&mut stream) {
                    let length = if head.contains("/large") { LARGE } else { 0 };
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                    stream.write_all(answer.as_bytes()).unwrap();
                    for _ in 0..length / PART {
                        stream.write_all(&[b'x'; PART]).unwrap();
                        left.fetch_add(PART, SeqCst);
                    }
                }
            });
        }
    });
    (address, left)
}

/// The next head, a byte at a time; `None` at the end of the connection.
fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.extend_from_slice(&byte);
    }
    Some(String::from_utf8_lossy(&head).to_ascii_lowercase())
}

/// A gateway before it, on a clock that stands.
fn gateway(application: SocketAddr, clock: &Arc<ManualClock>) -> SocketAddr {
    let engine = Engine::new(Memory::new(1_000), Arc::clone(clock));
    let budget =
        TimeBudget::rule("all", "3000s per hour").key(Component::Site).engine(&engine).build().unwrap();
    let minute = Duration::from_secs(60);
    let settings = Arc::new(Settings {
        upstreams: vec![Upstream::Http { host: "127.0.0.1".to_owned(), port: application.port() }],
        timeouts: Timeouts { connect: minute, head: minute, idle: minute, kept: minute },
        max_body: None,
        host: HostPolicy::Keep,
        is_noted: false,
        stopped: Stop::new().hears(),
        counted: Arc::<Counted>::default(),
    });
    let server = HttpServer::new(move || {
        let worker = super::worker(&settings, &budget);
        let answer =
            move |request, payload, budget| super::answer(Rc::clone(&worker), request, payload, budget);
        App::new().wrap(budget.clone()).default_service(web::to(answer))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    rt::spawn(server.run());
    address
}

/// What is spent, by a request that costs as good as nothing.
fn spent(gateway: SocketAddr) -> u64 {
    let mut stream = TcpStream::connect(gateway).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = head(&mut stream).unwrap();
    let left = head.lines().find_map(|line| line.strip_prefix("x-ratelimit-remaining: "));
    QUOTA_MICROS - left.unwrap().parse::<u64>().unwrap()
}

/// Waits until nothing leaves the application any more, whenever it is looked at: all is full from there to the client.
fn stalls(left: &AtomicUsize) {
    const LOOKS: u32 = 4;
    let (mut last, mut same) = (left.load(SeqCst), 0);
    while same < LOOKS {
        thread::sleep(Duration::from_millis(200));
        let now = left.load(SeqCst);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
}

#[test]
fn while_a_client_does_not_read_neither_it_nor_its_upstream_is_charged_for() {
    let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_699_999_200)));
    let (application, left) = application();
    let system = rt::System::new();
    let gateway = system.block_on(async { gateway(application, &clock) });
    let client = move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&gateway.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(head(&mut stream).unwrap().starts_with("http/1.1 200"));
        let mut part = vec![0; LARGE / 4];
        for _ in 0..4 {
            stalls(&left);
            clock.advance(Duration::from_secs(700));
            // What is left is told without the second that a request holds while it runs.
            assert!(spent(gateway) < 1_000_100, "{}", spent(gateway));
            stream.read_exact(&mut part).unwrap();
        }
        assert!(spent(gateway) < 100, "{}", spent(gateway));
    };
    system.block_on(async { rt::task::spawn_blocking(client).await }).unwrap();
}
