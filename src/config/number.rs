//! Numbers of a site file, exactly as they were written.

use crate::config::json::Json;
use crate::config::node::Node;
use crate::config::report::Report;
use crate::model::{Decimal, Micros, Multiplier, Period, Unfit};

/// What a quota of time may be.
pub(super) const QUOTA: &str = "seconds from 0 to 9007199254.740992, with at most six decimals";

/// What a window may be.
pub(super) const WINDOW: &str =
    "whole seconds from 1 to 4294967295, or \"hour\", \"day\", \"week\", \"month\" or \"year\"";

/// The quota that a number of seconds is.
pub(super) fn quota(node: &Node<'_>, report: &mut Report) -> Option<Micros> {
    match decimal(node, QUOTA, report)?.times(1_000_000) {
        Ok(micros) => Some(Micros(micros)),
        Err(unfit) => node.wrong(format_args!("{}; expected {QUOTA}", fault_of(unfit)), report),
    }
}

/// The period that a window is: a number of seconds, or a calendar period's name.
pub(super) fn window(node: &Node<'_>, report: &mut Report) -> Option<Period> {
    if let Some(period) = named_period(node.json()) {
        return Some(period);
    }
    if matches!(node.json(), Json::Text(text) if Decimal::parse(text.trim()).is_none()) {
        return node.wrong(format_args!("no such window; expected {WINDOW}"), report);
    }
    let secs = decimal(node, WINDOW, report)?.times(1);
    let secs = secs.and_then(|secs| u32::try_from(secs).map_err(|_| Unfit::TooLarge));
    match secs.map(Period::seconds) {
        Ok(Some(period)) => Some(period),
        Ok(None) => node.wrong(format_args!("no time at all; expected {WINDOW}"), report),
        Err(Unfit::TooFine) => node.wrong(format_args!("not whole; expected {WINDOW}"), report),
        Err(unfit) => node.wrong(format_args!("{}; expected {WINDOW}", fault_of(unfit)), report),
    }
}

/// What a multiplier may be.
const MULTIPLIER: &str = "a number above 0 and at most 1000000, with at most six decimals";

/// The multiplier that a number is.
pub(super) fn multiplier(node: &Node<'_>, report: &mut Report) -> Option<Multiplier> {
    match decimal(node, MULTIPLIER, report)?.times(Multiplier::SCALE) {
        Ok(0) => node.wrong(format_args!("not above 0; expected {MULTIPLIER}"), report),
        Ok(millionths) if millionths <= 1_000_000 * Multiplier::SCALE => Some(Multiplier(millionths)),
        Err(Unfit::Negative) => node.wrong(format_args!("below zero; expected {MULTIPLIER}"), report),
        Err(Unfit::TooFine) => node.wrong(format_args!("too fine; expected {MULTIPLIER}"), report),
        Ok(_) | Err(Unfit::TooLarge) => node.wrong(format_args!("too large; expected {MULTIPLIER}"), report),
    }
}

/// A whole number.
pub(super) fn whole(node: &Node<'_>, expected: &str, report: &mut Report) -> Option<u64> {
    match decimal(node, expected, report)?.times(1) {
        Ok(number) => Some(number),
        Err(Unfit::TooFine) => node.wrong(format_args!("not whole; expected {expected}"), report),
        Err(unfit) => node.wrong(format_args!("{}; expected {expected}", fault_of(unfit)), report),
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
fn decimal(node: &Node<'_>, expected: &str, report: &mut Report) -> Option<Decimal> {
    let number = match node.json() {
        Json::Number(text) => Decimal::parse(text),
        Json::Text(text) => Decimal::parse(text.trim()),
        _ => None,
    };
    match (&number, node.json()) {
        (None, _) => node.wrong(format_args!("no number; expected {expected}"), report),
        (Some(_), Json::Text(_)) => {
            node.suspect("a text; taken as the number it holds", report);
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
