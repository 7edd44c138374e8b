//! HTTP/2 without TLS, by curl.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::client::before;
use crate::running::Running;
use crate::upstream::{Upstream, ok, values};

/// The status and what comes of a request with these arguments and this body.
fn curl(gateway: &Running, args: &[&str], body: &[u8]) -> (String, String) {
    let url = format!("http://{}/a?b", gateway.address);
    let mut command = Command::new("curl");
    command.args(["-s", "--http2-prior-knowledge", "-m", "60", "-w", "\n%{http_code} %{http_version}"]);
    let mut child = command.args(args).arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, body) = (child.stdin.take().unwrap(), body.to_vec());
    let sending = std::thread::spawn(move || {
        // Who is answered early reads no more.
        let _ = stdin.write_all(&body);
    });
    let output = child.wait_with_output().unwrap();
    sending.join().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn a_request_without_a_body_has_none_for_the_upstream_and_cookies_are_one_field() {
    let upstream = Upstream::answering(&ok("hello"));
    let gateway = before(&upstream, &[]);
    let args = ["-H", "Cookie: a=1", "-H", "Cookie: b=2"];
    assert_eq!(curl(&gateway, &args, b""), ("200 2".to_owned(), "hello".to_owned()));
    let head = upstream.head();
    assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
    assert_eq!(values(&head, "host"), [gateway.address.to_string()]);
    assert_eq!(values(&head, "cookie"), ["a=1; b=2"]);
    assert_eq!((values(&head, "transfer-encoding").len(), values(&head, "content-length").len()), (0, 0));
}

#[test]
fn a_body_is_passed_on_whether_or_not_its_length_is_said() {
    let upstream = Upstream::new(|connection| {
        while let Some(head) = connection.head() {
            let body = match values(&head, "content-length").first() {
                Some(length) => String::from_utf8(connection.bytes(length.parse().unwrap())).unwrap(),
                None => connection.up_to("0\r\n\r\n"),
            };
            connection.answer(&format!("{}", body.matches('x').count()));
        }
    });
    let gateway = before(&upstream, &[]);
    let body = vec![b'x'; 200_000];
    let lengths: [&[&str]; 2] = [&["--data-binary", "@-"], &["-X", "POST", "-T", "-"]];
    for args in lengths {
        assert_eq!(curl(&gateway, args, &body), ("200 2".to_owned(), "200000".to_owned()), "{args:?}");
    }
}

#[test]
fn an_early_answer_to_a_large_upload_is_heard() {
    let gateway = before(&Upstream::soon_full(), &[]);
    let body = vec![b'x'; 10_000_000];
    for _ in 0..5 {
        let answer = curl(&gateway, &["--data-binary", "@-"], &body);
        assert_eq!(answer, ("413 2".to_owned(), "large".to_owned()), "{}", gateway.log());
    }
}

#[test]
fn a_body_that_breaks_off_is_no_whole_answer() {
    let upstream = Upstream::new(|connection| {
        connection.head();
        let part = "x".repeat(1_000_000);
        connection.send(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n{part}\r\n"));
    });
    let gateway = before(&upstream, &[]);
    let url = format!("http://{}/", gateway.address);
    let args = ["-s", "--http2-prior-knowledge", "-m", "60", "-o", "/dev/null", &url];
    assert!(!Command::new("curl").args(args).status().unwrap().success());
}
