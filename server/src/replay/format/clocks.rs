//! Instants as clocks on a wall show them, of logs that do not say in which zone.

use std::cell::Cell;
use std::sync::Arc;

use timebudget::Zone;

use crate::replay::format::time::SECOND;

/// How far the ends of requests may go back from one line to the next.
const TO_AND_FRO: i64 = 60 * SECOND;

/// How long before and after an instant its zone is asked: longer than any clock is put forward or back by.
const AROUND: i64 = 86_400;

/// The clocks of one log.
///
/// When they are put back they show an hour twice. The log says which of the two it is: lines are written when requests end, so that
/// it is the first until the ends go back.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    zone: Option<Arc<Zone>>,
    /// The latest end so far.
    latest: Cell<i64>,
}

impl Clone for Clocks {
    /// The clocks of another log, of which nothing was read.
    fn clone(&self) -> Self {
        Self::new(self.zone.clone())
    }
}

impl Clocks {
    /// Clocks of a zone, else of UTC.
    pub(crate) const fn new(zone: Option<Arc<Zone>>) -> Self {
        Self { zone, latest: Cell::new(i64::MIN) }
    }

    /// The instant, in microseconds since 1970, at which they show what would be this instant in UTC, of a request that ends so many
    /// microseconds later. An hour that they leave out is taken for the one behind it.
    pub(crate) fn instant(&self, shown: i64, ends_after: u64) -> i64 {
        let Some(zone) = &self.zone else { return shown };
        let secs = shown.div_euclid(SECOND);
        let offset_at = |secs: i64| i64::from(zone.offset_at(secs));
        let (before, after) = (offset_at(secs - AROUND), offset_at(secs + AROUND));
        let end = |instant: i64| instant.saturating_add_unsigned(ends_after);
        let (first, second) = (shown - before * SECOND, shown - after * SECOND);
        // Where neither holds the clocks leave it out.
        let is_second = || {
            let (first_holds, second_holds) =
                (offset_at(secs - before) == before, offset_at(secs - after) == after);
            let goes_back = end(first) < self.latest.get().saturating_sub(TO_AND_FRO);
            second_holds && (!first_holds || goes_back)
        };
        let instant = if before != after && is_second() { second } else { first };
        self.latest.set(self.latest.get().max(end(instant)));
        instant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-25T00:00:00Z; in Paris clocks are put back from 3 to 2 at 01:00:00Z.
    const MIDNIGHT: i64 = 1_792_886_400 * SECOND;
    const HOUR: i64 = 3_600 * SECOND;

    fn paris() -> Clocks {
        Clocks::new(Some(Arc::new(timebudget::tzdata::zone("Europe/Paris").unwrap())))
    }

    #[test]
    fn an_hour_that_is_shown_twice_is_the_first_until_the_log_goes_back() {
        let clocks = paris();
        let minute = 60 * SECOND;
        // Half past one, then a line a minute: from two to three, and again.
        let shown = (0..60).chain(0..60).chain(60..90).map(|at| MIDNIGHT + 2 * HOUR + at * minute);
        let instants: Vec<_> = shown.map(|shown| clocks.instant(shown, 0) - MIDNIGHT).collect();
        let expected: Vec<_> = (0..150).map(|at| at * minute).collect();
        assert_eq!(instants, expected);
    }

    #[test]
    fn a_line_that_was_written_a_little_late_is_not_in_the_second_hour() {
        let clocks = paris();
        let shown = MIDNIGHT + 2 * HOUR + HOUR / 2;
        assert_eq!(clocks.instant(shown, 0), MIDNIGHT + HOUR / 2);
        // One that has begun twenty minutes before and ends now.
        assert_eq!(clocks.instant(shown - HOUR / 3, 1_200_000_000), MIDNIGHT + HOUR / 6);
        assert_eq!(clocks.instant(shown - 30 * SECOND, 0), MIDNIGHT + HOUR / 2 - 30 * SECOND);
    }

    #[test]
    fn a_log_of_the_second_hour_alone_is_read_whole_and_so_is_another_log() {
        let clocks = paris();
        clocks.instant(MIDNIGHT + 3 * HOUR, 0);
        assert_eq!(clocks.instant(MIDNIGHT + 5 * HOUR / 2, 0), MIDNIGHT + 3 * HOUR / 2);
        assert_eq!(clocks.clone().instant(MIDNIGHT + 5 * HOUR / 2, 0), MIDNIGHT + HOUR / 2);
    }

    #[test]
    fn clocks_that_are_put_forward_leave_an_hour_out() {
        // 2026-03-29, when clocks are put from 2 to 3 at 01:00:00Z.
        let (clocks, one) = (paris(), 1_774_746_000 * SECOND);
        let of = |shown: i64| clocks.instant(shown, 0) - one;
        assert_eq!([of(one + HOUR - SECOND), of(one + 2 * HOUR), of(one + HOUR)], [-SECOND, 0, 0]);
    }
}
