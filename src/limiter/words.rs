//! Explanations in words: lines for people, in columns, with instants by a zone's clock.

use std::fmt;
use std::sync::Arc;

use chrono::DateTime;

use crate::limiter::explanation::{Bearing, ExplainedLimit, Explanation, KeyPart, Terms};
use crate::model::{Component, Window, Zone, ZoneSource};

impl Explanation {
    /// The same words, with the site called otherwise.
    pub(crate) fn write(&self, site: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, at, exempt, is_preflight, rules, .. } = self;
        writeln!(f, "  site  {site} ({})", zone.name())?;
        writeln!(f, "  now   {}, {}", Local::new(zone, at.secs()), Utc(at.secs()))?;
        if let Some(exempt) = exempt {
            writeln!(f, "exempt\n  {exempt}: no rule is asked, nothing is charged")?;
        } else if *is_preflight {
            writeln!(f, "CORS preflight\n  it is never refused; its time is charged, and it is not counted")?;
        }
        for (at, rule) in rules.iter().enumerate() {
            write!(f, "rule {} {}: {}", at + 1, rule.name, bearing(&rule.bearing, zone))?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    /// Writes the site, when it is, and each rule with what it has to do with the request, on lines of their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&self.site, f)
    }
}

impl fmt::Display for Bearing {
    /// Writes what the rule has to do with the request, on one line: `gives way to login`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(bearing(self, &Zone::utc()).lines().next().unwrap_or_default())
    }
}

/// What a rule has to do with the request, and in the lines below it whose accounts it uses.
fn bearing(bearing: &Bearing, zone: &Zone) -> String {
    match bearing {
        Bearing::Differs { part, found: Some(found) } => {
            format!("does not apply, for {part} is wanted and {found} found\n")
        }
        Bearing::Differs { part, found: None } => format!("does not apply, for {part} does not hold\n"),
        Bearing::Exempt => "applies, but is told to leave the request alone\n".to_owned(),
        Bearing::Displaced { by } => format!("gives way to {}\n", names(by)),
        Bearing::Skipped { component } => format!("is skipped, for there is no {component}\n"),
        Bearing::Applies { key, limits, terms } => {
            let windows: Vec<_> = limits.iter().flat_map(|limit| rows(limit, zone)).collect();
            format!("applies{}\n{}{}", in_words(terms.as_ref()), parts(key), aligned(&windows))
        }
    }
}

/// Why the client may spend something else than the rule says.
fn in_words(terms: Option<&Terms>) -> String {
    match terms {
        None => String::new(),
        Some(Terms::Tier(name)) => format!(", in tier {name:?}"),
        Some(Terms::Override(None)) => ", with an override".to_owned(),
        Some(Terms::Override(Some(reason))) => format!(", with an override for {reason:?}"),
    }
}

fn names(names: &[Arc<str>]) -> String {
    names.join(", ")
}

fn parts(key: &[KeyPart]) -> String {
    key.iter().map(|part| format!("  key {}\n", described(part))).collect()
}

fn described(KeyPart { component, value, instead_of }: &KeyPart) -> String {
    let value = match (component, value) {
        // Which site it is stands above.
        (Component::Site, _) => String::new(),
        (_, Some(value)) => format!(" {value:?}"),
        (_, None) => " none".to_owned(),
    };
    match instead_of {
        Some(other) => format!("{component}{value}, for there is no {other}"),
        None => format!("{component}{value}"),
    }
}

/// The limit with its window, by the site's clock and by UTC.
fn rows(limit: &ExplainedLimit, zone: &Zone) -> Vec<[String; 2]> {
    let ends = |Window { start, end }: Window| (start.secs(), end.secs());
    let quota = limit.limit.to_string();
    let Some((start, end)) = limit.window.map(ends) else {
        return vec![[quota, "at any time".to_owned()]];
    };
    let utc = format!("{} until {}", Utc(start), Utc(end));
    if *zone.source() == ZoneSource::Utc {
        return vec![[quota, utc]];
    }
    let local = format!("{} until {}", Local::new(zone, start), Local::new(zone, end));
    vec![[quota, local], [String::new(), utc]]
}

/// An instant by a zone's clock: `2025-03-30 12:00:00 +02:00`.
///
/// # Examples
///
/// ```
/// use timebudget::explanation::{Local, Span, Utc};
/// use timebudget::tzdata;
/// let paris = tzdata::zone("Europe/Paris")?;
/// assert_eq!(Local::new(&paris, 1_743_328_800).to_string(), "2025-03-30 12:00:00 +02:00");
/// assert_eq!(Utc(1_743_328_800).to_string(), "2025-03-30 10:00:00 UTC");
/// assert_eq!(Span(5_400).to_string(), "1 h 30 min");
/// # Ok::<(), tzdata::UnknownZone>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Local {
    secs: i64,
    offset: i32,
}

impl Local {
    /// What the zone's clock shows so many seconds after 1970-01-01T00:00:00Z.
    pub fn new(zone: &Zone, secs: i64) -> Self {
        Self { secs, offset: zone.offset_at(secs) }
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = clock(self.secs.saturating_add(self.offset.into()));
        write!(f, "{shown} {}", Offset(self.offset))
    }
}

/// An instant in seconds after 1970-01-01T00:00:00Z: `2025-03-30 10:00:00 UTC`.
#[derive(Clone, Copy, Debug)]
pub struct Utc(pub i64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} UTC", clock(self.0))
    }
}

/// A length in seconds: `23 h`, `30 min`, `1 h 30 min`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.0 / 3_600, "h"), (self.0 / 60 % 60, "min"), (self.0 % 60, "s")];
        let shown = parts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<_> = shown.map(|(count, unit)| format!("{count} {unit}")).collect();
        f.write_str(&words.join(" "))
    }
}

/// Seconds ahead of UTC; seconds are shown where there are any, as in local mean times.
struct Offset(i32);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let secs = self.0.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", secs / 3_600, secs / 60 % 60)?;
        if secs.is_multiple_of(60) { Ok(()) } else { write!(f, ":{:02}", secs % 60) }
    }
}

/// What a clock shows so many seconds past its 1970; beyond the years that chrono knows, the seconds.
fn clock(secs: i64) -> String {
    match DateTime::from_timestamp(secs, 0) {
        Some(date) => date.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => secs.to_string(),
    }
}

/// The rows, indented, with each column as wide as its widest cell; the last column takes what room it needs.
///
/// # Examples
///
/// ```
/// use timebudget::explanation::aligned;
/// let rows = [["limits", "key"], ["9 per day", "ip"]].map(|row| row.map(str::to_owned));
/// assert_eq!(aligned(&rows), "  limits     key\n  9 per day  ip\n");
/// ```
///
/// A cell of several lines in the last column goes on below itself.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (at, (cell, &width)) in row.iter().zip(widths).enumerate() {
        let indent = format!("\n{}", " ".repeat(line.chars().count() + 2));
        let cell = cell.replace('\n', &indent);
        line += "  ";
        line += &if at + 1 < N { format!("{cell:width$}") } else { cell };
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_west_of_greenwich_are_negative_and_may_have_seconds() {
        assert_eq!(Offset(-12_600).to_string(), "-03:30");
        assert_eq!(Offset(561).to_string(), "+00:09:21");
    }

    #[test]
    fn a_length_shows_no_part_that_is_zero() {
        let shown = [3_600, 1_800, 5_400, 82_801].map(|secs| Span(secs).to_string());
        assert_eq!(shown, ["1 h", "30 min", "1 h 30 min", "23 h 1 s"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb", "c\nd"], ["aaa", "é", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "  a    bb  c\n           d\n  aaa  é\n");
    }
}
