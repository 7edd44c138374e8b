//! Instants and spans as logs write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// A second, in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;

/// The latest instant that is read: the end of the year 9999.
const LATEST: i64 = 253_402_300_800 * SECOND;

/// The longest span that is read: a year. A request takes no longer.
pub(crate) const LONGEST: u64 = 366 * 86_400 * 1_000_000;

/// An instant that can be meant: after 1970, and before the year 10000.
pub(crate) fn possible(micros: i64) -> Option<i64> {
    (0..LATEST).contains(&micros).then_some(micros)
}

/// An instant as Apache's `%t` and nginx's `$time_local` write it, `10/Oct/2000:13:55:36 -0700`, in microseconds; with a fraction of
/// the second and without a zone, as HAProxy writes it, `10/Oct/2000:13:55:36.123`, which is read as UTC.
pub(crate) fn common(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let (day, rest) = text.split_once('/')?;
    let (month, rest) = rest.split_once('/')?;
    let (year, rest) = rest.split_once(':')?;
    let clock = rest.get(..8)?;
    let rest = rest.get(8..)?;
    let (fraction, zone) = rest.split_once(' ').unwrap_or((rest, "+0000"));
    let date = NaiveDate::from_ymd_opt(whole(year)?, of_name(month)?, whole(day)?)?;
    let secs = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp() + seconds_of_day(clock)? - offset(zone)?;
    possible(secs.checked_mul(SECOND)? + fraction_micros(fraction)?)
}

/// The microseconds of `.123`; 0 of nothing.
fn fraction_micros(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix('.')?;
    let used = digits.get(..digits.len().min(6))?;
    let micros: i64 = whole::<i64>(used)?;
    Some(micros * 10_i64.pow(6 - used.len() as u32))
}

fn whole<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn of_name(month: &str) -> Option<u32> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES.iter().position(|name| *name == month).map(|at| at as u32 + 1)
}

/// The seconds of `13:55:36`; a leap second is the one before it.
fn seconds_of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':').map(whole::<i64>);
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let is_one = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    is_one.then_some(hours * 3_600 + minutes * 60 + seconds.min(59))
}

/// The seconds that a zone such as `-0700` is east of UTC.
fn offset(zone: &str) -> Option<i64> {
    let digits = zone.strip_prefix(['+', '-']).filter(|digits| digits.len() == 4)?;
    let digits: u16 = whole(digits)?;
    let east = i64::from(digits / 100) * 3_600 + i64::from(digits % 100) * 60;
    Some(if zone.starts_with('-') { -east } else { east })
}

/// An instant by RFC 3339, in microseconds, as nginx's `$time_iso8601` and logs in JSON write it; or with a zone as ISO 8601 has it as
/// well, `+0100`.
pub(crate) fn rfc3339(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    possible(time.ok()?.timestamp_micros())
}

/// What clocks show as `2022/03/09 21:30:01.524`, in microseconds, read as UTC.
pub(crate) fn wall(text: &[u8]) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(str::from_utf8(text).ok()?, "%Y/%m/%d %H:%M:%S%.f").ok()?;
    possible(time.and_utc().timestamp_micros())
}

/// A span as Go writes it, `1h2m3.5s` or `929.675µs`, in microseconds.
pub(crate) fn of_go(text: &str) -> Option<u64> {
    let (mut rest, mut nanos) = (text, 0_u64);
    while !rest.is_empty() {
        let letters = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, behind) = rest.split_at(letters);
        let next = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        let unit = match &behind[..next] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        nanos = nanos.checked_add(decimal(number.as_bytes(), unit)?)?;
        rest = &behind[next..];
    }
    Some(nanos / 1_000).filter(|micros| !text.is_empty() && *micros <= LONGEST)
}

/// An instant as seconds since 1970 with a fraction, as nginx's `$msec` writes it, in microseconds.
pub(crate) fn since_1970(text: &[u8]) -> Option<i64> {
    possible(i64::try_from(decimal(text, SECOND as u64)?).ok()?)
}

/// A decimal number times `scale`, a power of ten, exactly; what is smaller is cut off. Of an exponent nothing is read.
pub(crate) fn decimal(text: &[u8], scale: u64) -> Option<u64> {
    let (mut number, mut unit, mut digits) = (0_u64, scale, 0);
    let mut is_fraction = false;
    for byte in text {
        match byte {
            b'0'..=b'9' if !is_fraction => {
                number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0') * scale)?;
            }
            b'0'..=b'9' => {
                unit /= 10;
                number = number.checked_add(u64::from(byte - b'0') * unit)?;
            }
            b'.' if !is_fraction => {
                is_fraction = true;
                continue;
            }
            _ => return None,
        }
        digits += 1;
    }
    (digits > 0).then_some(number)
}

/// A span in units of so many microseconds, up to [a year](LONGEST).
pub(crate) fn span(text: &[u8], unit: u64) -> Option<u64> {
    decimal(text, unit).filter(|micros| *micros <= LONGEST)
}

/// A number of microseconds as a span, if it can be one.
pub(crate) fn span_of(seconds: f64) -> Option<u64> {
    let micros = seconds * 1e6;
    (0.0..=LONGEST as f64).contains(&micros).then_some(micros.round() as u64)
}

/// The sum of the times of all upstreams that a request was sent to, as nginx writes them: `0.002, 0.001 : 0.100`. `None` where there
/// was none.
pub(crate) fn upstreams(text: &[u8]) -> Option<u64> {
    let mut sum = None;
    for part in text.split(|byte| b",: ".contains(byte)).filter(|part| !part.is_empty() && *part != b"-") {
        sum = Some(sum.unwrap_or(0) + span(part, SECOND as u64)?);
    }
    sum.filter(|sum| *sum <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_its_zone() {
        let secs = |text: &str| common(text.as_bytes()).map(|micros| micros as f64 / 1e6);
        assert_eq!(secs("10/Oct/2000:13:55:36 -0700"), Some(971_211_336.0));
        assert_eq!(secs("10/Oct/2000:20:55:36 +0000"), Some(971_211_336.0));
        assert_eq!(secs("10/Oct/2000:20:55:36.014"), Some(971_211_336.014));
        assert_eq!(rfc3339(b"2000-10-10T13:55:36-07:00"), Some(971_211_336_000_000));
        assert_eq!(rfc3339(b"2000-10-10T20:55:36.000014Z"), Some(971_211_336_000_014));
        assert_eq!(since_1970(b"971211336.123"), Some(971_211_336_123_000));
    }

    #[test]
    fn what_is_no_instant_is_none() {
        let texts = [
            "",
            "x",
            "10/Oct/2000",
            "10/Oct/2000:1",
            "31/Feb/2000:00:00:00 +0000",
            "10/Okt/2000:13:55:36 +0000",
            "10/Oct/2000:24:55:36 +0000",
            "10/Oct/2000:13:55:36 +00",
            "10/Oct/2000:13:55:36 +1\u{e9}1",
            "01/Jan/99:00:00:00 +1\u{e9}1",
            "10/Oct/2000:13:55:36 \u{20ac}00",
            "10/Oct/2000:13:55:36.12345\u{e9} +0000",
            "01/Jan/0000:00:00:00 +0000",
            "31/Dec/1969:23:59:59 +0000",
            "10/Oct/99999999:13:55:36 +0000",
            "1/Jan/2000:0\u{e9}:00:00 +0000",
            "10/Oct/2000:13:55:36 +0\u{e9}0",
            "10/Oct/2000:13:55:36.x +0000",
            "-1/Oct/2000:13:55:36 +0000",
        ];
        for text in texts {
            assert_eq!(common(text.as_bytes()), None, "{text}");
        }
        assert!(common(b"31/Dec/9999:23:59:59 +0000").is_some());
        assert_eq!(since_1970(b"99999999999999"), None);
    }

    #[test]
    fn a_span_of_go_is_a_sum_of_units() {
        let of = |text: &str| of_go(text);
        assert_eq!((of("1h2m3.5s"), of("15ms"), of("0s")), (Some(3_723_500_000), Some(15_000), Some(0)));
        for text in ["", "1", "s", "1x", "-1s", "1.2.3s", "99999999999999999999h", "9000h"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_exact_and_neither_negative_nor_longer_than_a_year() {
        let secs = |text: &str| span(text.as_bytes(), 1_000_000);
        assert_eq!(
            (secs("0.007"), secs("12"), secs("1.0000019"), secs(".5")),
            (Some(7_000), Some(12_000_000), Some(1_000_001), Some(500_000))
        );
        for text in ["-1", "-0.001", "", ".", "1e3", "0.1s", "31708801", "99999999999999999999", "1.2.3"] {
            assert_eq!(secs(text), None, "{text}");
        }
        assert_eq!((span(b"17", 1), span(b"17", 1_000)), (Some(17), Some(17_000)));
        assert_eq!([-1.0, f64::NAN, f64::INFINITY, 1e9].map(span_of), [None; 4]);
        assert_eq!(span_of(0.000_929_675), Some(930));
    }

    #[test]
    fn the_times_of_several_upstreams_are_added_up() {
        assert_eq!(upstreams(b"0.002, 0.001 : 0.100"), Some(103_000));
        assert_eq!((upstreams(b"-"), upstreams(b"-, 0.5"), upstreams(b"x")), (None, Some(500_000), None));
    }
}
