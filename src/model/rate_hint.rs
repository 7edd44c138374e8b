//! The rate that somebody most likely meant, where a word of it is wrong.

use crate::model::nearest::nearest;
use crate::model::rate_error::RateFault;

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
pub(super) fn meant(part: &str, fault: RateFault) -> Option<String> {
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
