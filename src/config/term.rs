//! Terms of a site file: `from` and `until`.

use chrono::DateTime;

use crate::config::node::{Fields, Node, sound};
use crate::config::report::Report;
use crate::model::{Term, UnixMicros};

const INSTANT: &str = "an instant such as \"2027-01-01T00:00:00Z\"";

/// The term that the fields `from` and `until` of an object make; it may not be over before it begins.
pub(super) fn term(fields: &Fields<'_>, report: &mut Report) -> Option<Term> {
    let from = fields.optional("from").map(|node| instant(&node, report));
    let until = fields.optional("until").map(|node| instant(&node, report));
    let term = Term { from: sound(from)?, until: sound(until)? };
    match fields.optional("until") {
        Some(node) if !term.is_possible() => {
            node.wrong("not after from; expected a later instant, for it holds until before this one", report)
        }
        _ => Some(term),
    }
}

/// An instant as RFC 3339 writes it, to the microsecond.
fn instant(node: &Node<'_>, report: &mut Report) -> Option<UnixMicros> {
    match DateTime::parse_from_rfc3339(node.text(INSTANT, report)?) {
        Ok(instant) => Some(UnixMicros(instant.timestamp_micros())),
        Err(_) => node.wrong(format_args!("no instant; expected {INSTANT}"), report),
    }
}
