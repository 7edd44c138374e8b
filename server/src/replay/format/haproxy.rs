//! Lines of HAProxy's `option httplog`, with what syslog writes before them or without.

use timebudget::Zone;

use crate::replay::format::time::{self, SECOND};
use crate::replay::format::{NO_REQUEST, NO_SPAN, NO_STATUS, NO_TIME, OTHER, Unread};
use crate::replay::request::Request;

/// How long an instant is: `06/Feb/2009:12:14:14.655`.
const INSTANT: usize = 24;

/// Reads a line; its instant is one of the zone's, or of UTC.
///
/// `CLIENT:PORT [INSTANT] FRONTEND BACKEND/SERVER TR/Tw/Tc/Tr/Ta STATUS BYTES - - ---- … "GET / HTTP/1.1"`
///
/// The instant is when the first byte had come. The client's time to send its head, `TR`, is no server's time: the request begins
/// after it.
pub(crate) fn read(line: &[u8], zone: Option<&Zone>, request: &mut Request) -> Result<(), Unread> {
    let open = opening(line).ok_or(OTHER)?;
    let local = time::common(&line[open + 1..=open + INSTANT]).ok_or(NO_TIME)?;
    let before = line[..open].trim_ascii_end();
    request.set_peer(before.rsplit(|byte| *byte == b' ').next().unwrap_or_default());
    let rest = line.get(open + INSTANT + 2..).ok_or(OTHER)?.trim_ascii_start();
    let mut words = rest.split(|byte| *byte == b' ');
    let timers = words.nth(2).ok_or(OTHER)?;
    let status = words.next().and_then(|word| str::from_utf8(word).ok());
    request.status = match status.ok_or(OTHER)? {
        "-1" => 0,
        status => status.parse().ok().filter(|status| *status < 1_000).ok_or(NO_STATUS)?,
    };
    let (waited, active) = spans(timers).ok_or(NO_SPAN)?;
    request.is_start = true;
    request.time = time::possible(utc(local, zone) + waited as i64).ok_or(NO_TIME)?;
    request.elapsed = Some(active.saturating_sub(waited));
    let quoted = memchr::memchr(b'"', rest).map(|at| &rest[at + 1..]).ok_or(NO_REQUEST)?;
    // A line that was cut has no quotation mark at its end.
    let quoted = quoted.strip_suffix(b"\"").unwrap_or(quoted);
    request.set_line(quoted).then_some(()).ok_or(NO_REQUEST)
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

/// An instant that a zone's clocks show, in UTC; of one that they show twice the later.
fn utc(local: i64, zone: Option<&Zone>) -> i64 {
    let Some(zone) = zone else { return local };
    let guess = local - i64::from(zone.offset_at(local.div_euclid(SECOND))) * SECOND;
    local - i64::from(zone.offset_at(guess.div_euclid(SECOND))) * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html?a HTTP/1.1""#;

    fn of(line: &str, zone: Option<&Zone>) -> Result<Request, Unread> {
        let mut request = Request::default();
        read(line.as_bytes(), zone, &mut request).map(|()| request)
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
        assert_eq!(of(LINE, Some(&paris)).unwrap().time, 1_233_922_454_665_000 - 3_600_000_000);
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
