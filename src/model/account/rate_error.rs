//! What is wrong with a rate string, and what was most likely meant.

use crate::model::said::{excerpt, nearest};

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
    /// Suggests only what `is_read`.
    pub(crate) fn new(part: &str, fault: RateFault, is_read: impl FnOnce(&str) -> bool) -> Self {
        let meant = meant(part, fault).filter(|meant| is_read(meant));
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
    use crate::model::parse_rates;

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
}
