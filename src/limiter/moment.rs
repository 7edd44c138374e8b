//! Instants, offsets and lengths as they are shown to people.

use std::fmt;

use crate::model::Zone;
use chrono::DateTime;

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
}
