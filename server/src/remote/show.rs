//! Answers of the API as tables for people.

use serde_json::Value;

use timebudget::explanation::aligned;

/// A column: its title, and what of an item stands in it.
pub(crate) type Column = (&'static str, Cell);

/// What of an item stands in a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell {
    /// A field as it is; the texts of a list, one after another.
    Text(&'static str),
    /// An amount in the item's `unit`.
    Amount(&'static str),
    /// Microseconds.
    Micros(&'static str),
    /// A share of the whole, in percent.
    Share(&'static str),
}

/// The items as a table, or that there are none.
pub(crate) fn table<const N: usize>(items: &[Value], columns: [Column; N]) -> String {
    if items.is_empty() {
        return "none\n".to_owned();
    }
    let titles = columns.map(|(title, _)| title.to_owned());
    let rows = items.iter().map(|item| columns.map(|(_, cell)| cell.of(item)));
    aligned(&[titles].into_iter().chain(rows).collect::<Vec<_>>())
}

impl Cell {
    fn of(self, item: &Value) -> String {
        match self {
            Self::Text(field) => plain(&item[field]),
            Self::Amount(field) => match (item["unit"].as_str(), item[field].as_u64()) {
                (Some("microseconds"), Some(micros)) => seconds(micros),
                _ => plain(&item[field]),
            },
            Self::Micros(field) => item[field].as_u64().map_or_else(|| plain(&item[field]), seconds),
            Self::Share(field) => item[field]
                .as_f64()
                .map_or_else(|| plain(&item[field]), |share| format!("{:.1} %", share * 100.0)),
        }
    }
}

/// A value on one line. What a terminal would obey is shown as what it is.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().flat_map(visible).collect(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Object(all) => all
            .iter()
            .map(|(name, value)| format!("{}: {}", plain(&name.as_str().into()), plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A letter, or the escape of what is none: names are written by strangers.
fn visible(letter: char) -> impl Iterator<Item = char> {
    let is_shown = !letter.is_control() && !is_turning(letter);
    let escaped = (!is_shown).then(|| letter.escape_default());
    is_shown.then_some(letter).into_iter().chain(escaped.into_iter().flatten())
}

/// Whether a letter turns the direction of those behind it.
const fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A time as people say it.
pub(crate) fn seconds(micros: u64) -> String {
    match micros {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.2} s", micros as f64 / 1e6),
        _ => format!("{:.0} s", micros as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_told_in_their_unit() {
        let items = [
            json!({"rule": "site", "unit": "microseconds", "spent": 1_234_567, "share": 0.25}),
            json!({"rule": "calls", "unit": "requests", "spent": 7, "share": null}),
        ];
        let columns =
            [("rule", Cell::Text("rule")), ("spent", Cell::Amount("spent")), ("share", Cell::Share("share"))];
        assert_eq!(
            table(&items, columns),
            "  rule   spent   share\n  site   1.23 s  25.0 %\n  calls  7       -\n"
        );
        assert_eq!(table(&[], columns), "none\n");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(plain(&json!("a\u{1b}[2J\n\u{202e}é")), "a\\u{1b}[2J\\n\\u{202e}é");
    }
}
