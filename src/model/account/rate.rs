//! Rate strings: limits as people write them, `200 per day; 50 per hour; 600s per hour`, and what is wrong with others.

use std::str::FromStr;

use crate::model::account::limit::Limit;
use crate::model::said::{excerpt, nearest};
use crate::model::time::{Decimal, Micros, Period, Unfit};

/// The limits that a rate string lists, in its order.
///
/// Parts are separated by `;`, `,` or `|`. A part is `AMOUNT per [N] PERIOD`, `AMOUNT/[N]PERIOD` or `N concurrent`; a
/// bare integer counts requests, a number with a unit (`us`, `µs`, `ms`, `s`, `m`, `h`) is server time. Case and
/// extra spaces do not matter.
///
/// Before `per` an `m` is a minute of server time, after it a period of one minute; no `m` is a month. Days are
/// civil days, and weeks, months and years the calendar's, so `1 per month` is not `1 per 30 days`.
///
/// The grammar holds everything that Python's `limits` (5.8) reads: a colon may stand before a separator. Only amounts above
/// 2^53, periods above 136 years and those of 0, which `limits` takes for 1, are refused.
///
/// # Errors
///
/// [`RateError`] for the first part that cannot be read.
///
/// # Examples
///
/// ```
/// use timebudget::{Limit, Micros, Period, parse_rates};
///
/// assert_eq!(
///     parse_rates("10 per 2 hours; 1.5s/day; 5 concurrent")?,
///     [
///         Limit::Requests { quota: 10, period: Period::hours(2).unwrap() },
///         Limit::Time { quota: Micros(1_500_000), period: Period::DAY },
///         Limit::Concurrent { cap: 5 },
///     ]
/// );
/// assert_eq!(
///     parse_rates("1 per day; 10 per fortnight").unwrap_err().to_string(),
///     "\"10 per fortnight\": no such period; expected second, minute, hour, day, week, month or year"
/// );
/// # Ok::<(), timebudget::RateError>(())
/// ```
pub fn parse_rates(text: &str) -> Result<Vec<Limit>, RateError> {
    let mut parts: Vec<&str> = text.split([';', ',', '|']).map(trim).collect();
    let last = parts.len() - 1;
    for part in &mut parts[..last] {
        // `limits` lets a colon precede a separator.
        *part = trim(part.strip_suffix(':').unwrap_or(part));
    }
    let parse = |part| parse_part(part).map_err(|fault| RateError::new(part, fault));
    parts.into_iter().map(parse).collect()
}

impl FromStr for Limit {
    type Err = RateError;

    /// Reads a rate string of one part; see [`parse_rates`].
    fn from_str(text: &str) -> Result<Self, RateError> {
        match parse_rates(text)?.as_slice() {
            [limit] => Ok(*limit),
            _ => Err(RateError::new(text, RateFault::Several)),
        }
    }
}

/// A span of server time, as rate strings write it: `250ms`, `1.5s`.
pub(crate) fn parse_span(text: &str) -> Result<Micros, RateFault> {
    let (number, unit) = split_number(text, |letter| letter.is_ascii_digit() || letter == '.');
    let decimal = Decimal::parse(number).ok_or(RateFault::NotAnAmount)?;
    decimal.times(micros_of(unit)?).map(Micros).map_err(fault_of)
}

/// The limit that one part of a rate string is.
fn parse_part(part: &str) -> Result<Limit, RateFault> {
    let part = part.to_ascii_lowercase();
    if part.is_empty() {
        return Err(RateFault::Empty);
    }
    // No unit of time holds a slash or the letters "per", so the first one ends the amount.
    match part.split_once('/').or_else(|| part.split_once("per")) {
        Some((amount, period)) => parse_quota(trim(amount), parse_period(trim(period))?),
        None => parse_cap(&part),
    }
}

fn parse_quota(amount: &str, period: Period) -> Result<Limit, RateFault> {
    let (number, unit) = split_number(amount, |letter| letter.is_ascii_digit() || letter == '.');
    let decimal = Decimal::parse(number).ok_or(RateFault::NotAnAmount)?;
    if !unit.is_empty() {
        let quota = Micros(decimal.times(micros_of(unit)?).map_err(fault_of)?);
        return Ok(Limit::Time { quota, period });
    }
    if number.contains('.') {
        return Err(RateFault::PartOfARequest);
    }
    let quota = decimal.times(1).map_err(fault_of)?;
    Ok(Limit::Requests { quota, period })
}

fn parse_period(text: &str) -> Result<Period, RateFault> {
    let (count, word) = split_number(text, |letter| letter.is_ascii_digit());
    let of = period_of(word).ok_or(RateFault::UnknownPeriod)?;
    let count = match count {
        "" => 1,
        digits => digits.parse().map_err(|_| RateFault::PeriodTooLong)?,
    };
    if count == 0 {
        return Err(RateFault::PeriodOfNothing);
    }
    of(count).ok_or(RateFault::PeriodTooLong)
}

fn parse_cap(part: &str) -> Result<Limit, RateFault> {
    let number = part.strip_suffix("concurrent").ok_or(RateFault::NoPeriod)?;
    let number = Decimal::parse(trim(number)).filter(|_| !number.contains(['.', 'e']));
    let cap = number.and_then(|number| number.times(1).ok()).map(u32::try_from);
    match cap {
        Some(Ok(cap)) => Ok(Limit::Concurrent { cap }),
        _ => Err(RateFault::NotACap),
    }
}

fn micros_of(unit: &str) -> Result<u64, RateFault> {
    match unit {
        // The micro sign, and the Greek letter that Unicode prefers to it.
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(1),
        "ms" => Ok(1_000),
        "s" => Ok(1_000_000),
        "m" => Ok(60_000_000),
        "h" => Ok(3_600_000_000),
        _ => Err(RateFault::UnknownUnit),
    }
}

fn period_of(word: &str) -> Option<fn(u32) -> Option<Period>> {
    match word {
        "second" | "seconds" | "s" => Some(Period::seconds),
        "minute" | "minutes" | "m" => Some(Period::minutes),
        "hour" | "hours" | "h" => Some(Period::hours),
        "day" | "days" | "d" => Some(Period::days),
        "week" | "weeks" | "w" => Some(Period::weeks),
        "month" | "months" => Some(Period::months),
        "year" | "years" => Some(Period::years),
        _ => None,
    }
}

const fn fault_of(unfit: Unfit) -> RateFault {
    match unfit {
        Unfit::Negative => RateFault::NotAnAmount,
        Unfit::TooFine => RateFault::TooFine,
        Unfit::TooLarge => RateFault::TooMuch,
    }
}

/// Splits a text behind its leading number.
fn split_number(text: &str, in_number: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|letter| !in_number(letter)).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number, trim(rest))
}

/// Drops spaces at both ends, and what else Python calls a space: the four separators of ASCII.
fn trim(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter))
}

/// The part of a rate string that cannot be read, and why.
///
/// Displays as `"10 per fortnight": no such period; expected second, minute, hour, day, week, month or year`, or, where
/// that is near, as `"5 per hr": no such period; did you mean "5 per hour"?`.
///
/// # Examples
///
/// ```
/// use timebudget::{RateFault, parse_rates};
///
/// let error = parse_rates("200 per day; 5 per hr").unwrap_err();
/// assert_eq!((error.part(), error.fault()), ("5 per hr", RateFault::UnknownPeriod));
/// assert_eq!(error.meant(), Some("5 per hour"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{part}\": {}", self.words())]
pub struct RateError {
    part: String,
    #[source]
    fault: RateFault,
    meant: Option<String>,
}

impl RateError {
    pub(crate) fn new(part: &str, fault: RateFault) -> Self {
        // What is suggested can be read.
        let meant = meant(part, fault).filter(|meant| parse_part(meant).is_ok());
        Self { part: excerpt(part), fault, meant }
    }

    /// The bad part as it was written, cut where it is long.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The part as it was most likely meant, which can be read.
    pub fn meant(&self) -> Option<&str> {
        self.meant.as_deref()
    }

    /// What is wrong with it, and what was meant or expected.
    pub(crate) fn words(&self) -> String {
        let fault = self.fault.to_string();
        match &self.meant {
            None => fault,
            Some(meant) => {
                let what = fault.split("; expected").next().unwrap_or_default();
                format!("{what}; did you mean \"{}\"?", excerpt(meant))
            }
        }
    }

    /// What is wrong with it.
    pub const fn fault(&self) -> RateFault {
        self.fault
    }
}

/// What can be wrong with one part of a rate string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateFault {
    /// There is no part where one should be, as between `;` and `;`.
    #[error("nothing here; expected a rate such as 10 per hour")]
    Empty,
    /// There are several parts where one is wanted.
    #[error("more than one rate; expected one")]
    Several,
    /// Neither `per` nor `/` nor `concurrent` follows the amount.
    #[error("no period; expected a rate such as 10 per hour, 600s per day or 5 concurrent")]
    NoPeriod,
    /// The word after `per` is no period.
    #[error("no such period; expected second, minute, hour, day, week, month or year")]
    UnknownPeriod,
    /// The period is no time at all, such as 0 hours.
    #[error("a period of no time; expected at least 1")]
    PeriodOfNothing,
    /// The period is longer than about 136 years, or counts more than a `u32`.
    #[error("too long a period; expected at most 4294967295 seconds")]
    PeriodTooLong,
    /// The amount is no number, or is below zero.
    #[error("no such amount; expected a whole number of requests, or server time such as 1.5s")]
    NotAnAmount,
    /// The letters after the number are no unit of time.
    #[error("no such unit of time; expected us, ms, s, m or h")]
    UnknownUnit,
    /// The number has a fraction but no unit of time.
    #[error("a part of a request; expected a whole number, or server time such as 1.5s")]
    PartOfARequest,
    /// The time is no whole number of microseconds.
    #[error("finer than a microsecond; expected whole microseconds")]
    TooFine,
    /// The amount is above 2^53 requests or microseconds.
    #[error("too much; expected at most 9007199254740992 requests, or 9007199254.740992s")]
    TooMuch,
    /// The cap on running requests is no whole number, or exceeds a `u32`.
    #[error("no such cap; expected a whole number up to 4294967295")]
    NotACap,
}

/// Periods by the words that people write for them and that are none here.
const PERIODS: [(&str, &[&str]); 7] = [
    ("second", &["sec", "secs"]),
    ("minute", &["min", "mins", "mn"]),
    ("hour", &["hr", "hrs", "hourly"]),
    ("day", &["daily", "24h"]),
    ("week", &["wk", "wks", "weekly"]),
    ("month", &["mo", "mon", "mos", "mth", "mths", "monthly"]),
    ("year", &["y", "yr", "yrs", "annum", "yearly", "annually"]),
];

/// The words that are periods.
const KNOWN_PERIODS: [&str; 14] = [
    "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month",
    "months", "year", "years",
];

/// Units of time by the words that people write for them and that are none here.
const UNITS: [(&str, &[&str]); 5] = [
    ("us", &["usec", "usecs", "micro", "micros", "microsecond", "microseconds"]),
    ("ms", &["msec", "msecs", "milli", "millis", "millisecond", "milliseconds"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
];

/// What people write behind a number that counts requests, where nothing stands.
const REQUESTS: [&str; 14] = [
    "r", "x", "req", "reqs", "request", "requests", "hit", "hits", "call", "calls", "query", "queries",
    "time", "times",
];

/// The part with the word that was most likely meant in the place of the wrong one.
fn meant(part: &str, fault: RateFault) -> Option<String> {
    let part = part.trim();
    match fault {
        RateFault::UnknownPeriod => with_period(part),
        RateFault::UnknownUnit => with_unit(part),
        RateFault::NoPeriod => with_per(part),
        _ => None,
    }
}

fn with_period(part: &str) -> Option<String> {
    let begin = part.trim_end_matches(char::is_alphabetic);
    let word = part[begin.len()..].to_ascii_lowercase();
    // A word that is glued to "per" or "/" has been read by now, so a number or a sign stands before this one.
    let word = if begin.is_empty() { return None } else { &*word };
    let alias = PERIODS.iter().find(|(_, aliases)| aliases.contains(&word)).map(|(period, _)| *period);
    let meant = alias.or_else(|| nearest(word, KNOWN_PERIODS))?;
    Some(format!("{begin}{meant}"))
}

fn with_unit(part: &str) -> Option<String> {
    let lower = part.to_ascii_lowercase();
    let end = lower.find('/').or_else(|| lower.find("per"))?;
    let number =
        part[..end].trim_end_matches(|letter: char| letter.is_alphabetic() || letter.is_whitespace());
    let word = lower[number.len()..end].trim();
    let rest = part[end..].trim();
    if REQUESTS.contains(&word) {
        return Some(format!("{number} {rest}"));
    }
    let alias = UNITS.iter().find(|(_, aliases)| aliases.contains(&word)).map(|(unit, _)| *unit);
    Some(format!("{number}{} {rest}", alias?))
}

/// A number with a period, or with what is nearly `concurrent`.
fn with_per(part: &str) -> Option<String> {
    let word = part.trim_start_matches(|letter: char| !letter.is_alphabetic());
    let number = part[..part.len() - word.len()].trim();
    match nearest(word, ["concurrent"]) {
        Some(meant) => Some(format!("{number} {meant}")),
        None => with_period(&format!("{number} per {word}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requests(quota: u64, period: Option<Period>) -> Limit {
        Limit::Requests { quota, period: period.unwrap() }
    }

    fn time(quota: u64, period: Period) -> Limit {
        Limit::Time { quota: Micros(quota), period }
    }

    fn fault(text: &str) -> RateFault {
        parse_rates(text).unwrap_err().fault()
    }

    #[test]
    fn what_limits_reads_means_the_same() {
        // Checked against limits 5.8.0.
        let table = [
            ("1/second", vec![requests(1, Period::seconds(1))]),
            ("10 per 2 hours", vec![requests(10, Period::hours(2))]),
            ("1 per 1 day;2/month", vec![requests(1, Period::days(1)), requests(2, Period::months(1))]),
            ("1/ 2seconds", vec![requests(1, Period::seconds(2))]),
            ("10PER2HOURS", vec![requests(10, Period::hours(2))]),
            ("1perday", vec![requests(1, Period::days(1))]),
            ("007/01day", vec![requests(7, Period::days(1))]),
            ("0 per minute", vec![requests(0, Period::minutes(1))]),
            ("1\u{a0}/\u{2003}day", vec![requests(1, Period::days(1))]),
            ("1\x1c/day", vec![requests(1, Period::days(1))]),
            ("1/dayS", vec![requests(1, Period::days(1))]),
            ("1/day:;2/day", vec![requests(1, Period::days(1)), requests(2, Period::days(1))]),
            ("1/day :,2/year ", vec![requests(1, Period::days(1)), requests(2, Period::years(1))]),
            ("1/day|2/3 months", vec![requests(1, Period::days(1)), requests(2, Period::months(3))]),
        ];
        for (text, limits) in table {
            assert_eq!(parse_rates(text), Ok(limits), "{text:?}");
        }
    }

    #[test]
    fn a_number_with_a_unit_is_server_time() {
        let table = [
            ("600s per hour", time(600_000_000, Period::HOUR)),
            ("1.5s per minute", time(1_500_000, Period::MINUTE)),
            ("250 MS / d", time(250_000, Period::DAY)),
            ("7us/s", time(7, Period::SECOND)),
            ("7µs/s", time(7, Period::SECOND)),
            ("7μs/s", time(7, Period::SECOND)),
            ("0.1ms per week", time(100, Period::WEEK)),
            ("2m/month", time(120_000_000, Period::MONTH)),
            ("0.5 h per year", time(1_800_000_000, Period::YEAR)),
            ("9007199254740992us per year", time(1 << 53, Period::YEAR)),
        ];
        for (text, limit) in table {
            assert_eq!(text.parse(), Ok(limit), "{text:?}");
        }
    }

    #[test]
    fn an_m_is_a_minute_on_either_side_and_never_a_month() {
        assert_eq!("1m per m".parse(), Ok(time(60_000_000, Period::MINUTE)));
    }

    #[test]
    fn a_cap_has_no_period() {
        assert_eq!("5 concurrent".parse(), Ok(Limit::Concurrent { cap: 5 }));
        assert_eq!("0Concurrent".parse(), Ok(Limit::Concurrent { cap: 0 }));
        for text in
            ["concurrent", "-1 concurrent", "1.5 concurrent", "4294967296 concurrent", "1e3 concurrent"]
        {
            assert_eq!(fault(text), RateFault::NotACap, "{text:?}");
        }
    }

    #[test]
    fn a_mistake_is_named() {
        let table = [
            ("", RateFault::Empty),
            ("1/day;", RateFault::Empty),
            ("1/day,,2/day", RateFault::Empty),
            ("10", RateFault::NoPeriod),
            ("10 hour", RateFault::NoPeriod),
            ("10 per", RateFault::UnknownPeriod),
            ("10 per 2", RateFault::UnknownPeriod),
            ("10 per 2 2 days", RateFault::UnknownPeriod),
            ("10 per fortnight", RateFault::UnknownPeriod),
            ("10 per -1 day", RateFault::UnknownPeriod),
            ("1/day:", RateFault::UnknownPeriod),
            ("1/0 day", RateFault::PeriodOfNothing),
            ("10 per 0 hours", RateFault::PeriodOfNothing),
            ("1s per 00 m", RateFault::PeriodOfNothing),
            ("1 per 4294967296 seconds", RateFault::PeriodTooLong),
            ("1 per 50000 days", RateFault::PeriodTooLong),
            ("ten per day", RateFault::NotAnAmount),
            ("-1 per day", RateFault::NotAnAmount),
            ("1.2.3s per day", RateFault::NotAnAmount),
            ("/day", RateFault::NotAnAmount),
            ("10 minutes per day", RateFault::UnknownUnit),
            ("1e3s per day", RateFault::UnknownUnit),
            ("1.5 per day", RateFault::PartOfARequest),
            ("0.5us per day", RateFault::TooFine),
            ("9007199254740993 per day", RateFault::TooMuch),
            ("9007199254740993us per day", RateFault::TooMuch),
        ];
        for (text, expected) in table {
            assert_eq!(fault(text), expected, "{text:?}");
        }
    }

    /// A rate of which one word was wrong was refused without a word of the right one.
    #[test]
    fn a_word_that_is_nearly_right_is_answered_by_the_right_one() {
        for (text, meant) in [
            ("5/min", "5/minute"),
            ("10s per min", "10s per minute"),
            ("5 per hr", "5 per hour"),
            ("10 per 1 dayz", "10 per 1 day"),
            ("1 day; 10 per 2 Hrs", "1 per day"),
            ("10 per 2Hrs", "10 per 2hour"),
            ("5 per mo", "5 per month"),
            ("5 per mnth", "5 per month"),
            ("1m per yr", "1m per year"),
            ("5/secnod", "5/second"),
            ("5/24h", "5/24h"),
            ("10 sec per hour", "10s per hour"),
            ("10 minutes per day", "10m per day"),
            ("250 millis/hour", "250ms /hour"),
            ("10 requests per hour", "10 per hour"),
            ("10req/day", "10 /day"),
            ("10 hour", "10 per hour"),
            ("10 hr", "10 per hour"),
            ("5 concurent", "5 concurrent"),
        ] {
            let Err(error) = parse_rates(text) else {
                assert_eq!(text, meant);
                continue;
            };
            assert_eq!(error.meant(), Some(meant), "{text}");
            assert!(error.to_string().ends_with(&format!("; did you mean \"{meant}\"?")), "{error}");
            assert!(!error.to_string().contains("expected"), "{error}");
        }
        for text in [
            "10 per fortnight",
            "10 per hour per ip",
            "10 per",
            "",
            "10",
            "five per min",
            "/min",
            "10 apples per day",
            "10 per 0 min",
        ] {
            assert_eq!(parse_rates(text).unwrap_err().meant(), None, "{text}");
        }
    }

    #[test]
    fn an_error_quotes_the_bad_part_alone() {
        let error = parse_rates("1 per day; 10 per Fortnight ").unwrap_err();
        assert_eq!(error.part(), "10 per Fortnight");
    }

    #[test]
    fn one_limit_is_not_read_from_two() {
        assert_eq!("1/day;2/hour".parse::<Limit>().unwrap_err().fault(), RateFault::Several);
    }

    fn any_limit() -> impl Strategy<Value = Limit> {
        let period = (1..=u32::MAX, 0..4_u8).prop_map(|(count, kind)| match kind {
            0 => Period::seconds(count).unwrap(),
            1 => Period::weeks(count).unwrap(),
            2 => Period::months(count).unwrap(),
            _ => Period::years(count).unwrap(),
        });
        let quota = 0..=Micros::MAX_QUOTA.0;
        (period, quota, any::<u32>(), 0..4_u8).prop_map(|(period, quota, cap, kind)| match kind {
            0 => Limit::Concurrent { cap },
            1 => Limit::Requests { quota, period },
            2 => Limit::Time { quota: Micros(quota), period },
            _ => Limit::Time { quota: Micros(quota / 1_000_000 * 1_000_000), period },
        })
    }

    proptest! {
        #[test]
        fn every_limit_survives_its_text(limit in any_limit()) {
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }

        #[test]
        fn a_list_of_limits_survives_its_text(limits in prop::collection::vec(any_limit(), 1..6)) {
            let text = limits.iter().map(Limit::to_string).collect::<Vec<_>>().join("; ");
            prop_assert_eq!(parse_rates(&text), Ok(limits));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse_rates(&text).map_err(|error| error.to_string());
        }

        #[test]
        fn no_text_like_a_rate_panics(text in "([0-9.]{0,30} ?(us|µs|ms|s|m|h|K)? ?(/|per|concurrent)? ?[0-9]{0,12} ?(day|weeks|m)?[;:,|]?){0,3}") {
            let _ = parse_rates(&text);
        }
    }
}
