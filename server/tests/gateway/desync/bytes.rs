//! Every byte that is no letter and no digit, wherever one may make a difference.

use super::{Cases, Garden};

/// All such bytes, but for the one that stands for a case's number.
fn others() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(|byte| !byte.is_ascii_alphanumeric() && *byte != b'#')
}

const HEAD: &str = "POST /# HTTP/1.1\r\nHost: a\r\nX-Case: #\r\n";

#[test]
fn any_byte_in_what_says_how_long_a_body_is() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    let fields = [
        ("Content-Length: 5", "Content-|Length: 5", "Content-Length|: 5", "hello"),
        (
            "Transfer-Encoding: chunked",
            "Transfer-|Encoding: chunked",
            "Transfer-Encoding|: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
        ),
    ];
    for byte in others() {
        for (field, amid_name, before_colon, body) in fields {
            let (name, value) = field.split_once(": ").unwrap();
            let (start, end) = value.split_at(value.len() / 2);
            let after_colon = format!("{name}:|{value}");
            let amid_value = format!("{name}: {start}|{end}");
            for marked in [
                &format!("|{field}"),
                amid_name,
                before_colon,
                &after_colon,
                &amid_value,
                &format!("{field}|"),
                &format!("{field}\r\n|"),
                &format!("X: y|{field}"),
            ] {
                let (before, after) = marked.split_once('|').unwrap();
                let pieces = [HEAD, before].map(str::as_bytes);
                let rest = [after, "\r\n\r\n", body].map(str::as_bytes);
                cases.add(false, &[pieces[0], pieces[1], &[byte], rest[0], rest[1], rest[2]]);
            }
        }
    }
    garden.try_all(&cases.0);
}

#[test]
fn any_byte_in_chunks() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    for byte in others() {
        for marked in [
            "|5\r\nhello\r\n0\r\n\r\n",
            "5|\r\nhello\r\n0\r\n\r\n",
            "5|;a=b\r\nhello\r\n0\r\n\r\n",
            "5;|\r\nhello\r\n0\r\n\r\n",
            "5;a|b\r\nhello\r\n0\r\n\r\n",
            "5;a=\"|\"\r\nhello\r\n0\r\n\r\n",
            "5\r|\nhello\r\n0\r\n\r\n",
            "5\r\nhello|\r\n0\r\n\r\n",
            "5\r\nhello\r|\n0\r\n\r\n",
            "5\r\nhello\r\n|0\r\n\r\n",
            "5\r\nhello\r\n0|\r\n\r\n",
            "5\r\nhello\r\n0\r\n|\r\n",
            "5\r\nhello\r\n0\r\nX|: y\r\n\r\n",
            "5\r\nhello\r\n0\r\nX: y|\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r|\n",
        ] {
            let (before, after) = marked.split_once('|').unwrap();
            let chunked = "Transfer-Encoding: chunked\r\n\r\n";
            let pieces = [HEAD, chunked, before].map(str::as_bytes);
            cases.add(false, &[pieces[0], pieces[1], pieces[2], &[byte], after.as_bytes()]);
        }
    }
    garden.try_all(&cases.0);
}

#[test]
fn any_byte_in_the_first_line_and_in_the_host() {
    let garden = Garden::start();
    let mut cases = Cases::default();
    for byte in others() {
        for marked in [
            "|GET /# HTTP/1.1\r\nHost: a\r\n",
            "G|ET /# HTTP/1.1\r\nHost: a\r\n",
            "GET| /# HTTP/1.1\r\nHost: a\r\n",
            "GET |/# HTTP/1.1\r\nHost: a\r\n",
            "GET /#|x HTTP/1.1\r\nHost: a\r\n",
            "GET /#| HTTP/1.1\r\nHost: a\r\n",
            "GET /# |HTTP/1.1\r\nHost: a\r\n",
            "GET /# HTTP/1|.1\r\nHost: a\r\n",
            "GET /# HTTP/1.1|\r\nHost: a\r\n",
            "GET /# HTTP/1.1\r\n|Host: a\r\n",
            "GET /# HTTP/1.1\r\nHost|: a\r\n",
            "GET /# HTTP/1.1\r\nHost:|a\r\n",
            "GET /# HTTP/1.1\r\nHost: a|b\r\n",
            "GET /# HTTP/1.1\r\nHost: a:8|0\r\n",
            "GET /# HTTP/1.1\r\nHost: a|\r\n",
            "GET http://a|b/# HTTP/1.1\r\nHost: a\r\n",
        ] {
            let (before, after) = marked.split_once('|').unwrap();
            cases.add(false, &[before.as_bytes(), &[byte], after.as_bytes(), b"X-Case: #\r\n\r\n"]);
        }
    }
    garden.try_all(&cases.0);
}
