//! A request as a log tells it.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::dev::Url;
use actix_web::http::{StatusCode, Uri};
use timebudget_control::replay::Times;

use crate::replay::args::Charged;

/// A request as a log tells it: when it began, how long it ran, and what rules may see of it.
///
/// It is filled again and again, so that a line allocates nothing once the first few have been read.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The number of its line, from 1.
    pub(crate) line: u64,
    /// The instant that the line tells, in microseconds since 1970.
    pub(crate) time: i64,
    /// Whether that is the request's start, and not its end.
    pub(crate) is_start: bool,
    /// Whether the instant is to the second only.
    pub(crate) is_coarse: bool,
    /// How long it took, in microseconds; `None` where the line does not say.
    pub(crate) elapsed: Option<u64>,
    /// How long its upstreams took.
    pub(crate) upstream: Option<u64>,
    /// What it was charged when it was served.
    pub(crate) charged: Option<u64>,
    /// Whether it was made free when it was served.
    pub(crate) was_waived: bool,
    /// Whether it was refused when it was logged, so that nobody knows what it would have cost.
    pub(crate) was_refused: bool,
    pub(crate) status: u16,
    /// Who sent it.
    pub(crate) peer: Option<IpAddr>,
    /// Whether that is the client already, whatever proxies stood between.
    pub(crate) is_client: bool,
    /// When it began and how long it ran, once its [times are settled](Self::settle_times).
    pub(crate) times: Times,
    text: String,
    /// The values of headers and cookies, which need not be text.
    values: Vec<u8>,
    method: Span,
    host: Span,
    user: Span,
    api_key: Option<Span>,
    path: Span,
    query: Span,
    fields: Vec<(u16, Span)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: u32,
    to: u32,
}

impl Request {
    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        let (mut text, mut fields) = (std::mem::take(&mut self.text), std::mem::take(&mut self.fields));
        let mut values = std::mem::take(&mut self.values);
        text.clear();
        fields.clear();
        values.clear();
        *self = Self { text, fields, values, ..Self::default() };
    }

    /// When its line was written, as far as it tells.
    pub(crate) fn written(&self) -> i64 {
        if self.is_start { self.time.saturating_add_unsigned(self.elapsed.unwrap_or(0)) } else { self.time }
    }

    /// Works out when it began, how long its time ran and when it ended.
    pub(crate) fn settle_times(&mut self, charge: Charged) {
        let elapsed = self.elapsed.unwrap_or(0);
        let start = if self.is_start { self.time } else { self.time.saturating_sub_unsigned(elapsed).max(0) };
        let is_tunnel = StatusCode::SWITCHING_PROTOCOLS == self.status;
        let upstream = self.upstream.filter(|_| charge == Charged::Upstream && !is_tunnel);
        let times = Times::new(start, elapsed, self.charged.or(upstream), self.status);
        // The answer that says so has come when the upstream's time was over.
        let free_after = self.upstream.unwrap_or(elapsed);
        self.times = if self.was_waived { times.made_free_after(free_after) } else { times };
    }

    pub(crate) fn method(&self) -> &str {
        self.of(self.method)
    }

    /// The host that it was for, as it was asked for; empty where the line does not say.
    pub(crate) fn host(&self) -> &str {
        self.of(self.host)
    }

    /// The client's name; empty where the line does not say.
    pub(crate) fn user(&self) -> &str {
        self.of(self.user)
    }

    /// The name of the client's API key, empty where it had none; `None` where the line does not say.
    pub(crate) fn api_key(&self) -> Option<&str> {
        self.api_key.map(|key| self.of(key))
    }

    /// The path as the router sees it, without the query.
    pub(crate) fn path(&self) -> &str {
        self.of(self.path)
    }

    pub(crate) fn query(&self) -> &str {
        self.of(self.query)
    }

    /// The values of a field that the log has by this number.
    pub(crate) fn fields(&self, number: u16) -> impl DoubleEndedIterator<Item = &[u8]> {
        let of_number = self.fields.iter().filter(move |(other, _)| *other == number);
        of_number.map(|(_, span)| self.values.get(span.from as usize..span.to as usize).unwrap_or_default())
    }

    fn of(&self, span: Span) -> &str {
        self.text.get(span.from as usize..span.to as usize).unwrap_or_default()
    }

    /// Keeps a text; what is no UTF-8 is replaced, and what servers have escaped, `\x22`, is what it was.
    fn keep(&mut self, bytes: &[u8]) -> Span {
        let from = self.text.len() as u32;
        match memchr::memchr(b'\\', bytes) {
            None => self.push(bytes),
            Some(_) => self.push(&unescaped(bytes)),
        }
        Span { from, to: self.text.len() as u32 }
    }

    fn push(&mut self, bytes: &[u8]) {
        match str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(bytes)),
        }
    }

    /// Takes an address, which may have a port behind it.
    pub(crate) fn set_peer(&mut self, bytes: &[u8]) {
        self.peer = address(bytes);
    }

    pub(crate) fn set_host(&mut self, host: &[u8]) {
        if !is_absent(host) {
            self.host = self.keep(host);
        }
    }

    pub(crate) fn set_user(&mut self, user: &[u8]) {
        // Some write two spaces, and Apache a pair of quotation marks of a name that is empty.
        let user = user.trim_ascii();
        if !is_absent(user) && user != b"\"\"" {
            self.user = self.keep(user);
        }
    }

    /// Takes the name of an API key; an empty one is none.
    pub(crate) fn set_api_key(&mut self, name: &[u8]) {
        self.api_key = Some(self.keep(name));
    }

    pub(crate) fn set_method(&mut self, method: &[u8]) {
        self.method = self.keep(method);
    }

    pub(crate) fn add_field(&mut self, number: u16, value: &[u8]) {
        if !is_absent(value) {
            let from = self.values.len() as u32;
            self.values.extend_from_slice(&unescaped(value));
            self.fields.push((number, Span { from, to: self.values.len() as u32 }));
        }
    }

    pub(crate) fn set_query(&mut self, query: &[u8]) {
        if !is_absent(query) {
            self.query = self.keep(query);
        }
    }

    /// Takes a request line, `GET /path?query HTTP/1.1`; whether it is one.
    pub(crate) fn set_line(&mut self, line: &[u8]) -> bool {
        let Some(space) = memchr::memchr(b' ', line) else { return false };
        let (method, rest) = (&line[..space], &line[space + 1..]);
        let target = memchr::memrchr(b' ', rest).map_or(rest, |end| &rest[..end]);
        let is_one = !method.is_empty() && method.iter().all(u8::is_ascii_alphabetic) && !target.is_empty();
        if is_one {
            self.set_method(method);
            self.set_target(target);
        }
        is_one
    }

    /// Takes the target of a request: a path with its query, or a whole URI, whose host wins.
    pub(crate) fn set_target(&mut self, target: &[u8]) {
        let target = match target.first() {
            Some(b'/') => target,
            _ => self.after_authority(target),
        };
        let query = memchr::memchr(b'?', target);
        let path = &target[..query.unwrap_or(target.len())];
        if memchr::memchr2(b'%', b'\\', path).is_none() {
            self.path = self.keep(path);
        } else {
            let routed = routed(path);
            let from = self.text.len() as u32;
            self.text.push_str(&routed);
            self.path = Span { from, to: self.text.len() as u32 };
        }
        if let Some(at) = query {
            self.query = self.keep(&target[at + 1..]);
        }
    }

    fn after_authority<'a>(&mut self, target: &'a [u8]) -> &'a [u8] {
        let scheme =
            ["http://", "https://"].into_iter().find_map(|scheme| target.strip_prefix(scheme.as_bytes()));
        let Some(rest) = scheme else { return target };
        let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
        let host = rest[..end].rsplit(|byte| *byte == b'@').next().unwrap_or_default();
        self.set_host(host);
        if end == rest.len() { b"/" } else { &rest[end..] }
    }
}

/// Whether a value is one that servers write where there is none.
fn is_absent(value: &[u8]) -> bool {
    value.is_empty() || value == b"-"
}

/// An address, with a port behind it or without. Of one of a link, `fe80::1%eth0`, the link is left out.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(bytes).ok()?;
    let bare =
        text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inside, _)| inside);
    let bare = bare.split_once('%').map_or(bare, |(before, _)| before);
    let without_port = || bare.rsplit_once(':')?.0.parse().ok();
    bare.parse().ok().or_else(without_port)
}

/// A path as the router sees it, which decodes most escapes.
fn routed(path: &[u8]) -> String {
    let path = unescaped(path);
    match Uri::try_from(&path[..]) {
        Ok(uri) => Url::new(uri).path().to_owned(),
        Err(_) => String::from_utf8_lossy(&path).into_owned(),
    }
}

/// What nginx and Apache have escaped: `\x22`, `\"` and `\\`.
fn unescaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\\') {
        return Cow::Borrowed(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let (byte, left) = match (first, after) {
            (b'\\', [b'x', high, low, left @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, left),
                _ => (*first, after),
            },
            (b'\\', [escaped @ (b'"' | b'\\'), left @ ..]) => (*escaped, left),
            _ => (*first, after),
        };
        plain.push(byte);
        rest = left;
    }
    Cow::Owned(plain)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_line(line: &str) -> Request {
        let mut request = Request::default();
        assert!(request.set_line(line.as_bytes()), "{line}");
        request
    }

    #[test]
    fn a_request_line_is_a_method_a_path_and_a_query() {
        let request = of_line("GET /a%20b/c?x=1?2 HTTP/1.1");
        assert_eq!((request.method(), request.path(), request.query()), ("GET", "/a b/c", "x=1?2"));
        let request = of_line("OPTIONS * HTTP/1.1");
        assert_eq!((request.path(), request.query()), ("*", ""));
        let request = of_line("GET /a b HTTP/1.1");
        assert_eq!(request.path(), "/a b");
    }

    #[test]
    fn the_host_of_a_whole_uri_wins() {
        let mut request = Request::default();
        request.set_host(b"one.example");
        assert!(request.set_line(b"GET http://me:secret@two.example:81?q HTTP/1.1"));
        assert_eq!((request.host(), request.path(), request.query()), ("two.example:81", "", "q"));
    }

    #[test]
    fn what_is_no_request_line_is_none() {
        for line in ["", "-", "GET", "\\x16\\x03\\x01 /", "GET ", " / HTTP/1.1", "G@T / HTTP/1.1"] {
            assert!(!Request::default().set_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_servers_escape_is_what_it_was() {
        assert_eq!(of_line("GET /caf\\xC3\\xA9 HTTP/1.1").path(), "/café");
        let mut request = Request::default();
        request.add_field(3, b"say \\\"a\\x22 \\q\\x2");
        assert_eq!(request.fields(3).collect::<Vec<_>>(), [b"say \"a\" \\q\\x2"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut request = Request::default();
        assert!(request.set_line(b"GET /\xff%ff?\xfe HTTP/1.1"));
        assert!(request.path().starts_with('/') && request.query() == "\u{fffd}");
    }

    #[test]
    fn an_address_may_have_a_port() {
        let of = |text: &str| address(text.as_bytes()).map(|ip| ip.to_string());
        assert_eq!(of("192.0.2.1:4711").as_deref(), Some("192.0.2.1"));
        assert_eq!(of("[2001:db8::1]:80").as_deref(), Some("2001:db8::1"));
        assert_eq!(of("2001:db8::1").as_deref(), Some("2001:db8::1"));
        assert_eq!((of("unix:"), of("host.example"), of("")), (None, None, None));
        // As Apache writes it of clients of its own link.
        assert_eq!(of("fe80::a00:27ff:abcd:abc%enp0s8").as_deref(), Some("fe80::a00:27ff:abcd:abc"));
        assert_eq!(of("[fe80::1%eth0]:80").as_deref(), Some("fe80::1"));
    }
}
