//! Numbers of a site file, exactly as they were written, and instants.

use chrono::DateTime;

use crate::config::json::Json;
use crate::config::reader::{Fields, Value};
use crate::model::{Decimal, Micros, Multiplier, Period, Term, Unfit, UnixMicros};

/// What a quota of time may be.
pub(crate) const QUOTA: &str = "seconds from 0 to 9007199254.740992, with at most six decimals";
/// What a window may be.
pub(crate) const WINDOW: &str =
    "whole seconds from 1 to 4294967295, or \"hour\", \"day\", \"week\", \"month\" or \"year\"";

const MULTIPLIER: &str = "a number above 0 and at most 1000000, with at most six decimals";
const INSTANT: &str = "an instant such as \"2027-01-01T00:00:00Z\"";

/// The quota that a number of seconds is.
pub(crate) fn quota(value: &Value<'_>) -> Option<Micros> {
    match decimal(value, QUOTA)?.times(1_000_000) {
        Ok(micros) => Some(Micros(micros)),
        Err(unfit) => value.wrong(format_args!("{}; expected {QUOTA}", fault_of(unfit))),
    }
}

/// The period that a window is: a number of seconds, or a calendar period's name.
pub(crate) fn window(value: &Value<'_>) -> Option<Period> {
    if let Some(period) = named_period(value.json()) {
        return Some(period);
    }
    if matches!(value.json(), Json::Text(text) if Decimal::parse(text.trim()).is_none()) {
        return value.wrong(format_args!("no such window; expected {WINDOW}"));
    }
    let secs = decimal(value, WINDOW)?.times(1);
    let secs = secs.and_then(|secs| u32::try_from(secs).map_err(|_| Unfit::TooLarge));
    match secs.map(Period::seconds) {
        Ok(Some(period)) => Some(period),
        Ok(None) => value.wrong(format_args!("no time at all; expected {WINDOW}")),
        Err(Unfit::TooFine) => value.wrong(format_args!("not whole; expected {WINDOW}")),
        Err(unfit) => value.wrong(format_args!("{}; expected {WINDOW}", fault_of(unfit))),
    }
}

/// The multiplier that a number is.
pub(crate) fn multiplier(value: &Value<'_>) -> Option<Multiplier> {
    match decimal(value, MULTIPLIER)?.times(Multiplier::SCALE) {
        Ok(0) => value.wrong(format_args!("not above 0; expected {MULTIPLIER}")),
        Ok(millionths) if millionths <= 1_000_000 * Multiplier::SCALE => Some(Multiplier(millionths)),
        Err(Unfit::Negative) => value.wrong(format_args!("below zero; expected {MULTIPLIER}")),
        Err(Unfit::TooFine) => value.wrong(format_args!("too fine; expected {MULTIPLIER}")),
        Ok(_) | Err(Unfit::TooLarge) => value.wrong(format_args!("too large; expected {MULTIPLIER}")),
    }
}

/// A whole number.
pub(crate) fn whole(value: &Value<'_>, expected: &str) -> Option<u64> {
    match decimal(value, expected)?.times(1) {
        Ok(number) => Some(number),
        Err(Unfit::TooFine) => value.wrong(format_args!("not whole; expected {expected}")),
        Err(unfit) => value.wrong(format_args!("{}; expected {expected}", fault_of(unfit))),
    }
}

/// The term that the fields `from` and `until` of an object make; it may not be over before it begins.
pub(crate) fn term(fields: &Fields<'_>) -> Option<Term> {
    let from = fields.optional("from", instant);
    let until = fields.get("until");
    let end = until.as_ref().map_or(Some(None), |value| instant(value).map(Some));
    let term = Term { from: from?, until: end? };
    match until {
        Some(value) if !term.is_possible() => {
            value.wrong("not after from; expected a later instant, for it holds until before this one")
        }
        _ => Some(term),
    }
}

/// An instant as RFC 3339 writes it, to the microsecond.
fn instant(value: &Value<'_>) -> Option<UnixMicros> {
    match DateTime::parse_from_rfc3339(value.text(INSTANT)?) {
        Ok(instant) => Some(UnixMicros(instant.timestamp_micros())),
        Err(_) => value.wrong(format_args!("not an instant; expected {INSTANT}")),
    }
}

fn named_period(json: &Json<'_>) -> Option<Period> {
    let Json::Text(name) = json else { return None };
    match name.as_str() {
        "hour" => Some(Period::HOUR),
        "day" => Some(Period::DAY),
        "week" => Some(Period::WEEK),
        "month" => Some(Period::MONTH),
        "year" => Some(Period::YEAR),
        _ => None,
    }
}

/// A number, or a text that is one: `bench set-config` writes numbers as texts unless told otherwise.
fn decimal(value: &Value<'_>, expected: &str) -> Option<Decimal> {
    let number = match value.json() {
        Json::Number(text) => Decimal::parse(text),
        Json::Text(text) => Decimal::parse(text.trim()),
        _ => None,
    };
    match (&number, value.json()) {
        (None, _) => value.wrong(format_args!("not a number; expected {expected}")),
        (Some(_), Json::Text(_)) => {
            value.suspect("a text; taken as the number it holds");
            number
        }
        _ => number,
    }
}

const fn fault_of(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::Negative => "below zero",
        Unfit::TooFine => "finer than a microsecond",
        Unfit::TooLarge => "too large",
    }
}
