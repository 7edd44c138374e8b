//! What people have reported of others' gateways and reverse proxies, tried on ours.

use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use crate::client::{Client, ROOMY, before, post, start};
use crate::upstream::{Upstream, ok, values};

const PATIENCE: Duration = Duration::from_secs(20);

/// An upstream that tells each connection's end.
fn telling(
    serve: impl Fn(&mut crate::upstream::Connection) + Send + Sync + 'static,
) -> (Upstream, mpsc::Receiver<()>) {
    let (told, ended) = mpsc::channel();
    let told = Mutex::new(told);
    let upstream = Upstream::new(move |connection| {
        serve(connection);
        let _ = told.lock().unwrap().send(());
    });
    (upstream, ended)
}

/// cloudflared 544: an empty PUT lost its `Content-Length: 0`, and the server answered 411.
#[test]
fn a_request_that_says_it_has_no_body_still_says_so_to_the_application() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let upstream = Upstream::answering(&ok("hello"));
        let gateway = before(&upstream, &[]);
        assert_eq!(gateway.request(method, "/", "host: a\r\nContent-Length: 0\r\n").status, 200);
        assert_eq!(upstream.values("content-length"), ["0"], "{method}");
        assert_eq!(upstream.values("transfer-encoding"), [""; 0], "{method}");
    }
    let upstream = Upstream::answering(&ok("hello"));
    before(&upstream, &[]).get("/");
    assert_eq!(upstream.values("content-length"), [""; 0], "nobody has said it of a GET");
}

/// linkerd2 3310: the body of a GET that came in chunks was passed on without chunks and without a length, so the server saw none.
#[test]
fn a_body_in_chunks_is_passed_on_whatever_the_method() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "QUERY"] {
        let upstream = Upstream::new(|connection| {
            connection.head();
            let body = connection.up_to("0\r\n\r\n");
            assert_eq!(body, "5\r\nhello\r\n0\r\n\r\n");
            connection.answer("");
        });
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        client.send(format!(
            "{method} /_mget HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ));
        let (answer, _) = client.rest();
        assert!(answer.starts_with("HTTP/1.1 200"), "{method}: {answer}");
        assert_eq!(upstream.values("transfer-encoding"), ["chunked"], "{method}");
    }
}

/// linkerd 1978: an answer of HTTP/1.0 without a length reached the client as a head alone, which waited for the rest.
#[test]
fn an_answer_that_ends_with_its_connection_ends_on_a_connection_that_is_kept() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        connection.send("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\nhello, from port: 8082");
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(client.up_to("8082").ends_with("hello, from port: 8082"));
        if values(&head, "transfer-encoding") == ["chunked"] {
            client.up_to("0\r\n\r\n");
        }
    }
}

/// linkerd 1071: an answer that was streamed lost its length.
#[test]
fn an_answer_that_is_streamed_keeps_its_length() {
    let body = "x".repeat(205_844);
    let upstream = Upstream::new(move |connection| {
        connection.head();
        connection.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        for part in body.as_bytes().chunks(20_000) {
            connection.send(str::from_utf8(part).unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        connection.wait_for_end();
    });
    let answer = before(&upstream, &[]).get("/");
    assert_eq!((answer.number("content-length"), answer.body.len()), (205_844, 205_844));
    assert_eq!(answer.header("transfer-encoding"), None);
}

/// caddy 7546: a POST whose first address could not be reached was 502 though another could: its body was closed by then.
#[test]
fn a_body_reaches_the_second_address_whole_if_the_first_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            let length = values(&head, "content-length")[0].parse().unwrap();
            let count = connection.bytes(length).len();
            connection.answer(&count.to_string());
        }
    });
    let gateway = start(ROOMY, &["--upstream", &dead, "--upstream", &upstream.uri()]);
    for _ in 0..4 {
        let answer = post(&gateway, "/", &[b'x'; 300_000]);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"300000"[..]), "{}", gateway.log());
    }
}

/// caddy 782: an upload that the server answered without reading it, on a connection that it kept, hung.
#[test]
fn an_answer_to_an_upload_that_nobody_reads_is_heard() {
    let (upstream, _ended) = telling(|connection| {
        connection.head();
        connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnothing");
        // It neither reads on nor closes, until the gateway does.
        let _ = mpsc::channel::<()>().1.recv_timeout(Duration::from_secs(1));
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &[]);
    let answer = post(&gateway, "/", &vec![b'x'; 10_000_000]);
    assert_eq!((answer.status, answer.body.as_slice()), (404, &b"nothing"[..]));
    assert_eq!(gateway.get("/").status, 404, "and others are served");
}

/// nginx 1427 and 1241: what is provisional with a length was taken for an answer with a body, and the second of two for the answer.
#[test]
fn what_is_provisional_has_no_body_and_may_come_several_times() {
    for provisional in [
        "HTTP/1.1 100 Continue\r\nContent-Length: 38\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n",
        "HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 199 Whatever\r\n\r\n",
    ] {
        let upstream = Upstream::answering(&format!("{provisional}{}", ok("the answer")));
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let answer = client.up_to("the answer");
            assert!(answer.starts_with("HTTP/1.1 200"), "{provisional:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{provisional:?}: {answer}");
        }
    }
}

/// openlitespeed 392, on the way back: of an answer with a length and chunks a server believes one and the next one the other.
#[test]
fn an_answer_that_could_end_elsewhere_is_none() {
    for head in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 100",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: 5, 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length:",
    ] {
        let upstream = Upstream::new(move |connection| {
            connection.head();
            connection.send(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
        });
        let answer = before(&upstream, &[]).get("/");
        assert_eq!(answer.status, 502, "{head:?}: {answer:?}");
    }
}

/// node-http-proxy 783: a WebSocket that was declined left the connection to the server open after its client had gone.
#[test]
fn a_websocket_that_is_declined_leaves_nothing_open() {
    let (upstream, ended) = telling(|connection| {
        connection.head();
        connection.send("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nnothing\r\n");
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send(
        "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(client.up_to("nothing").starts_with("HTTP/1.1 404"));
    drop(client);
    ended.recv_timeout(PATIENCE).expect("the upstream's connection is closed");
}

/// http-proxy-middleware 678 and 976: a server was not told that the reader of its events had gone, and made them on and on.
#[test]
fn a_reader_of_events_that_goes_is_gone_for_the_application() {
    let (upstream, ended) = telling(|connection| {
        connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n");
        // Nothing more comes: nobody finds out by sending.
        connection.wait_for_end();
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    client.up_to("data: 1");
    drop(client);
    ended.recv_timeout(PATIENCE).expect("the upstream's connection is closed");
}

/// iron-proxy 244 and bproxy 46: a client's WebSocket stayed open when the server's was gone.
#[test]
fn a_websocket_whose_server_is_gone_is_closed() {
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello\n";
    for reset in [false, true] {
        let upstream = Upstream::new(move |connection| {
            connection.head();
            connection.send(switch);
            connection.line();
            if reset {
                connection.reset();
            }
        });
        let gateway = before(&upstream, &[]);
        let mut client = Client::new(&gateway);
        client.send("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert!(client.up_to("hello\n").starts_with("HTTP/1.1 101"));
        client.send("go\n");
        assert_eq!(client.rest().0, "", "reset: {reset}");
    }
}

/// service-fabric-issues 183: a server's farewell closed both sides, so the client's own never arrived.
#[test]
fn both_sides_of_a_websocket_say_farewell() {
    let (upstream, ended) = telling(|connection| {
        connection.head();
        connection
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        connection.send("\u{1}server's close\n");
        assert_eq!(connection.line().as_deref(), Some("client's close\n"));
    });
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.up_to("server's close\n");
    std::thread::sleep(Duration::from_millis(50));
    client.send("client's close\n");
    ended.recv_timeout(PATIENCE).expect("the client's close has come");
    assert_eq!(client.rest(), (String::new(), true));
}

/// api.data.gov 461 and code-dot-org 12301: an answer with many cookies was 502, for its head was larger than 4 KB.
#[test]
fn an_answer_with_many_and_long_fields_keeps_them_all() {
    let mut head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_owned();
    for number in 0..80 {
        head += &format!("Set-Cookie: c{number}={}\r\n", "v".repeat(500));
    }
    let upstream = Upstream::answering(&(head + "\r\n"));
    let gateway = before(&upstream, &[]);
    let mut client = Client::new(&gateway);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!(values(&head, "set-cookie").len(), 80, "{head:.300}");
}
