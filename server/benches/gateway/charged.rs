//! What clients are charged that are slow, and for a tunnel that nobody says anything in.
//!
//! Beside it stands what the gateway itself has had of the processors meanwhile, and how long it and the application were ready to run
//! and had none: neither is time in which the client was waited for. A large body costs both, whoever takes it, so it is taken by a
//! fast reader as well.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::subject::Subject;

/// How much a reader takes: twice what the sockets between hold, of which its own is made small.
const LARGE: usize = 8 * 1024 * 1024;

/// How many seconds there are to spend.
const QUOTA: u64 = 9_007_199_254;

pub(crate) fn measure(directory: &Path) {
    println!(
        "{:20} {:>8} {:>11} {:>20} {:>23}",
        "", "took ms", "charged ms", "its processor ms", "waited for one ms"
    );
    for (name, client) in [
        ("a slow upload", upload as fn(&mut TcpStream)),
        ("a slow reader", |stream| read(stream, Duration::from_secs(5))),
        ("a fast reader", |stream| read(stream, Duration::ZERO)),
        ("a silent WebSocket", idle),
    ] {
        let gateway = Subject::timebudget(&[], directory, upstream(), &[]);
        // The first opens a connection, and is no part of the figure.
        let before = spent(gateway.address);
        let (cpu, waited) = (gateway.cpu_micros(), gateway.waited_micros());
        let begun = Instant::now();
        let mut stream = connect(gateway.address);
        client(&mut stream);
        drop(stream);
        let took = begun.elapsed();
        // The end of a tunnel is seen a moment after it was closed.
        thread::sleep(Duration::from_millis(50));
        let (cpu, waited) = (gateway.cpu_micros() - cpu, gateway.waited_micros() - waited);
        let after = spent(gateway.address);
        println!(
            "{name:20} {:8} {:11.2} {:20.2} {:23.2}",
            took.as_millis(),
            (after.0 - after.1 - before.0) as f64 / 1_000.0,
            cpu / 1_000.0,
            waited / 1_000.0
        );
    }
}

/// 1.5 s for a small body.
fn upload(stream: &mut TcpStream) {
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n").unwrap();
    for _ in 0..16 {
        thread::sleep(Duration::from_micros(1_500_000 / 16));
        stream.write_all(b"x").unwrap();
    }
    assert!(head(stream).starts_with("HTTP/1.1 200"));
}

/// A large answer within so much time.
fn read(stream: &mut TcpStream, time: Duration) {
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(head(stream).starts_with("HTTP/1.1 200"));
    let mut part = vec![0; LARGE / 64];
    for _ in 0..64 {
        thread::sleep(time / 64);
        stream.read_exact(&mut part).unwrap();
    }
}

fn connect(gateway: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.connect(&gateway.into()).unwrap();
    socket.into()
}

/// 10 s of silence.
fn idle(stream: &mut TcpStream) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .unwrap();
    assert!(head(stream).starts_with("HTTP/1.1 101"));
    thread::sleep(Duration::from_secs(10));
}

/// What was spent, this request included, and what it has spent itself; in microseconds.
fn spent(gateway: SocketAddr) -> (u64, u64) {
    let mut stream = TcpStream::connect(gateway).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let head = head(&mut stream).to_ascii_lowercase();
    let number = |name: &str| {
        let field = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        field.unwrap_or_else(|| panic!("{name} in {head}")).parse::<u64>().unwrap()
    };
    (QUOTA * 1_000_000 - number("x-ratelimit-remaining"), number("x-ratelimit-used"))
}

/// An application that reads bodies to their end, has a large answer, and switches protocols.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    loop {
        let head = head(&mut stream);
        if head.is_empty() {
            return;
        }
        let head = head.to_ascii_lowercase();
        if head.contains("upgrade: websocket") {
            let switched =
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
            stream.write_all(switched).unwrap();
            let _ = stream.read(&mut [0]);
            return;
        }
        if head.starts_with("post") {
            stream.read_exact(&mut [0; 16]).unwrap();
        }
        let length = if head.contains(" /large ") { LARGE } else { 5 };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; length]).unwrap();
    }
}

/// The next head, a byte at a time; empty at the end of the connection.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.extend_from_slice(&byte),
            _ => return String::new(),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
