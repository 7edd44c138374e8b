//! The audit for other programs: a JSON object a line, and CSV that no spreadsheet runs.

use std::borrow::Cow;

use crate::audit::Entry;
use crate::thing::{Time, Written};

/// A row as one line of JSON, its end included.
pub fn jsonl(entry: &Entry) -> String {
    let mut line = serde_json::to_string(entry).expect("a row has texts for keys");
    // What people wrote may have ends of lines between its members; in texts they are escaped.
    line.retain(|letter| letter != '\n' && letter != '\r');
    line.push('\n');
    line
}

/// The first line of CSV.
pub fn csv_head() -> &'static str {
    "number,at,actor,address,what,action,before,after,reason,revision,previous,digest\r\n"
}

/// A row as a line of CSV (RFC 4180).
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
pub fn csv(entry: &Entry) -> String {
    let json = |written: &Option<Written>| written.as_ref().map_or("", Written::text).to_owned();
    let cells = [
        entry.number.to_string(),
        time(entry.at),
        entry.actor.clone(),
        entry.address.clone().unwrap_or_default(),
        entry.what.clone(),
        entry.action.clone(),
        json(&entry.before),
        json(&entry.after),
        entry.reason.clone().unwrap_or_default(),
        entry.revision.map(|revision| revision.to_string()).unwrap_or_default(),
        entry.previous.clone(),
        entry.digest.clone(),
    ];
    let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",") + "\r\n"
}

fn time(at: Time) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn cell(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    match text.contains(['"', ',', '\r', '\n']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text() {
        for (text, written) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a,b", "\"a,b\""),
            ("say \"it\"", "\"say \"\"it\"\"\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
    }
}
