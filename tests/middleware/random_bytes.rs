//! A hundred thousand random byte strings as requests: no panic, no 5xx, and the server serves on.
//!
//! Counted is each string that was sent and of which the server has made something: it has answered it, or, where the
//! string is no request, has hung up. Four of five are requests to the parser, with random bytes wherever rules look;
//! those must be answered, for who panics hangs up. The others are random from the first byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use actix_web::middleware::NormalizePath;
use actix_web::{App, HttpRequest, rt, web};

use crate::harness::{Listening, World, secs, serve};

const STRINGS: usize = 100_000;

/// How many clients send them, side by side.
const CLIENTS: usize = 4;

/// How many requests are sent at once.
const AT_ONCE: usize = 20;

/// A site file that looks at all that a client can send, and refuses now and then.
const FILE: &str = r#"{
    "rate_limit": "100000s per hour", "rate_limit_headers": {"standard": "draft-11"},
    "rate_limit_trusted_proxies": ["127.0.0.1"], "rate_limit_identity": {"user": "X-User", "groups": "X-Groups"},
    "rate_limit_country": {"header": "X-Country"}, "rate_limit_tiers": {"gold": {"multiplier": 2}},
    "rate_limit_groups": {"a": "gold"}, "rate_limit_exempt": {"header": {"x-a": {"glob": "**\u0001?"}}},
    "rate_limit_rules": [
        {"name": "path", "when": {"path": {"regex": "^/(.)\\p{L}"}}, "key": ["path", "route"], "limits": "2 per hour"},
        {"name": "glob", "when": {"path": {"glob": "/**/?*"}, "query": {"q": true}}, "key": "query:q", "limits": "2 per hour"},
        {"name": "below", "when": {"not": {"path": {"prefix": "/a/"}}}, "key": ["cookie:c", "ip"], "limits": "50 per hour"},
        {"name": "header", "when": {"header": {"x-a": {"regex": "^.*a"}}}, "key": "header:x-a", "missing": "skip", "limits": "2 per hour"},
        {"name": "user", "when": {"any": [{"user": {"prefix": "a"}}, {"country": "FR"}]}, "key": ["user", "tier", "groups"],
            "limits": "2 per hour", "action": {"rewrite": "/a"}},
        {"name": "fair", "key": "method", "fair": ["ip", "header:x-a"], "limits": "1000 per hour", "action": {"block": {"status": 403}}},
        {"name": "else", "otherwise": true, "key": "host", "limits": "1000 per hour"}]}"#;

fn start(world: &World) -> Listening {
    let budget = world.budget_of(FILE);
    serve(move || {
        App::new()
            .wrap(NormalizePath::trim())
            .wrap(budget.clone())
            .route("/a", web::to(async || "a"))
            .route("/a/{b}", web::to(async |b: web::Path<String>| b.into_inner()))
            .default_service(web::to(async |request: HttpRequest| request.path().to_owned()))
    })
}

/// Random numbers that are the same in each run.
struct Random(u64);

impl Random {
    /// A number below that one (SplitMix64).
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }

    fn of<'a>(&mut self, some: &[&'a [u8]]) -> &'a [u8] {
        some[self.below(some.len())]
    }

    /// So many pieces at most, of which most mean something, without those bytes.
    fn bytes(&mut self, most: usize, without: impl Fn(u8) -> bool) -> Vec<u8> {
        let pieces = (0..self.below(most + 1)).flat_map(|_| match self.below(3) {
            0 => vec![self.below(256) as u8],
            _ => self.of(&PIECES).to_vec(),
        });
        pieces.collect::<Vec<_>>().into_iter().filter(|byte| !without(*byte)).collect()
    }

    /// A request to the parser.
    fn request(&mut self) -> Vec<u8> {
        let method = self.of(&[b"GET", b"GET", b"POST", b"PUT", b"OPTIONS", b"get", b"FOO-BAR"]);
        let start = self.of(&[b"/", b"/", b"/", b"/a/", b"//", b"http://a.example/"]);
        let mut request = [method, b" ", start].concat();
        // What no target can have is refused by the parser, as it should be.
        request.extend(self.bytes(12, |byte| {
            byte <= b' ' || byte == 0x7f || b"\"<>\\^`{|}#".contains(&byte) || byte >= 0x80
        }));
        request.extend(b" HTTP/1.1\r\nHost: ");
        request.extend(self.bytes(2, |byte| byte < b' ' || byte == 0x7f));
        for _ in 0..self.below(5) {
            request.extend(b"\r\n");
            request.extend(self.of(&NAMES));
            request.extend(b": ");
            request.extend(self.bytes(12, |byte| byte < b' ' && byte != b'\t' || byte == 0x7f));
        }
        request.extend(b"\r\n\r\n");
        request
    }
}

const PIECES: [&[u8]; 28] = [
    b"a",
    b"a",
    b"/",
    b"//",
    b"%2F",
    b"%2f",
    b"%25",
    b"%",
    b"%ff",
    b"%00",
    b"+",
    b"?",
    b"q=",
    b"&",
    b"=",
    b";",
    b"c=",
    b"\"",
    b" ",
    b",",
    b"..",
    b"1.2.3.4",
    b"::1",
    b"\xc3\xa9",
    b"\xff",
    b"FR",
    b"for=",
    b"*",
];

const NAMES: [&[u8]; 14] = [
    b"X-A",
    b"X-A",
    b"Cookie",
    b"Cookie",
    b"X-User",
    b"X-Groups",
    b"X-Country",
    b"X-Forwarded-For",
    b"Accept",
    b"Origin",
    b"Access-Control-Request-Method",
    b"Authorization",
    b"X-Api-Key",
    b"X-Forwarded-Host",
];

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    BufReader::new(stream)
}

/// The status of the next answer; `None` if the server hangs up.
fn answered(line: &mut BufReader<TcpStream>) -> Option<u16> {
    let mut head = String::new();
    let mut length = 0;
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        line.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let told = head[from..].strip_prefix("content-length: ");
        length = told.map_or(length, |text| text.trim().parse().expect("a length"));
    }
    line.read_exact(&mut vec![0; length]).ok()?;
    head.split(' ').nth(1)?.parse().ok()
}

/// Sends strings that are requests, some at a time.
fn send_requests(address: SocketAddr, random: &mut Random, count: usize) {
    let mut line = connect(address);
    for _ in 0..count / AT_ONCE {
        let sent: Vec<_> = (0..AT_ONCE).map(|_| random.request()).collect();
        line.get_mut().write_all(&sent.concat()).expect("the connection stands");
        for request in &sent {
            let status = answered(&mut line);
            let is_ours = status.is_some_and(|status| status < 500 && status != 400);
            assert!(is_ours, "{status:?}: {}", request.escape_ascii());
        }
    }
}

/// Sends strings that are random from the first byte, each to a connection of its own.
fn send_noise(address: SocketAddr, random: &mut Random, count: usize) {
    for _ in 0..count {
        let mut noise: Vec<_> = (0..random.below(120)).map(|_| random.below(256) as u8).collect();
        noise.extend(b"\r\n\r\n");
        let mut line = connect(address);
        // It may hang up before it has read all.
        let _ = line.get_mut().write_all(&noise).and_then(|()| line.get_mut().shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        let _ = line.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 5"), "{}", noise.escape_ascii());
    }
}

#[actix_web::test]
async fn a_hundred_thousand_random_strings_leave_the_server_serving() {
    let world = World::new();
    let server = start(&world);
    let address = server.address;
    let clients = (0..CLIENTS).map(|client| {
        rt::task::spawn_blocking(move || {
            let mut random = Random(client as u64);
            send_noise(address, &mut random, STRINGS / CLIENTS / 5);
            send_requests(address, &mut random, STRINGS / CLIENTS / 5 * 4);
        })
    });
    let clients: Vec<_> = clients.collect();
    for client in clients {
        client.await.expect("each is answered, and none by a fault");
    }
    world.advance(secs(3_600));
    assert_eq!(server.connect().await.get("/a").await.status, 200, "what was spent is in the window before");
    assert!(world.accounts().iter().all(|account| account.admitted == 0), "all is settled");
}
