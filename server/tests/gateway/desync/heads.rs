//! Heads that at least one server of the lists reads otherwise than another.

use super::{Cases, Garden};

#[test]
fn fields_that_say_nothing_certain_of_the_body_are_refused() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    let chunks = "\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for coding in [
        "chunk",
        "'chunked'",
        "\"chunked\"",
        ",chunked",
        ", chunked",
        "chunked,",
        "chunked, ",
        "chunked chunked",
        "cow chunked bar",
        "cow, chunked",
        "chunked, cow",
        "identity, chunked, identity",
        "chunked;",
        "chunked;q=1",
        "chunked;ext=val",
        "chunked\r",
        "chunked\0",
        "chunked\u{7f}",
        "chunked\u{b}",
        "\u{b}chunked",
        "\u{c}chunked",
        "chunked identity",
        "gzip",
        "deflate, chunked",
        "x",
        "ch unked",
        "CHUNKED, identity",
        "\r\n chunked",
        "\r\n\tchunked",
        "\n chunked",
        "",
        " ",
        "blegh",
        "chunked\r\nTransfer-Encoding: x",
        "x\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-encoding: chunked",
        "identity\r\nTransfer-Encoding: chunked",
    ] {
        for length in ["", "\r\nContent-Length: 5", "\r\nContent-Length: 15"] {
            cases.post(true, format!("Transfer-Encoding: {coding}{length}{chunks}").as_bytes());
        }
    }
    for coding in
        [&b"\xffchunked"[..], b"chunked\xff", b"\xa0chunked", b"chunked\xa0", b"\x85chunked", b"ch\x96nked"]
    {
        cases.post(true, &[b"Transfer-Encoding: ", coding, chunks.as_bytes()].concat());
    }
    for length in [
        "",
        " ",
        "-0",
        "-5",
        "+5",
        "+0",
        "0x5",
        "0o5",
        "0b1",
        "5.0",
        "5e0",
        "1e1",
        "5 5",
        "5,5",
        "5, 5",
        "5,5,5",
        "5;5",
        "5_0",
        "5a",
        "a5",
        "5\0",
        "5\u{b}",
        "five",
        "99999999999999999999",
        "18446744073709551616",
        "5\r\nContent-Length: 5",
        "5\r\nContent-Length: 6",
        "\r\nContent-Length: 5",
        "5\r\nContent-Length:",
        "5\r\ncontent-length: 0",
        "\r\n 5",
        "5\r\n 5",
        "5\r",
        "\"5\"",
        "5\r\nTransfer-Encoding: chunked",
        "5\r\nTransfer-Encoding: x",
    ] {
        cases.post(true, format!("Content-Length: {length}\r\n\r\nhello").as_bytes());
    }
    for fields in [
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "Transfer Encoding: chunked",
        "Transfer\\Encoding: chunked",
        "Transfer-Encoding x: chunked",
        "Transfer-\r\nEncoding: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding\r\n : chunked",
        "Tra\rnsfer-Encoding: chunked",
        "Foo: bar\r\n Transfer-Encoding: chunked",
        "Foo: bar\r\n\tTransfer-Encoding: chunked",
        "Foo: bar\rTransfer-Encoding: chunked",
        "Foo: bar\r\n\rTransfer-Encoding: chunked",
        "Content-Length 5",
        "Content-Length\r\n: 5",
        "Content-\r\nLength: 5",
        "Foo: bar\r\n Content-Length: 5",
        ": ignored",
        ":",
        "Foo",
        "Foo: bar\r\n \r\nBar: x",
        "\rX: y",
        "X: v\0\ralue",
        "(Content-Length): 5",
        "[Host]: b",
    ] {
        cases.post(true, format!("{fields}{chunks}").as_bytes());
    }
    garden.try_all(&cases.0);
}

#[test]
fn first_lines_and_hosts_that_others_read_otherwise_are_refused() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    for line in [
        "GET  /# HTTP/1.1",
        "GET /#  HTTP/1.1",
        "GET\t/# HTTP/1.1",
        "GET /#\tHTTP/1.1",
        " GET /# HTTP/1.1",
        "GET /# HTTP/1.1 ",
        "GET /# HTTP/1.2",
        "GET /# HTTP/2.0",
        "GET /# HTTP/0.9",
        "GET /# HTTP/1",
        "GET /# HTTP/01.1",
        "GET /# HTTP/1.01",
        "GET /# HTTP/ 1.1",
        "GET /# http/1.1",
        "GET /# HTTP/1.1x",
        "GET /# HTTP/4294967295.255",
        "GET /# HTTP/\r\r1.1",
        "GET /#",
        "GET",
        "/# HTTP/1.1",
        "GET HTTP/1.1",
        "GET\u{b}/# HTTP/1.1",
        "GET /#\nHTTP/1.1",
        "G=\":<>(e),[T];? /# HTTP/1.1",
        "\0 /# HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /\0# HTTP/1.1",
        "GET /\u{7f}# HTTP/1.1",
        "GET a HTTP/1.1",
        "GET a:80 HTTP/1.1",
        "GET * HTTP/1.1",
        "POST * HTTP/1.1",
        "GET ftp://a/# HTTP/1.1",
        "GET http:///# HTTP/1.1",
        "GET http://a,b/# HTTP/1.1",
        "GET //\r/# HTTP/1.1",
        "OPTIONS a HTTP/1.1",
        "CONNECT a:80 HTTP/1.1",
        "CONNECT /# HTTP/1.1",
    ] {
        cases.add(true, &[line.as_bytes(), b"\r\nHost: a\r\nX-Case: #\r\n\r\n"]);
    }
    for host in [
        "",
        "a b",
        "a,b",
        "a, b",
        "a/b",
        "a?b",
        "me@a",
        "a\\b",
        "a\"b",
        "a<b",
        "a>b",
        "a|b",
        "a^b",
        "a`b",
        "a{b}",
        "a:b",
        "a:80:b",
        "a:80x",
        "a:-1",
        "[::1",
        "::1",
        "[::1]x",
        "[a]b",
        ":80",
        "a\0.b",
        "a\u{7f}",
        "a\r\n b",
        "a\r\nHost: a",
        "a\r\nHost: b",
        "a\r\n host: b",
        "\r\n a",
    ] {
        cases.add(true, &[b"GET /# HTTP/1.1\r\nX-Case: #\r\nHost: ", host.as_bytes(), b"\r\n\r\n"]);
    }
    for host in [&b"\xffa\xff"[..], b"a\xa0", b"\x85a", "ä".as_bytes()] {
        cases.add(true, &[b"GET /# HTTP/1.1\r\nX-Case: #\r\nHost: ", host, b"\r\n\r\n"]);
    }
    garden.try_all(&cases.0);
}
