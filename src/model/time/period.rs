//! Periods: how long a limit's windows are, and where the calendar begins them.

use std::fmt;
use std::num::NonZeroU32;

use chrono::{DateTime, Datelike, NaiveDate};

const MINUTE_SECS: u32 = 60;
const HOUR_SECS: u32 = 3_600;
const DAY_SECS: u32 = 86_400;
const WEEK_SECS: i64 = 604_800;

/// Monday 1969-12-29 00:00, from which weeks count: the Monday before 1970-01-01, a Thursday.
const FIRST_MONDAY: i64 = -3 * DAY_SECS as i64;

/// Civil seconds stay this close to 1970 (about 31,700 years), so that no period, however long, overflows.
const FARTHEST: i64 = 1_000_000_000_000;

/// The months of 30,000 years: a little less than [`FARTHEST`], and well inside the years that chrono knows.
const FARTHEST_MONTH: i64 = 30_000 * 12;

/// The length of a limit's windows.
///
/// An hour is `Seconds(3600)` and a day `Seconds(86400)`: both follow the site's clock, as every period does. So a
/// day that the clocks shorten or lengthen is still one period.
///
/// Displays as in a rate string: `hour`, `90 seconds`, `3 months`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Period {
    /// So many seconds of the site's clock, counted from 1970-01-01 00:00 local.
    Seconds(NonZeroU32),
    /// So many weeks, counted from Monday 1969-12-29.
    Weeks(NonZeroU32),
    /// So many calendar months, counted from January 1970.
    Months(NonZeroU32),
    /// So many calendar years, counted from 1970.
    Years(NonZeroU32),
}

impl Period {
    /// One second.
    pub const SECOND: Self = Self::Seconds(NonZeroU32::MIN);
    /// One minute of the site's clock.
    pub const MINUTE: Self = Self::Seconds(MINUTE_COUNT);
    /// One hour of the site's clock.
    pub const HOUR: Self = Self::Seconds(HOUR_COUNT);
    /// One date of the site's clock.
    pub const DAY: Self = Self::Seconds(DAY_COUNT);
    /// One week, from Monday.
    pub const WEEK: Self = Self::Weeks(NonZeroU32::MIN);
    /// One calendar month.
    pub const MONTH: Self = Self::Months(NonZeroU32::MIN);
    /// One calendar year.
    pub const YEAR: Self = Self::Years(NonZeroU32::MIN);

    /// So many seconds; `None` for 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Period;
    /// assert_eq!(Period::seconds(86_400), Some(Period::DAY));
    /// assert_eq!(Period::seconds(0), None);
    /// ```
    pub const fn seconds(count: u32) -> Option<Self> {
        Self::of_seconds(count, 1)
    }

    /// So many minutes; `None` for 0, or for more seconds than a `u32` holds (about 136 years).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Period;
    /// assert_eq!(Period::minutes(60), Some(Period::HOUR));
    /// assert_eq!(Period::minutes(90).unwrap().to_string(), "90 minutes");
    /// ```
    pub const fn minutes(count: u32) -> Option<Self> {
        Self::of_seconds(count, MINUTE_SECS)
    }

    /// So many hours; `None` for 0, or for more seconds than a `u32` holds (about 136 years).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Period;
    /// assert_eq!(Period::hours(24), Some(Period::DAY));
    /// ```
    ///
    /// Windows of six hours begin at 0:00, 6:00, 12:00 and 18:00 of the site's clock; of five they move from day to day.
    pub const fn hours(count: u32) -> Option<Self> {
        Self::of_seconds(count, HOUR_SECS)
    }

    /// So many days; `None` for 0, or for more seconds than a `u32` holds (about 136 years).
    ///
    /// Seven days are not a week: they count from 1970-01-01, and so begin on Thursdays.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Period;
    /// assert_ne!(Period::days(7), Period::weeks(1));
    /// ```
    pub const fn days(count: u32) -> Option<Self> {
        Self::of_seconds(count, DAY_SECS)
    }

    /// So many weeks, each from Monday; `None` for 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Period, UnixMicros, Window, Zone};
    ///
    /// let saturday = UnixMicros::from_secs(1_740_830_400); // 2025-03-01T12:00:00Z
    /// let week = Window::containing(&Zone::utc(), Period::WEEK, saturday);
    /// assert_eq!(week.start, UnixMicros::from_secs(1_740_355_200)); // Monday, 2025-02-24
    /// assert_eq!(Period::weeks(1), Some(Period::WEEK));
    /// ```
    pub const fn weeks(count: u32) -> Option<Self> {
        match NonZeroU32::new(count) {
            Some(count) => Some(Self::Weeks(count)),
            None => None,
        }
    }

    /// So many calendar months, counted from January 1970, so that three are a quarter; `None` for 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Period, UnixMicros, Window, Zone};
    /// let quarter = Period::months(3).expect("more than none");
    /// let window = Window::containing(&Zone::utc(), quarter, UnixMicros::from_secs(1_743_328_800));
    /// assert_eq!(window.start, UnixMicros::from_secs(1_735_689_600)); // 2025-01-01
    /// ```
    pub const fn months(count: u32) -> Option<Self> {
        match NonZeroU32::new(count) {
            Some(count) => Some(Self::Months(count)),
            None => None,
        }
    }

    /// So many calendar years, counted from 1970; `None` for 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Period;
    /// assert_eq!(Period::years(1), Some(Period::YEAR));
    /// assert_eq!(Period::years(0), None);
    /// ```
    pub const fn years(count: u32) -> Option<Self> {
        match NonZeroU32::new(count) {
            Some(count) => Some(Self::Years(count)),
            None => None,
        }
    }

    /// The period's seconds if it is shorter than a day; such windows begin again when clocks are set back.
    pub(crate) fn seconds_under_a_day(self) -> Option<i64> {
        match self {
            Self::Seconds(count) if count.get() < DAY_SECS => Some(count.get().into()),
            _ => None,
        }
    }

    /// The civil seconds `[from, until)` of the period that `civil` lies in, as if no clock were ever changed.
    ///
    /// Civil seconds are what a clock on the wall shows, counted from 1970-01-01 00:00. Both ends stay within about
    /// 31,700 years of 1970, even where the period is longer.
    ///
    /// The span follows from the number alone, so every process and every site of a zone cuts the same windows without having agreed on them.
    pub(crate) fn civil_span(self, civil: i64) -> (i64, i64) {
        match self {
            Self::Seconds(count) => even_span(civil, count.get().into(), 0),
            Self::Weeks(count) => even_span(civil, i64::from(count.get()) * WEEK_SECS, FIRST_MONDAY),
            Self::Months(count) => month_span(civil, count.get().into()),
            Self::Years(count) => month_span(civil, i64::from(count.get()) * 12),
        }
    }

    const fn of_seconds(count: u32, each: u32) -> Option<Self> {
        let Some(secs) = count.checked_mul(each) else {
            return None;
        };
        match NonZeroU32::new(secs) {
            Some(secs) => Some(Self::Seconds(secs)),
            None => None,
        }
    }
}

const MINUTE_COUNT: NonZeroU32 = NonZeroU32::MIN.saturating_add(MINUTE_SECS - 1);
const HOUR_COUNT: NonZeroU32 = NonZeroU32::MIN.saturating_add(HOUR_SECS - 1);
const DAY_COUNT: NonZeroU32 = NonZeroU32::MIN.saturating_add(DAY_SECS - 1);

impl fmt::Display for Period {
    /// Writes the period of a rate string, in the largest unit that divides it: `hour`, `90 seconds`, `2 days`.
    ///
    /// Seconds are never written as weeks, for a week begins on Monday and `7 days` do not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match *self {
            Self::Seconds(secs) => whole_units(secs.get()),
            Self::Weeks(count) => (count.get(), "week"),
            Self::Months(count) => (count.get(), "month"),
            Self::Years(count) => (count.get(), "year"),
        };
        match count {
            1 => f.write_str(unit),
            _ => write!(f, "{count} {unit}s"),
        }
    }
}

fn whole_units(secs: u32) -> (u32, &'static str) {
    let units = [(DAY_SECS, "day"), (HOUR_SECS, "hour"), (MINUTE_SECS, "minute")];
    let largest = units.into_iter().find(|(each, _)| secs.is_multiple_of(*each));
    let (each, unit) = largest.unwrap_or((1, "second"));
    (secs / each, unit)
}

fn even_span(civil: i64, length: i64, origin: i64) -> (i64, i64) {
    let from = civil - (civil - origin).rem_euclid(length);
    (near(from), near(from + length))
}

fn month_span(civil: i64, length: i64) -> (i64, i64) {
    // Within FARTHEST chrono knows every date, so the default is never taken.
    let date = DateTime::from_timestamp(near(civil), 0).unwrap_or_default();
    let month = (i64::from(date.year()) - 1970) * 12 + i64::from(date.month0());
    let from = month - month.rem_euclid(length);
    (month_start(from), month_start(from + length))
}

/// The civil second at which a month begins; months count from January 1970.
fn month_start(month: i64) -> i64 {
    let month = month.clamp(-FARTHEST_MONTH, FARTHEST_MONTH);
    // Neither number can be out of range after the clamp, nor can the date be missing.
    let year = i32::try_from(1970 + month.div_euclid(12)).unwrap_or(1970);
    let of_year = u32::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
    let first = NaiveDate::from_ymd_opt(year, of_year, 1).unwrap_or_default();
    (first - NaiveDate::default()).num_seconds()
}

fn near(civil: i64) -> i64 {
    civil.clamp(-FARTHEST, FARTHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(period: Option<Period>) -> String {
        period.map(|period| period.to_string()).unwrap_or_default()
    }

    #[test]
    fn one_unit_is_shown_without_its_number() {
        let periods = [Period::SECOND, Period::MINUTE, Period::HOUR, Period::DAY];
        let calendar = [Period::WEEK, Period::MONTH, Period::YEAR];
        let names: Vec<_> = periods.into_iter().chain(calendar).map(|p| p.to_string()).collect();
        assert_eq!(names, ["second", "minute", "hour", "day", "week", "month", "year"]);
    }

    #[test]
    fn seconds_are_shown_in_the_largest_unit_that_divides_them() {
        assert_eq!(shown(Period::seconds(7_200)), "2 hours");
        assert_eq!(shown(Period::seconds(172_800)), "2 days");
        assert_eq!(shown(Period::seconds(90)), "90 seconds");
        assert_eq!(shown(Period::minutes(15)), "15 minutes");
        assert_eq!(shown(Period::hours(25)), "25 hours");
        assert_eq!(shown(Period::months(3)), "3 months");
    }

    #[test]
    fn seven_days_are_not_shown_as_a_week() {
        assert_eq!(shown(Period::days(7)), "7 days");
        assert_ne!(Period::days(7), Some(Period::WEEK));
    }

    #[test]
    fn no_period_is_empty_or_overflows() {
        let empty = [Period::seconds(0), Period::days(0), Period::weeks(0), Period::months(0)];
        assert_eq!(empty, [None; 4]);
        assert_eq!(Period::years(0), None);
        assert_eq!(Period::hours(u32::MAX), None);
        assert_eq!(Period::days(49_711), None);
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(Period::WEEK.civil_span(0), (FIRST_MONDAY, FIRST_MONDAY + WEEK_SECS));
        assert_eq!(Period::WEEK.civil_span(FIRST_MONDAY - 1).1, FIRST_MONDAY);
    }

    #[test]
    fn quarters_count_from_january_1970() {
        let quarter = Period::Months(NonZeroU32::MIN.saturating_add(2));
        assert_eq!(quarter.civil_span(0), (0, 90 * 86_400));
        assert_eq!(quarter.civil_span(-1), (-92 * 86_400, 0));
    }

    #[test]
    fn the_longest_periods_saturate() {
        let last = NonZeroU32::MAX;
        for period in [Period::Weeks(last), Period::Months(last), Period::Years(last)] {
            let (from, until) = period.civil_span(-1);
            assert!((-FARTHEST..0).contains(&from) && (0..=FARTHEST).contains(&until), "{period}");
        }
    }
}
