//! Requests that nobody means well with.

use crate::running::Running;
use crate::scratch::Scratch;

fn sites() -> Running {
    let scratch = Scratch::new();
    let common =
        r#"{ "rate_limit": "1000000 per year; 600s per hour", "rate_limit_exempt": { "path": "/health" } }"#;
    scratch.write("common_site_config.json", common);
    scratch.write("a.example/site_config.json", r#"{ "rate_limit": { "limit": 600, "window": "day" } }"#);
    Running::with_sites(scratch)
}

/// No answer at all is fine, and so is any below 500.
fn withstands(server: &Running, request: &[u8]) {
    let answer = server.send(request);
    let shown = String::from_utf8_lossy(&request[..request.len().min(200)]);
    assert!(answer.is_none_or(|answer| answer.status < 500), "{shown:?}\n{}", server.log());
    assert!(!server.log().contains("panicked"), "{shown:?}\n{}", server.log());
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn no_host_makes_it_fail() {
    let server = sites();
    let long = vec![b'a'; 5_000];
    let dots = b".".repeat(300);
    let hosts: [&[u8]; 16] = [
        b"",
        b" ",
        b":",
        b":80",
        b"a.example:",
        b"a.example:99999",
        b"[::1]",
        b"[",
        b"a.example.",
        b"..",
        b"../..",
        b"a.example, b.example",
        b"\xFF\xFE",
        b"xn--\x80",
        &long,
        &dots,
    ];
    for host in hosts {
        withstands(&server, &joined(&[b"GET / HTTP/1.1\r\nhost: ", host, b"\r\nconnection: close\r\n\r\n"]));
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn no_target_makes_it_fail() {
    let server = sites();
    let long = joined(&[b"/", &vec![b'a'; 60_000]]);
    let targets: [&[u8]; 20] = [
        b"/%",
        b"/%0",
        b"/%00",
        b"/%FF",
        b"/%ZZ",
        b"/%2e%2e/",
        b"//",
        b"/../..",
        b"/\\",
        b"*",
        b"?",
        b"/?",
        b"/?&=&",
        b"/?%",
        b"/?ms=%FF",
        b"http://a.example/x",
        b"http://",
        b"a.example:80",
        b"/\xC3\xA9",
        &long,
    ];
    for target in targets {
        for method in [&b"GET"[..], b"OPTIONS", b"CONNECT", b"HEAD"] {
            let rest = b" HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";
            withstands(&server, &joined(&[method, b" ", target, rest]));
        }
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn no_head_makes_it_fail() {
    let server = sites();
    let long = vec![b'x'; 200_000];
    let many = b"x-a: b\r\n".repeat(200);
    let fields: [&[u8]; 13] = [
        b"",
        b"host: a.example\r\nhost: b.example\r\n",
        b"x-forwarded-for: \xFF\r\n",
        b"x-forwarded-for: not an address, 1.2.3.4\r\n",
        b"accept: ,;q=,\xFF*/*;q=9\r\n",
        b"accept: text/html;q=nan, application/json;q=-1\r\n",
        b"origin: x\r\naccess-control-request-method: \xFF\r\n",
        b"content-length: 18446744073709551616\r\n",
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\n",
        b"upgrade: websocket\r\nconnection: upgrade\r\n",
        &many,
        &long,
    ];
    for fields in fields {
        for line in [&b"GET / HTTP/1.1\r\n"[..], b"POST / HTTP/1.1\r\n", b"OPTIONS / HTTP/1.0\r\n"] {
            withstands(&server, &joined(&[line, fields, b"\r\n"]));
        }
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn what_is_no_http_does_not_make_it_fail() {
    let server = sites();
    let odd: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\r\n\r\n",
        b"GET",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
    ];
    for bytes in odd {
        withstands(&server, bytes);
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_request_for_another_protocol_is_answered_while_the_client_stays() {
    let server = sites();
    let head = "GET /chat HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let mut connection = server.connect();
    std::io::Write::write_all(&mut connection, head.as_bytes()).unwrap();
    let mut status = [0; b"HTTP/1.1 200".len()];
    std::io::Read::read_exact(&mut connection, &mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}
