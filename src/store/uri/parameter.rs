//! The values of a URI's parameters.

#[cfg(feature = "redis")]
use std::time::Duration;

use super::error::{UriFault, beginning};
use crate::model::nearest;

/// What a prefix of keys is, for messages.
pub(crate) const PREFIX_EXPECTED: &str = "1 to 64 printable ASCII characters without braces";

/// The most accounts that a process can be told to hold.
const MOST_ACCOUNTS: usize = 1_000_000_000;

/// Whether keys can begin with a text. Braces would move a cluster's hash tag, and control characters would be hard to
/// read.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_graphic() && letter != '{' && letter != '}';
    (1..=64).contains(&text.len()) && text.chars().all(is_plain)
}

/// The meaning of a word out of several.
#[cfg(feature = "redis")]
pub(crate) fn one_of<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, UriFault> {
    let chosen = choices.iter().find(|(choice, _)| *choice == value);
    chosen.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        let meant = nearest(value, names.iter().copied());
        let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        let shown = beginning(value);
        UriFault::new(name, format!("\"{shown}\": expected {}{hint}", names.join(" or ")))
    })
}

/// A span of time with its unit, within bounds.
#[cfg(feature = "redis")]
pub(crate) fn duration(
    name: &str,
    value: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, UriFault> {
    let expected = || {
        let shown = beginning(value);
        UriFault::new(name, format!("\"{shown}\": expected {least:?} to {most:?}, such as 250ms"))
    };
    let (number, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let number: u64 = number.parse().map_err(|_| expected())?;
    let span = match unit {
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        _ => return Err(expected()),
    };
    if (least..=most).contains(&span) { Ok(span) } else { Err(expected()) }
}

/// How many accounts a process holds at most.
pub(crate) fn max_accounts(name: &str, value: &str) -> Result<usize, UriFault> {
    let is_number = value.bytes().all(|digit| digit.is_ascii_digit());
    let number = value.parse().ok().filter(|number| is_number && (1..=MOST_ACCOUNTS).contains(number));
    number.ok_or_else(|| {
        let shown = beginning(value);
        UriFault::new(name, format!("\"{shown}\": expected a whole number from 1 to {MOST_ACCOUNTS}"))
    })
}

/// A text that is not empty.
#[cfg(feature = "redis")]
pub(crate) fn text(name: &str, value: String) -> Result<String, UriFault> {
    match value.is_empty() {
        true => Err(UriFault::new(name, "empty; expected a text")),
        false => Ok(value),
    }
}

/// The known name of a parameter.
///
/// # Errors
///
/// An unknown name, of which the beginning is shown: it may be a piece of a password.
pub(crate) fn known_name(name: &str, known: &[&'static str]) -> Result<&'static str, UriFault> {
    if let Some(known) = known.iter().find(|known| **known == name) {
        return Ok(known);
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("expected {}", known.join(", ")),
    };
    Err(UriFault::new(beginning(name), format!("no such parameter; {hint}")))
}

/// What is wrong with a parameter that stands in a URI a second time.
pub(crate) fn twice(name: &str) -> UriFault {
    UriFault::new(name, "said twice; expected once")
}
