//! Lines in JSON: Caddy's, Traefik's and our own. Fields that nobody needs are skipped unread.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::access::Line;
use crate::replay::format::clocks::Clocks;
use crate::replay::format::time::{self, SECOND};
use crate::replay::format::{NO_REQUEST, NO_SPAN, NO_TIME, OTHER, Unread};
use crate::replay::request::{Request, address};

type Text<'a> = Option<Cow<'a, str>>;

/// The headers that are read of Caddy's lines, in the order of their numbers.
pub(crate) const CADDY_HEADERS: &[&str] =
    &["User-Agent", "Referer", "X-Forwarded-For", "Origin", "X-Api-Key"];

/// What Caddy writes in place of credentials.
const REDACTED: &str = "REDACTED";

#[derive(Deserialize)]
struct CaddyLine<'a> {
    #[serde(borrow)]
    ts: &'a RawValue,
    #[serde(borrow)]
    request: CaddyRequest<'a>,
    #[serde(borrow, default)]
    user_id: Text<'a>,
    #[serde(borrow)]
    duration: &'a RawValue,
    status: u16,
}

#[derive(Deserialize)]
struct CaddyRequest<'a> {
    #[serde(borrow, default)]
    remote_ip: Text<'a>,
    #[serde(borrow, default)]
    client_ip: Text<'a>,
    /// With its port, as Caddy wrote it before 2.5.
    #[serde(borrow, default)]
    remote_addr: Text<'a>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    host: Text<'a>,
    #[serde(borrow)]
    uri: Cow<'a, str>,
    #[serde(borrow, default)]
    headers: CaddyHeaders<'a>,
}

type Values<'a> = Option<Vec<Cow<'a, str>>>;

#[derive(Default, Deserialize)]
struct CaddyHeaders<'a> {
    #[serde(borrow, default, rename = "User-Agent")]
    user_agent: Values<'a>,
    #[serde(borrow, default, rename = "Referer")]
    referer: Values<'a>,
    #[serde(borrow, default, rename = "X-Forwarded-For")]
    forwarded_for: Values<'a>,
    #[serde(borrow, default, rename = "Origin")]
    origin: Values<'a>,
    #[serde(borrow, default, rename = "X-Api-Key")]
    api_key: Values<'a>,
}

/// Reads a line of Caddy's.
pub(crate) fn caddy(line: &[u8], clocks: &Clocks, request: &mut Request) -> Result<(), Unread> {
    let CaddyLine { ts, request: of, user_id, duration, status } = parsed(line)?;
    request.time = caddy_time(ts.get(), clocks).ok_or(NO_TIME)?;
    // Of the forms that are texts some tell whole seconds.
    request.is_coarse = ts.get().starts_with('"') && request.time % SECOND == 0;
    request.elapsed = Some(caddy_span(duration.get()).ok_or(NO_SPAN)?);
    request.status = status;
    request.is_client = of.client_ip.is_some();
    request.peer = of.client_ip.or(of.remote_ip).or(of.remote_addr).and_then(|ip| address(ip.as_bytes()));
    take(request, &of.method, &of.uri, of.host.as_deref())?;
    request.set_user(user_id.unwrap_or_default().as_bytes());
    let CaddyHeaders { user_agent, referer, forwarded_for, origin, api_key } = of.headers;
    for (number, values) in (0..).zip([user_agent, referer, forwarded_for, origin, api_key]) {
        for value in values.iter().flatten().filter(|value| *value != REDACTED) {
            request.add_field(number, value.as_bytes());
        }
    }
    Ok(())
}

/// An instant as Caddy is told to write it: seconds, milliseconds or nanoseconds since 1970, or a text.
fn caddy_time(text: &str, clocks: &Clocks) -> Option<i64> {
    if let Some(quoted) = text.strip_prefix('"') {
        let quoted = quoted.strip_suffix('"')?.as_bytes();
        let on_the_wall = || time::wall(quoted).map(|shown| clocks.instant(shown, 0));
        return time::rfc3339(quoted).or_else(|| time::common(quoted)).or_else(on_the_wall);
    }
    // What is no instant in its unit is one in the next: the year 10000 is far, and so is 1970.
    let in_unit = |unit: f64| {
        let micros = text.parse::<f64>().ok()? * unit;
        if micros.is_finite() { time::possible(micros as i64) } else { None }
    };
    time::since_1970(text.as_bytes())
        .or_else(|| in_unit(1e6))
        .or_else(|| in_unit(1e3))
        .or_else(|| in_unit(1e-3))
}

/// A span as Caddy is told to write it: seconds, or a text as Go writes one, `1m2.5s`.
fn caddy_span(text: &str) -> Option<u64> {
    match text.strip_prefix('"') {
        Some(quoted) => time::of_go(quoted.strip_suffix('"')?),
        None => time::span_of(text.parse().ok()?),
    }
}

/// The headers that are read of Traefik's lines, where it is told to keep them, in the order of their numbers.
pub(crate) const TRAEFIK_HEADERS: &[&str] = &["User-Agent", "Referer", "X-Forwarded-For"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TraefikLine<'a> {
    #[serde(borrow, default, rename = "StartUTC")]
    start: Text<'a>,
    #[serde(borrow, default)]
    start_local: Text<'a>,
    /// In nanoseconds, as the two that follow.
    duration: i64,
    #[serde(default)]
    origin_duration: Option<i64>,
    #[serde(borrow, default)]
    client_host: Text<'a>,
    #[serde(borrow, default)]
    client_username: Text<'a>,
    #[serde(borrow)]
    request_method: Cow<'a, str>,
    #[serde(borrow, default)]
    request_host: Text<'a>,
    #[serde(borrow)]
    request_path: Cow<'a, str>,
    downstream_status: u16,
    #[serde(borrow, default, rename = "request_User-Agent")]
    user_agent: Text<'a>,
    #[serde(borrow, default, rename = "request_Referer")]
    referer: Text<'a>,
    #[serde(borrow, default, rename = "request_X-Forwarded-For")]
    forwarded_for: Text<'a>,
}

/// Reads a line of Traefik's.
pub(crate) fn traefik(line: &[u8], request: &mut Request) -> Result<(), Unread> {
    let of: TraefikLine<'_> = parsed(line)?;
    let start = of.start.or(of.start_local).ok_or(NO_TIME)?;
    (request.time, request.is_start) = (time::rfc3339(start.as_bytes()).ok_or(NO_TIME)?, true);
    request.elapsed = Some(of_nanos(of.duration).ok_or(NO_SPAN)?);
    request.upstream = of.origin_duration.filter(|nanos| *nanos > 0).and_then(of_nanos);
    request.status = of.downstream_status;
    request.set_peer(of.client_host.unwrap_or_default().as_bytes());
    take(request, &of.request_method, &of.request_path, of.request_host.as_deref())?;
    request.set_user(of.client_username.unwrap_or_default().as_bytes());
    for (number, value) in (0..).zip([of.user_agent, of.referer, of.forwarded_for]) {
        request.add_field(number, value.unwrap_or_default().as_bytes());
    }
    Ok(())
}

fn of_nanos(nanos: i64) -> Option<u64> {
    u64::try_from(nanos).ok().map(|nanos| nanos / 1_000).filter(|micros| *micros <= time::LONGEST)
}

/// Reads a line of our own.
pub(crate) fn own(line: &[u8], request: &mut Request) -> Result<(), Unread> {
    let of: Line<'_> = parsed(line)?;
    let time = i64::try_from(of.time).ok().and_then(time::possible);
    (request.time, request.is_start) = (time.ok_or(NO_TIME)?, true);
    let is_span = |micros: &u64| *micros <= time::LONGEST;
    request.elapsed = Some(Some(of.elapsed_us).filter(is_span).ok_or(NO_SPAN)?);
    request.upstream = of.upstream_us.filter(is_span);
    // What is served costs something: 0 is what no limit of time has charged.
    request.charged = Some(of.charged_us).filter(|micros| *micros > 0 && is_span(micros));
    // What was ended amid its work has run, and was charged for it.
    request.was_refused = of.rule.is_some() && request.charged.is_none();
    request.was_waived = of.waived;
    request.status = of.status;
    request.is_client = true;
    request.peer = of.client.and_then(|client| address(client.as_bytes()));
    let host = asked_for(of.host.as_deref().unwrap_or(&of.site));
    take(request, &of.method, &of.path, Some(&host))?;
    request.set_user(of.user.unwrap_or_default().as_bytes());
    request.set_api_key(of.api_key.unwrap_or_default().as_bytes());
    Ok(())
}

/// A host that a request for this host or wildcard may have asked for.
fn asked_for(host: &str) -> Cow<'_, str> {
    match host.strip_prefix("*.") {
        Some(below) => format!("any.{below}").into(),
        None => host.into(),
    }
}

fn take(request: &mut Request, method: &str, target: &str, host: Option<&str>) -> Result<(), Unread> {
    if method.is_empty() || target.is_empty() {
        return Err(NO_REQUEST);
    }
    request.set_host(host.unwrap_or_default().as_bytes());
    request.set_method(method.as_bytes());
    request.set_target(target.as_bytes());
    Ok(())
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Unread> {
    serde_json::from_slice(line).map_err(|_| OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caddy(line: &[u8], request: &mut Request) -> Result<(), Unread> {
        super::caddy(line, &Clocks::default(), request)
    }

    fn read(of: fn(&[u8], &mut Request) -> Result<(), Unread>, line: &str) -> Result<Request, Unread> {
        let mut request = Request::default();
        of(line.as_bytes(), &mut request).map(|()| request)
    }

    const CADDY: &str = r#"{"level":"info","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.0.0.9","remote_port":"41342","client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET","host":"a.example","uri":"/x?y=1","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"],"X-Api-Key":["REDACTED"]},"tls":{"resumed":false}},"bytes_read":0,"user_id":"ann","duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"]}}"#;

    #[test]
    fn a_line_of_caddy_tells_the_end_and_the_client() {
        let request = read(caddy, CADDY).unwrap();
        assert_eq!(
            (request.time, request.is_start, request.elapsed),
            (1_646_861_401_524_102, false, Some(930))
        );
        assert_eq!(
            (request.host(), request.user(), request.path(), request.query()),
            ("a.example", "ann", "/x", "y=1")
        );
        assert_eq!((request.peer, request.is_client), ("192.0.2.7".parse().ok(), true));
        assert_eq!(request.fields(0).collect::<Vec<_>>(), [b"curl/7.82.0"]);
        assert_eq!(request.fields(4).count(), 0, "what is redacted is not there");
        let iso = CADDY.replace("1646861401.5241024", "\"2022-03-09T21:30:01.524Z\"");
        assert_eq!(read(caddy, &iso).unwrap().time, 1_646_861_401_524_000);
    }

    /// All forms of `time_format` and `duration_format`, and addresses as they were before 2.5 (allinurl/goaccess#2382).
    #[test]
    fn a_line_of_caddy_is_read_however_it_is_told_to_write_it() {
        for ts in [
            "1646861401524.1024",
            "1646861401524102400",
            "\"2022-03-09T22:30:01.524102+01:00\"",
            "\"2022-03-09T21:30:01.524Z\"",
            "\"2022-03-09T22:30:01.524+0100\"",
            "\"2022/03/09 21:30:01.524\"",
            "\"2022/03/09 21:30:01\"",
            "\"09/Mar/2022:21:30:01 +0000\"",
        ] {
            let request = read(caddy, &CADDY.replace("1646861401.5241024", ts)).unwrap();
            let is_coarse = !ts.contains("524");
            assert_eq!((request.time / SECOND, request.is_coarse), (1_646_861_401, is_coarse), "{ts}");
        }
        for (span, micros) in
            [("\"929.675µs\"", 929), ("\"1m2.5s\"", 62_500_000), ("\"2h\"", 7_200_000_000), ("3", 3_000_000)]
        {
            assert_eq!(
                read(caddy, &CADDY.replace("0.000929675", span)).unwrap().elapsed,
                Some(micros),
                "{span}"
            );
        }
        let old = CADDY.replace(
            r#""remote_ip":"10.0.0.9","remote_port":"41342","client_ip":"192.0.2.7""#,
            r#""remote_addr":"[2001:db8::7]:41342""#,
        );
        let request = read(caddy, &old).unwrap();
        assert_eq!((request.peer, request.is_client), ("2001:db8::7".parse().ok(), false));
    }

    const TRAEFIK: &str = r#"{"ClientAddr":"192.0.2.7:51462","ClientHost":"192.0.2.7","ClientUsername":"-","DownstreamStatus":201,"Duration":12345678,"OriginDuration":12000999,"RequestHost":"a.example","RequestMethod":"POST","RequestPath":"/x?y","StartLocal":"2026-11-26T10:00:01.5+01:00","StartUTC":"2026-11-26T09:00:01.500000123Z","level":"info","msg":"","time":"2026-11-26T09:00:01Z","request_User-Agent":"me"}"#;

    #[test]
    fn a_line_of_traefik_tells_the_start_and_the_origin() {
        let request = read(traefik, TRAEFIK).unwrap();
        assert_eq!((request.time, request.is_start), (1_795_683_601_500_000, true));
        assert_eq!((request.elapsed, request.upstream, request.status), (Some(12_345), Some(12_000), 201));
        assert_eq!((request.method(), request.path(), request.user()), ("POST", "/x", ""));
    }

    const OWN: &str = r#"{"time":"2026-11-26T09:00:01.000014Z","client":"192.0.2.7","site":"a.example","method":"GET","path":"/x","status":429,"charged_us":0,"elapsed_us":17,"rule":"site","request_id":"1"}"#;

    #[test]
    fn a_line_of_our_own_tells_what_was_refused_and_charged() {
        let request = read(own, OWN).unwrap();
        assert_eq!(
            (request.time, request.is_start, request.was_refused),
            (1_795_683_601_000_014, true, true)
        );
        assert_eq!((request.charged, request.elapsed, request.host()), (None, Some(17), "a.example"));
        let served = OWN.replace("\"charged_us\":0", "\"charged_us\":12").replace("\"rule\":\"site\",", "");
        let request = read(own, &served).unwrap();
        assert_eq!((request.charged, request.was_refused), (Some(12), false));
    }

    #[test]
    fn what_cannot_be_is_not_read() {
        assert!(read(caddy, &CADDY.replace("0.000929675", "-1")).is_err());
        assert!(read(caddy, &CADDY.replace("1646861401.5241024", "1e300")).is_err());
        assert!(read(traefik, &TRAEFIK.replace("12345678", "-12345678")).is_err());
        assert!(read(traefik, &TRAEFIK.replace("2026", "0000")).is_err());
        assert!(read(own, &OWN.replace(":17", ":18446744073709551615")).is_err());
        for line in ["", "{", "null", "[1]", "{}", "\u{0}"] {
            assert!(read(caddy, line).is_err() && read(traefik, line).is_err() && read(own, line).is_err());
        }
    }
}
