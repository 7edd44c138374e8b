//! Behind nginx and HAProxy: each configuration of `docs/gateway.md`, with what clients, proxies and applications rely on.
//!
//! Clients have addresses of their own, `127.0.0.2` and so on, which Linux has without being told.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::addressed;
use crate::client::{Client, with_site};
use crate::proxy::Proxy;
use crate::running::Running;
use crate::scratch::Scratch;
use crate::upstream::{Upstream, ok, values};

/// The proxy is believed of whom it speaks for.
const ROOMY: &str = r#"{ "rate_limit_trusted_hops": 1, "rate_limit": "1000000 per year" }"#;

/// A proxy, and how it is started before a gateway.
type Front = (&'static str, fn(SocketAddr) -> Proxy);

const FRONTS: [Front; 2] = [("nginx", nginx), ("haproxy", haproxy)];

fn nginx(gateway: SocketAddr) -> Proxy {
    let inner = replaced(&block("nginx"), "127.0.0.1:8080", &gateway.to_string());
    let configured = |address: SocketAddr, directory: &Scratch| {
        let place = |name: &str| directory.path(name).display().to_string();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {};\n", place(what)))
            .concat();
        let inner = replaced(&inner, "listen 80;", &format!("listen {address};"));
        format!(
            "daemon off; master_process off; error_log stderr; pid {};\n\
             events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n{paths}{inner}}}\n",
            place("pid")
        )
    };
    Proxy::start("nginx", "nginx", &["-e", "stderr", "-c"], configured)
}

fn haproxy(gateway: SocketAddr) -> Proxy {
    let inner = replaced(&block("haproxy"), "127.0.0.1:8080", &gateway.to_string());
    let configured =
        |address: SocketAddr, _: &Scratch| replaced(&inner, "bind :80", &format!("bind {address}"));
    Proxy::start("haproxy", "haproxy", &["-db", "-f"], configured)
}

/// The only block of a language on the page.
fn block(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/gateway.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks: Vec<_> = page.split(&format!("\n```{language}\n")).skip(1).collect();
    let [block] = blocks[..] else { panic!("{} blocks of {language}", blocks.len()) };
    block.split("\n```").next().unwrap().to_owned() + "\n"
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "no {old:?} in\n{text}");
    text.replace(old, new)
}

/// What counts the connections that are opened to an address through it.
struct Counted {
    address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Counted {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, SeqCst);
                let server = TcpStream::connect(server).unwrap();
                pass(client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(server, client);
            }
        });
        Self { address, count }
    }
}

/// Passes on what comes from one to another, in a thread.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

/// A connection to a proxy that is kept from request to request.
fn connect(proxy: &Proxy) -> Client {
    let stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    Client::on(stream)
}

#[test]
fn the_account_is_the_clients_and_the_application_sees_whom_it_answers() {
    for (name, front) in FRONTS {
        let upstream = Upstream::answering(&ok("hello"));
        let site = r#"{ "rate_limit_trusted_hops": 1, "rate_limit": "2 per year" }"#;
        let gateway = with_site(site, &upstream, &[]);
        let proxy = front(gateway.address);
        let claims = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                      Forwarded: for=192.0.2.1;proto=https\r\n";
        let alice = [(); 3].map(|()| addressed::Client(2).get(proxy.address, "/", claims).status);
        assert_eq!(alice, [200, 200, 429], "{name}: {}", proxy.log());
        assert_eq!(addressed::Client(3).get(proxy.address, "/", claims).status, 200, "{name}");
        let heads = upstream.heads();
        let told = |name| heads.iter().map(|head| values(head, name).join("|")).collect::<Vec<_>>();
        let addresses = ["127.0.0.2, 127.0.0.1", "127.0.0.2, 127.0.0.1", "127.0.0.3, 127.0.0.1"];
        assert_eq!(told("x-forwarded-for"), addresses, "{name}");
        assert_eq!(told("x-forwarded-proto"), ["http"; 3], "{name}");
        assert_eq!(told("x-forwarded-host"), ["localhost"; 3], "{name}");
        assert_eq!(told("forwarded"), ["for=127.0.0.1;host=\"localhost\";proto=http"; 3], "{name}");
    }
}

#[test]
fn the_application_is_told_the_clients_host_with_its_port() {
    for (name, front) in FRONTS {
        let upstream = Upstream::answering(&ok("hello"));
        let gateway = with_site(ROOMY, &upstream, &[]);
        let proxy = front(gateway.address);
        let mut client = connect(&proxy);
        client.send("GET /a%2Fb//c?d=%20 HTTP/1.1\r\nHost: Shop.Example:8443\r\n\r\n");
        assert!(client.up_to("hello").starts_with("HTTP/1.1 200"), "{name}");
        let head = upstream.heads().concat();
        assert!(head.to_ascii_lowercase().contains("host: shop.example:8443\r\n"), "{name}: {head}");
        assert!(head.starts_with("GET /a%2Fb//c?d=%20 HTTP/1.1\r\n"), "{name}: {head}");
    }
}

#[test]
fn connections_are_kept_on_the_whole_way() {
    for (name, front) in FRONTS {
        let upstream = Upstream::answering(&ok("hello"));
        let gateway = with_site(ROOMY, &upstream, &[]);
        let counted = Counted::before(gateway.address);
        let proxy = front(counted.address);
        let before = counted.count.load(SeqCst);
        let mut client = connect(&proxy);
        for _ in 0..20 {
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assert!(client.up_to("hello").starts_with("HTTP/1.1 200"), "{name}");
        }
        assert_eq!((counted.count.load(SeqCst) - before, upstream.connections()), (1, 1), "{name}");
    }
}

#[test]
fn a_websocket_is_bytes_both_ways_through_both() {
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    for (name, front) in FRONTS {
        let upstream = Upstream::new(|connection| {
            connection.head();
            connection.send(SWITCH);
            while let Some(line) = connection.line() {
                connection.send(&line);
            }
        });
        let gateway = with_site(ROOMY, &upstream, &[]);
        let proxy = front(gateway.address);
        let mut client = connect(&proxy);
        client.send(
            "GET /socket HTTP/1.1\r\nHost: a:81\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101"), "{name}: {head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{name}: {head}");
        for line in ["one\n", "\u{1}\u{0}\u{7f}\n", &("x".repeat(100_000) + "\n")] {
            client.send(line);
            assert!(client.up_to("\n") == line, "{name}");
        }
    }
}

#[test]
fn several_cookies_stay_several_through_both() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\n\r\nhello";
    for (name, front) in FRONTS {
        let upstream = Upstream::answering(answer);
        let gateway = with_site(ROOMY, &upstream, &[]);
        let proxy = front(gateway.address);
        let mut client = connect(&proxy);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=2\r\n\r\n");
        let head = client.head().to_ascii_lowercase();
        assert_eq!(values(&head, "set-cookie"), ["a=1; path=/", "b=2", "c=3"], "{name}");
        assert_eq!(upstream.values("cookie"), ["a=1; b=2"], "{name}");
    }
}

#[test]
fn large_bodies_are_whole_both_ways_with_a_length_and_in_chunks() {
    let large: String = (0..400_000).map(|number| format!("{number:07} ")).collect();
    for (name, front) in FRONTS {
        let answered = large.clone();
        let upstream = Upstream::new(move |connection| {
            while let Some(head) = connection.head() {
                let length = values(&head, "content-length");
                let mut sent = match length.first() {
                    Some(length) => String::from_utf8(connection.bytes(length.parse().unwrap())).unwrap(),
                    None => String::new(),
                };
                while length.is_empty() {
                    let size = usize::from_str_radix(connection.up_to("\r\n").trim_end(), 16).unwrap();
                    sent += &String::from_utf8(connection.bytes(size)).unwrap();
                    connection.up_to("\r\n");
                    if size == 0 {
                        break;
                    }
                }
                connection.answer(if sent == answered { &sent } else { "another body" });
            }
        });
        let gateway = with_site(ROOMY, &upstream, &[]);
        let proxy = front(gateway.address);
        let lengths = [
            (format!("Content-Length: {}", large.len()), large.clone()),
            ("Transfer-Encoding: chunked".to_owned(), format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len())),
        ];
        for (field, body) in lengths {
            let mut client = connect(&proxy);
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{field}\r\n\r\n"));
            client.send(body);
            let (answer, _) = client.rest();
            assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {field}: {answer:.200}");
            assert!(answer.ends_with(&large), "{name}: {field}: {} bytes", answer.len());
        }
    }
}

#[test]
fn a_client_that_goes_is_gone_for_the_application() {
    for (name, front) in FRONTS {
        let (told, ended) = mpsc::channel();
        let told = Mutex::new(told);
        let upstream = Upstream::new(move |connection| {
            connection.head();
            connection.wait_for_end();
            told.lock().unwrap().send(()).unwrap();
        });
        let gateway = with_site(ROOMY, &upstream, &[]);
        let proxy = front(gateway.address);
        let mut client = connect(&proxy);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        upstream.wait_for_heads(1);
        drop(client);
        let gone = ended.recv_timeout(Duration::from_secs(20));
        assert!(gone.is_ok(), "{name}: the application waits on");
    }
}

#[test]
fn a_request_has_one_name_in_all_logs() {
    for (name, front) in FRONTS {
        let upstream = Upstream::answering(&ok("hello"));
        let scratch = Scratch::new();
        let log = scratch.path("access.log");
        let gateway = with_site(ROOMY, &upstream, &["--access-log", log.to_str().unwrap()]);
        let proxy = front(gateway.address);
        let answer = addressed::Client(2).get(proxy.address, "/", "X-Request-Id: the-clients-own\r\n");
        let told = upstream.values("x-request-id");
        assert_eq!(answer.header("x-request-id"), Some(told[0].as_str()), "{name}");
        assert!(told.len() == 1 && told[0].len() >= 32 && told[0] != "the-clients-own", "{name}: {told:?}");
        let line = crate::running::eventually(
            "a line",
            || fs::read_to_string(&log).ok().filter(|text| text.ends_with('\n')),
            || gateway.log(),
        );
        let line: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
        assert_eq!(line["request_id"], told[0], "{name}");
        assert_eq!(line["client"], "127.0.0.2", "{name}");
    }
}

#[test]
fn the_gateway_outlives_the_proxy() {
    for (name, front) in FRONTS {
        let upstream = Upstream::answering(&ok("hello"));
        let gateway: Running = with_site(ROOMY, &upstream, &[]);
        let proxy = front(gateway.address);
        let mut cut = connect(&proxy);
        cut.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly a part");
        upstream.wait_for_heads(1);
        drop(proxy);
        let _ = cut.stream.write_all(b"more");
        let _ = cut.stream.read(&mut [0; 1]);
        assert_eq!(
            gateway.request("GET", "/", "host: a\r\nX-Forwarded-For: 192.0.2.1\r\n").status,
            200,
            "{name}"
        );
    }
}
