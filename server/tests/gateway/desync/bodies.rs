//! Chunks and trailers, and what is unusual and yet certain.

use super::{Cases, Garden};

#[test]
fn chunks_that_others_read_otherwise_never_make_a_whole_body() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    for chunks in [
        "0_2e\r\n\r\n",
        "-0x0\r\n\r\n",
        "+0\r\n\r\n",
        "-1\r\nX\r\n0\r\n\r\n",
        "  0\r\n\r\n",
        "\t0\r\n\r\n",
        "Z\r\nZZ\r\nZZZ\r\n\r\n",
        "\r\n\r\n",
        "1\r0\n",
        "5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n",
        "2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n",
        "41;a=b\r\rXXXX\r\n0\r\n\r\n",
        "1these-bytes\r\nZ\r\n0\r\n\r\n",
        "5;\nxx\r\n45\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloXX\r\n0\r\n\r\n",
        "5\r\nhelloX\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\r0\r\n\r\n",
        "17\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n\r\n0\r\n\r\n",
        "INVALID!!!\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5.0\r\nhello\r\n0\r\n\r\n",
        "0\n\n",
        "0\r\n\rX",
        "5\u{b}\r\nhello\r\n0\r\n\r\n",
    ] {
        cases.post(true, format!("Transfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes());
    }
    garden.try_all(&cases.0);
}

/// What stands behind a body is forgotten: it is no field of the request, and no request.
#[test]
fn trailers_claim_nothing() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    for trailers in [
        "Content-Length: 100",
        "Transfer-Encoding: chunked",
        "Host: evil",
        "X-Forwarded-For: 192.0.2.1",
        "Authorization: Basic x",
        "Content-Type: text/evil",
        "Expect: 100-continue",
        "X:POST /smuggled HTTP/1.1",
        "Connection: upgrade\r\nUpgrade: websocket",
        "Content-Length: 5\r\nTransfer-Encoding: identity",
        "a: b\r\nc: d\r\ne: f",
        "GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Case: #",
        "X: y\nGET /smuggled HTTP/1.1\nHost: a\nX-Case: #\n",
        "no colon",
        " folded",
        "\n",
    ] {
        let body = format!("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n\r\n");
        cases.post(false, body.as_bytes());
    }
    garden.try_all(&cases.0);
    let heard = garden.upstream.heard();
    let bodies: Vec<_> = heard.iter().filter(|heard| heard.target != "/smuggled").collect();
    assert_eq!(bodies.len(), cases.0.len());
    for heard in bodies {
        assert_eq!(heard.body, b"hello");
        for name in ["authorization", "content-type", "expect", "content-length", "upgrade", "a", "x"] {
            assert_eq!(heard.has(name), 0, "{name} in {heard:?}");
        }
    }
}

/// Unusual, and by the letter: each is passed on in a form that nobody reads otherwise.
#[test]
fn what_is_unusual_and_certain_is_passed_on_in_the_usual_form() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    for fields_and_body in [
        "Content-Length: 005\r\n\r\nhello",
        "Content-Length:5\r\n\r\nhello",
        "Content-Length:   5   \r\n\r\nhello",
        "Content-Length: 5\t\r\n\r\nhello",
        "CONTENT-LENGTH: 5\r\n\r\nhello",
        "Content-Length: 5\r\nConnection: Content-Length\r\n\r\nhello",
        "Content-Length: 5\r\nContent_Length: 9\r\n\r\nhello",
        "Content-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\nhello",
        "Content-Length: 5\r\nContent-Encoding: chunked\r\n\r\nhello",
        "Content-Length: 5\r\nTE: chunked\r\n\r\nhello",
        "Content-Length: 5\r\nX-Transfer-Encoding: chunked\r\n\r\nhello",
        "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "Content-Length: 5\r\nExpect: y 100-continue\r\n\r\nhello",
        "Content-Length: 5\r\nExpect: nonsense\r\n\r\nhello",
        "Content-Length: 5\nX: y\n\nhello",
        "Content-Length: 5\r\nX: y\n\r\nhello",
    ] {
        cases.post(false, fields_and_body.as_bytes());
    }
    for field in [
        "Transfer-Encoding: chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "TrAnSFer-EnCODinG: cHuNkeD",
        "Transfer-Encoding:chunked",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding:  chunked",
        "Transfer-Encoding: chunked\t",
        "Transfer-Encoding: chunked ",
        "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
        "Transfer-Encoding: chunked\r\nExpect: 100-continue",
    ] {
        cases.post(false, format!("{field}\r\n\r\n{chunks}").as_bytes());
    }
    for chunks in [
        "05\r\nhello\r\n00\r\n\r\n",
        "5;a=b\r\nhello\r\n0;c\r\n\r\n",
        "5 ;a\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
        "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
        "0000000000000000000000005\r\nhello\r\n0\r\n\r\n",
    ] {
        cases.post(false, format!("Transfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes());
    }
    for method in ["GET", "OPTIONS", "TRACE", "DELETE", "CATS"] {
        let head = format!("{method} /# HTTP/1.1\r\nHost: a\r\nX-Case: #\r\nContent-Length: 5\r\n\r\nhello");
        cases.add(false, &[head.as_bytes()]);
    }
    garden.try_all(&cases.0);
    let heard = garden.upstream.heard();
    for number in 0..cases.0.len() {
        let of: Vec<_> = heard.iter().filter(|heard| heard.case == number.to_string()).collect();
        let sent = String::from_utf8_lossy(&cases.0[number].bytes);
        let [first, second] = of[..] else { panic!("{sent:?}: {of:?}") };
        assert_eq!((first.body.as_slice(), second.target.as_str()), (&b"hello"[..], "/smuggled"), "{sent:?}");
        for name in
            ["expect", "te", "upgrade", "http2-settings", "content_length", "transfer_encoding", "connection"]
        {
            assert_eq!(first.has(name), 0, "{name} of {sent:?}");
        }
    }
}

/// Servers and frameworks that read `_` as `-` would take it for the gateway's own word.
#[test]
fn names_with_underscores_for_what_the_gateway_says_are_dropped() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    let names = [
        "X_Forwarded_For",
        "X-Forwarded_For",
        "x_forwarded_proto",
        "X_Forwarded_Host",
        "X_RateLimit_Time_Left",
        "X_Request_Id",
        "Proxy_Authorization",
        "Keep_Alive",
        "Content_Length",
        "Transfer_Encoding",
    ];
    for name in names {
        cases.post(false, format!("{name}: 7\r\nX_Own: 1\r\n\r\n").as_bytes());
    }
    garden.try_all(&cases.0);
    let heard: Vec<_> =
        garden.upstream.heard().into_iter().filter(|heard| heard.target != "/smuggled").collect();
    assert_eq!(heard.len(), names.len());
    for heard in heard {
        let odd: Vec<_> = heard.fields.iter().filter(|(name, _)| name.contains('_')).collect();
        assert_eq!(odd, [&("x_own".to_owned(), "1".to_owned())]);
    }
}
