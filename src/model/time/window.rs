//! Windows: the half-open intervals into which a period cuts a zone's time.

use crate::model::time::period::Period;
use crate::model::time::units::{Micros, UnixMicros};
use crate::model::time::zone::{EARLIEST_SECS, LATEST_SECS, Zone};

/// One concrete interval `[start, end)` of a period.
///
/// A window is known by its `start` alone: local labels such as "02:00" come twice when clocks are set back.
///
/// # Examples
///
/// ```
/// use timebudget::{Micros, Period, UnixMicros, Window, Zone};
/// let hour = Window::containing(&Zone::utc(), Period::HOUR, UnixMicros::from_secs(1_743_328_801));
/// assert_eq!(hour.start, UnixMicros::from_secs(1_743_328_800));
/// assert!(hour.contains(hour.start) && !hour.contains(hour.end));
/// assert_eq!(hour.length(), Micros::from_secs(3_600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant inside.
    pub start: UnixMicros,
    /// The first instant after.
    pub end: UnixMicros,
}

impl Window {
    /// All time: the window of a cap on running requests.
    pub const ALL_TIME: Self = Self { start: UnixMicros(i64::MIN), end: UnixMicros(i64::MAX) };

    /// The window of a period that an instant lies in, by the clock of a zone.
    ///
    /// Windows tile time: each starts where the one before it ends, and none is empty. They can be shorter or longer
    /// than their period, for clocks are changed; a window under a day starts again when a clock is set back over
    /// its start, and a date that has begun does not begin again. An instant before the year -9999 or after 9999 is
    /// taken for the nearest one within, and is then not inside the window.
    ///
    /// # Examples
    ///
    /// The clocks of Paris went forward on 2025-03-30, from 02:00 to 03:00:
    ///
    /// ```
    /// use timebudget::{Micros, Period, UnixMicros, Window, tzdata};
    /// let paris = tzdata::zone("Europe/Paris")?;
    /// let noon = UnixMicros::from_secs(1_743_328_800);
    /// let day = Window::containing(&paris, Period::DAY, noon);
    /// assert_eq!(day.start, UnixMicros::from_secs(1_743_289_200));
    /// assert_eq!(day.length(), Micros::from_secs(23 * 3_600));
    /// # Ok::<(), tzdata::UnknownZone>(())
    /// ```
    pub fn containing(zone: &Zone, period: Period, at: UnixMicros) -> Self {
        let secs = at.secs().clamp(EARLIEST_SECS, LATEST_SECS);
        let (start, end) = match period.seconds_under_a_day() {
            Some(length) => clock_window(zone, length, secs),
            None => dated_window(zone, period, secs),
        };
        Self { start: UnixMicros::from_secs(start), end: UnixMicros::from_secs(end) }
    }

    /// Whether an instant lies inside; the end does not.
    ///
    /// The end is the first instant that is outside: it belongs to the next window.
    pub fn contains(&self, at: UnixMicros) -> bool {
        self.start <= at && at < self.end
    }

    /// How long the window is, which clock changes make differ from its period.
    pub fn length(&self) -> Micros {
        Micros(self.end.0.abs_diff(self.start.0))
    }
}

/// The window of a day or longer, whose start is the first second at which the clock has come so far.
fn dated_window(zone: &Zone, period: Period, secs: i64) -> (i64, i64) {
    let (from, until) = period.civil_span(zone.latest_civil(secs));
    (zone.first_reaching(from), zone.first_reaching(until))
}

/// The window of less than a day, which a transition may cut.
fn clock_window(zone: &Zone, length: i64, secs: i64) -> (i64, i64) {
    let stretch = zone.stretch_at(secs);
    let civil = secs + i64::from(zone.offset_of(stretch));
    let from = civil - civil.rem_euclid(length);
    (clock_start(zone, length, from, stretch), clock_end(zone, length, from + length, stretch))
}

/// Walks back from a stretch to where its clock showed `from`, or to the transition that cuts the window.
fn clock_start(zone: &Zone, length: i64, from: i64, mut stretch: usize) -> i64 {
    loop {
        let start = from - i64::from(zone.offset_of(stretch));
        match zone.start_of(stretch) {
            Some(change) if start < change && is_cut(zone, length, stretch) => return change,
            Some(change) if start < change => stretch -= 1,
            _ => return start,
        }
    }
}

/// Walks on from a stretch to where its clock shows `until`, or to the transition that cuts the window.
fn clock_end(zone: &Zone, length: i64, until: i64, mut stretch: usize) -> i64 {
    loop {
        let end = until - i64::from(zone.offset_of(stretch));
        stretch += 1;
        match zone.start_of(stretch) {
            Some(change) if change <= end && is_cut(zone, length, stretch) => return change,
            Some(change) if change <= end => {}
            _ => return end,
        }
    }
}

/// Whether a window starts with a stretch: its clock begins in another multiple of `length`, or on one again.
fn is_cut(zone: &Zone, length: i64, stretch: usize) -> bool {
    let Some(change) = zone.start_of(stretch) else {
        return false;
    };
    let first = change + i64::from(zone.offset_of(stretch));
    let last = change - 1 + i64::from(zone.offset_of(stretch - 1));
    first.rem_euclid(length) == 0 || first.div_euclid(length) != last.div_euclid(length)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::model::time::zone::{Transition, ZoneSource};

    const HALF_HOUR: i32 = 1_800;

    fn set_back_at(at: i64, by: i32) -> Zone {
        let back = Transition { at, offset: -by };
        Zone::new("Test/Back", ZoneSource::System { version: None }, 0, [back])
    }

    fn window(zone: &Zone, period: Period, secs: i64) -> (i64, i64) {
        let window = Window::containing(zone, period, UnixMicros::from_secs(secs));
        (window.start.secs(), window.end.secs())
    }

    #[test]
    fn a_request_at_the_exact_end_belongs_to_the_next_window() {
        let first = Window::containing(&Zone::utc(), Period::HOUR, UnixMicros(0));
        let second = Window::containing(&Zone::utc(), Period::HOUR, first.end);
        assert!(!first.contains(first.end) && second.contains(first.end));
        assert_eq!(second.start, first.end);
    }

    #[test]
    fn the_last_microsecond_belongs_to_the_window() {
        let hour = Window::containing(&Zone::utc(), Period::HOUR, UnixMicros(3_599_999_999));
        assert_eq!(hour, Window { start: UnixMicros(0), end: UnixMicros::from_secs(3_600) });
        assert_eq!(hour.length(), Micros::from_secs(3_600));
    }

    #[test]
    fn an_instant_before_1970_lies_in_the_window_that_started_before_it() {
        assert_eq!(window(&Zone::utc(), Period::HOUR, -1), (-3_600, 0));
        assert_eq!(window(&Zone::utc(), Period::YEAR, -1), (-365 * 86_400, 0));
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_windows() {
        let zone = set_back_at(10_800, 3_600);
        assert_eq!(window(&zone, Period::HOUR, 10_799), (7_200, 10_800));
        assert_eq!(window(&zone, Period::HOUR, 10_800), (10_800, 14_400));
    }

    #[test]
    fn an_hour_runs_through_a_clock_set_back_within_it() {
        let zone = set_back_at(10_800, HALF_HOUR);
        assert_eq!(window(&zone, Period::HOUR, 10_800), (7_200, 12_600));
        assert_eq!(window(&zone, Period::HOUR, 7_200), (7_200, 12_600));
    }

    #[test]
    fn a_clock_that_lands_on_a_multiple_again_starts_a_window() {
        let half_hours = Period::Seconds(NonZeroU32::MIN.saturating_add(1_799));
        let zone = set_back_at(10_800, HALF_HOUR);
        assert_eq!(window(&zone, half_hours, 10_799), (9_000, 10_800));
        assert_eq!(window(&zone, half_hours, 10_800), (10_800, 12_600));
    }

    #[test]
    fn a_day_that_has_begun_does_not_begin_again() {
        let zone = set_back_at(86_460, 3_600);
        assert_eq!(window(&zone, Period::DAY, 86_460), (86_400, 172_800 + 3_600));
    }

    #[test]
    fn instants_beyond_the_known_years_do_not_panic() {
        let last = NonZeroU32::MAX;
        let calendar = [Period::Weeks(last), Period::Months(last), Period::Years(last)];
        for period in [Period::SECOND, Period::Seconds(last)].into_iter().chain(calendar) {
            for at in [i64::MIN, -1, 0, i64::MAX] {
                let window = Window::containing(&Zone::utc(), period, UnixMicros(at));
                assert!(window.start < window.end, "{period} at {at}");
            }
        }
    }
}
