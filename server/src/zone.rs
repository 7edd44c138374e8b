//! `timebudget zone`: what is known of a time zone.

use timebudget::explanation::{Local, Span, Utc};
use timebudget::{Clock, Period, SystemClock, Transition, UnixMicros, Window, Zone, tzdata};

use crate::output;
use crate::output::Failure;

/// How many clock changes to come are listed: two years of them, in most zones that have any.
const TRANSITIONS: usize = 4;

/// Prints a zone: which data is in force, its next transitions, and the windows around now.
///
/// # Errors
///
/// No tz database at hand knows the name.
pub(crate) fn run(name: &str) -> Result<(), Failure> {
    let zone = tzdata::zone(name).map_err(Failure::wrong)?;
    output::to_stdout(&described(&zone, SystemClock::new().now().wall()));
    Ok(())
}

fn described(zone: &Zone, now: UnixMicros) -> String {
    let secs = now.secs();
    let mut lines = vec![
        zone.name().to_owned(),
        format!("  data    {}", zone.source()),
        format!("  now     {}", Local::new(zone, secs)),
        format!("          {}", Utc(secs)),
        "next transitions".to_owned(),
    ];
    lines.extend(transitions(zone, now));
    lines.push("windows around now".to_owned());
    let periods = [Period::HOUR, Period::DAY, Period::WEEK, Period::MONTH, Period::YEAR];
    lines.extend(periods.map(|period| window(zone, period, now)));
    lines.join("\n") + "\n"
}

fn transitions(zone: &Zone, now: UnixMicros) -> Vec<String> {
    let next = zone.transitions_after(now).take(TRANSITIONS);
    let mut lines: Vec<_> = next.map(|change| transition(zone, change)).collect();
    if lines.is_empty() {
        lines.push("  none".to_owned());
    }
    lines
}

fn transition(zone: &Zone, change: Transition) -> String {
    let by = change.offset - zone.offset_at(change.at - 1);
    let direction = if by > 0 { "forward" } else { "back" };
    let (local, utc) = (Local::new(zone, change.at), Utc(change.at));
    format!("  {direction:<7} by {} to {local} ({utc})", Span(by.unsigned_abs().into()))
}

fn window(zone: &Zone, period: Period, now: UnixMicros) -> String {
    let window = Window::containing(zone, period, now);
    let (start, end) = (window.start.secs(), window.end.secs());
    let local = format!("{} until {}", Local::new(zone, start), Local::new(zone, end));
    // As wide as an offset with hours and minutes, which stands above it.
    let utc = format!("{:<26} until {}", Utc(start).to_string(), Utc(end));
    let length = Span(window.length().secs_rounded_up());
    format!("  {:<7} {local}, {length}\n          {utc}", period.to_string())
}

#[cfg(test)]
mod tests {
    use timebudget::ZoneSource;

    use super::*;

    /// 2025-03-30 12:00:00 in Paris, where that day had 23 hours.
    const NOON: UnixMicros = UnixMicros::from_secs(1_743_328_800);

    fn paris() -> Zone {
        let source = ZoneSource::BuiltIn { version: "2025b" };
        let [spring, autumn] = [(1_743_296_400, 7_200), (1_761_440_400, 3_600)];
        let changes = [spring, autumn].map(|(at, offset)| Transition { at, offset });
        Zone::new("Europe/Paris", source, 3_600, changes)
    }

    #[test]
    fn a_zone_says_where_its_data_comes_from_and_what_its_clock_shows() {
        let text = described(&paris(), NOON);
        let lines: Vec<_> = text.lines().take(6).collect();
        let expected = [
            "Europe/Paris",
            "  data    built-in tz database 2025b",
            "  now     2025-03-30 12:00:00 +02:00",
            "          2025-03-30 10:00:00 UTC",
            "next transitions",
            "  back    by 1 h to 2025-10-26 02:00:00 +01:00 (2025-10-26 01:00:00 UTC)",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_day_of_a_clock_change_is_shown_with_its_real_length() {
        let text = described(&paris(), NOON);
        let local = "  day     2025-03-30 00:00:00 +01:00 until 2025-03-31 00:00:00 +02:00, 23 h\n";
        let utc = "          2025-03-29 23:00:00 UTC    until 2025-03-30 22:00:00 UTC\n";
        assert!(text.contains(&format!("{local}{utc}")), "{text}");
    }

    #[test]
    fn a_zone_without_transitions_to_come_says_so() {
        assert!(described(&Zone::utc(), NOON).contains("next transitions\n  none\n"));
    }
}
