//! Rate strings: limits as people write them, `200 per day; 50 per hour; 600s per hour`.

use std::str::FromStr;

use crate::model::account::limit::Limit;
use crate::model::account::rate_error::{RateError, RateFault};
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
    let parse = |part| parse_part(part).map_err(|fault| error(part, fault));
    parts.into_iter().map(parse).collect()
}

impl FromStr for Limit {
    type Err = RateError;

    /// Reads a rate string of one part; see [`parse_rates`].
    fn from_str(text: &str) -> Result<Self, RateError> {
        match parse_rates(text)?.as_slice() {
            [limit] => Ok(*limit),
            _ => Err(error(text, RateFault::Several)),
        }
    }
}

/// What is wrong with a part, and the part as it was meant, if that can be read.
fn error(part: &str, fault: RateFault) -> RateError {
    RateError::new(part, fault, |meant| parse_part(meant).is_ok())
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
