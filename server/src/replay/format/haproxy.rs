//! Lines of HAProxy's `option httplog`, with what syslog writes before them or without.

use std::borrow::Cow;

use crate::replay::format::clocks::Clocks;
use crate::replay::format::time;
use crate::replay::format::{NO_REQUEST, NO_SPAN, NO_STATUS, NO_TIME, OTHER, Unread};
use crate::replay::request::Request;

/// How long an instant is: `06/Feb/2009:12:14:14.655`.
const INSTANT: usize = 24;

/// How many words may stand between the server and the timers: what people add to the format they add there.
const ADDED: usize = 4;

/// Reads a line; its instant is one that the clocks show.
///
/// `CLIENT:PORT [INSTANT] FRONTEND BACKEND/SERVER TR/Tw/Tc/Tr/Ta STATUS BYTES - - ---- … "GET / HTTP/1.1"`
///
/// The instant is when the first byte had come. The client's time to send its head, `TR`, is no server's time: the request begins
/// after it.
pub(crate) fn read(line: &[u8], clocks: &Clocks, request: &mut Request) -> Result<(), Unread> {
    let open = opening(line).ok_or(OTHER)?;
    let local = time::common(&line[open + 1..=open + INSTANT]).ok_or(NO_TIME)?;
    let before = line[..open].trim_ascii_end();
    request.set_peer(before.rsplit(|byte| *byte == b' ').next().unwrap_or_default());
    let rest = line.get(open + INSTANT + 2..).ok_or(OTHER)?.trim_ascii_start();
    let mut words = rest.split(|byte| *byte == b' ');
    let timers = words.by_ref().skip(2).take(1 + ADDED).find(|word| is_timers(word)).ok_or(OTHER)?;
    let status = words.next().and_then(|word| str::from_utf8(word).ok());
    request.status = match status.ok_or(OTHER)? {
        "-1" => 0,
        status => status.parse().ok().filter(|status| *status < 1_000).ok_or(NO_STATUS)?,
    };
    let (waited, active) = spans(timers).ok_or(NO_SPAN)?;
    request.is_start = true;
    let begun = clocks.instant(local, active) + waited as i64;
    request.time = time::possible(begun).ok_or(NO_TIME)?;
    request.elapsed = Some(active.saturating_sub(waited));
    let quoted = memchr::memchr(b'"', rest).map(|at| &rest[at + 1..]).ok_or(NO_REQUEST)?;
    // A line that was cut has no quotation mark at its end.
    let quoted = quoted.strip_suffix(b"\"").unwrap_or(quoted);
    request.set_line(&unescaped(quoted)).then_some(()).ok_or(NO_REQUEST)
}

/// Whether a word looks like five timers, be they numbers or not.
fn is_timers(word: &[u8]) -> bool {
    let is_one = |byte: &u8| byte.is_ascii_digit() || b"-+/".contains(byte);
    word.iter().filter(|byte| **byte == b'/').count() == 4 && word.iter().all(is_one)
}

/// What HAProxy has escaped: `#22` is a quotation mark.
fn unescaped(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'#', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|code| str::from_utf8(code).ok());
        let code = code.filter(|_| *first == b'#').and_then(|code| u8::from_str_radix(code, 16).ok());
        plain.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(plain)
}

/// Where the instant's bracket is: what syslog writes before may have others.
fn opening(line: &[u8]) -> Option<usize> {
    let is_it = |at: &usize| {
        line.get(at + 3) == Some(&b'/')
            && line.get(at + 7) == Some(&b'/')
            && line.get(at + INSTANT + 1) == Some(&b']')
    };
    memchr::memchr_iter(b'[', line).find(is_it)
}

/// How long the head was waited for, and the whole request, in microseconds; -1 is a phase that was not reached.
fn spans(timers: &[u8]) -> Option<(u64, u64)> {
    let mut parts = timers.split(|byte| *byte == b'/');
    let waited = parts.next()?;
    let waited = if waited == b"-1" { 0 } else { time::span(waited, 1_000)? };
    let active = parts.nth(3)?;
    // A line that was written before the end has a plus before what was known by then.
    let active = time::span(active.strip_prefix(b"+").unwrap_or(active), 1_000)?;
    parts.next().is_none().then_some((waited, active))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use timebudget::Zone;

    use super::*;

    const LINE: &str = r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html?a HTTP/1.1""#;

    fn of(line: &str, zone: Option<Zone>) -> Result<Request, Unread> {
        let mut request = Request::default();
        read(line.as_bytes(), &Clocks::new(zone.map(Arc::new)), &mut request).map(|()| request)
    }

    #[test]
    fn a_request_begins_when_its_head_has_come() {
        let request = of(LINE, None).unwrap();
        assert_eq!((request.time, request.is_start), (1_233_922_454_665_000, true));
        assert_eq!((request.elapsed, request.status), (Some(99_000), 200));
        assert_eq!(
            (request.peer, request.path(), request.query()),
            ("10.0.1.2".parse().ok(), "/index.html", "a")
        );
        let bare = &LINE[LINE.find("10.0.1.2").unwrap()..];
        assert_eq!(of(bare, None).unwrap().time, request.time);
    }

    #[test]
    fn an_instant_is_one_of_the_zone_that_is_told() {
        let paris = timebudget::tzdata::zone("Europe/Paris").unwrap();
        assert_eq!(of(LINE, Some(paris)).unwrap().time, 1_233_922_454_665_000 - 3_600_000_000);
    }

    #[test]
    fn a_phase_that_was_not_reached_took_nothing() {
        let aborted = LINE
            .replace("10/0/30/69/109 200", "-1/-1/-1/-1/5007 408")
            .replace("GET /index.html?a HTTP/1.1", "<BADREQ>");
        assert_eq!(of(&aborted, None).unwrap_err(), NO_REQUEST);
        let unanswered = LINE.replace("10/0/30/69/109 200", "10/0/-1/-1/+3110 -1");
        let request = of(&unanswered, None).unwrap();
        assert_eq!((request.elapsed, request.status), (Some(3_100_000), 0));
    }

    /// elastic/beats#25827: a client on a socket, and a header that was added before the timers.
    #[test]
    fn what_people_add_before_the_timers_is_passed_over() {
        let added = LINE.replace("10.0.1.2:33317", "-:47625").replace(" 10/0/30", " app.example 10/0/30");
        let request = of(&added, None).unwrap();
        assert_eq!((request.elapsed, request.peer, request.path()), (Some(99_000), None, "/index.html"));
    }

    #[test]
    fn what_haproxy_has_escaped_is_what_it_was() {
        let escaped = LINE.replace("/index.html?a", "/#22a#C3#A9#22#zz?#23");
        let request = of(&escaped, None).unwrap();
        assert_eq!((request.path(), request.query()), ("/\"aé\"#zz", "#"));
    }

    #[test]
    fn what_is_another_line_is_not_read() {
        for line in [
            "",
            "[",
            "Proxy http-in started.",
            &LINE[..80],
            &LINE.replace("69/109", "69"),
            &LINE.replace("69/109", "69/-9"),
        ] {
            assert!(of(line, None).is_err(), "{line}");
        }
    }
}
