//! Calendars: which window of a zone and period is in force.
//!
//! A calendar is asked at every decision, and mostly answers from what it has: the window in force, until its edge on the even clock.
//! Only then is the zone asked, once, which window the wall clock lies in.
//!
//! # When the wall clock is set
//!
//! A window that is in force keeps its end on the even clock, however the wall clock jumps meanwhile: nobody gains a quota by setting a
//! clock back, and nobody loses one. What comes after it is what the wall clock then says. Where that is up to half a second behind the
//! end, which is how far clocks drift between two corrections, the next window begins all the same.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::{Micros, Now, Period, Tick, UnixMicros, Window, Zone};

/// A window, and until when it stays.
///
/// All its instants are in microseconds. `edge` and `start_tick` are on the clock that no one can set; `window` is as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The window as it was computed from the wall clock.
    pub window: Window,
    /// Its end on the even clock, [`Now::utc`]: setting the wall clock does not move it.
    pub edge: UnixMicros,
    /// The tick at which it began, never before its predecessor ended.
    pub start_tick: Tick,
    /// Counts the windows that this process has seen, so that a start instant that comes again is another window.
    pub sequence: u32,
}

impl InForce {
    /// How long until the window ends, on the even clock; 0 once it has ended.
    #[inline]
    pub fn left(&self, now: Now) -> Micros {
        Micros(self.edge.0.max(now.utc.0).wrapping_sub(now.utc.0) as u64)
    }
}

/// By how much a wall clock may be behind when a window ends, in microseconds: half a second.
const A_MOMENT: i64 = 500_000;

/// The windows of one period in one zone, each computed once.
///
/// A window in force stays for what was left of it on the monotonic clock, whatever becomes of the wall clock; then
/// the wall clock says which window is next. One that is only a moment behind does not begin the old window again.
#[derive(Debug)]
pub struct Calendar {
    zone: Arc<Zone>,
    /// `None` is one window for ever: that of a cap on running requests.
    period: Option<Period>,
    in_force: Mutex<Option<InForce>>,
}

impl Calendar {
    /// The calendar of a period in a zone; without a period, of one window that never ends.
    pub const fn new(zone: Arc<Zone>, period: Option<Period>) -> Self {
        Self { zone, period, in_force: Mutex::new(None) }
    }

    /// The zone whose clock cuts the windows.
    pub const fn zone(&self) -> &Arc<Zone> {
        &self.zone
    }

    /// The windows' length; `None` of the one window for ever in which caps count what runs.
    pub const fn period(&self) -> Option<Period> {
        self.period
    }

    /// The window in force: at most once per window a search, else a comparison.
    pub fn in_force(&self, now: Now) -> InForce {
        let mut in_force = self.in_force.lock();
        match *in_force {
            Some(current) if now.utc < current.edge => current,
            previous => *in_force.insert(self.begin(now, previous)),
        }
    }

    /// The window in force, moved to where the wall clock sees it: still the same one, in its number and its beginning.
    #[cfg(feature = "redis")]
    pub(crate) fn realigned(&self, now: Now) -> InForce {
        let mut in_force = self.in_force.lock();
        let seen = self.begin(now, None);
        let moved = in_force.map_or(seen, |current| InForce {
            start_tick: current.start_tick,
            sequence: current.sequence,
            ..seen
        });
        *in_force.insert(moved)
    }

    /// The new window's tick is never before the old one's end, so a request that spans both pays each for its own part, and no
    /// microsecond twice.
    fn begin(&self, now: Now, previous: Option<InForce>) -> InForce {
        let Some(period) = self.period else {
            return FOR_EVER;
        };
        let wall = now.wall();
        let just_ended = previous.filter(|p| is_a_moment_before(wall, p.window.end));
        let reached = just_ended.map_or(wall, |p| p.window.end);
        let window = Window::containing(&self.zone, period, reached);
        let begun = tick_of(now, window.start.plus(-now.step));
        let start_tick = match (just_ended, previous) {
            (Some(p), _) => tick_of(now, p.edge),
            (None, Some(p)) => begun.max(tick_of(now, p.edge)),
            (None, None) => begun,
        };
        InForce {
            window,
            edge: window.end.plus(-now.step),
            start_tick,
            sequence: previous.map_or(0, |p| p.sequence.wrapping_add(1)),
        }
    }
}

const FOR_EVER: InForce = InForce {
    window: Window { start: UnixMicros(i64::MIN), end: UnixMicros(i64::MAX) },
    edge: UnixMicros(i64::MAX),
    start_tick: Tick(i64::MIN),
    sequence: 0,
};

fn is_a_moment_before(wall: UnixMicros, end: UnixMicros) -> bool {
    (1..A_MOMENT).contains(&end.0.saturating_sub(wall.0))
}

/// The tick at which the even clock read `utc`.
const fn tick_of(now: Now, utc: UnixMicros) -> Tick {
    Tick(now.tick.0.saturating_sub(now.utc.0.saturating_sub(utc.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14 22:00 UTC.
    const START_SECS: i64 = 1_699_999_200;

    fn hours() -> Calendar {
        Calendar::new(Arc::new(Zone::utc()), Some(Period::HOUR))
    }

    const HOUR: i64 = 3_600_000_000;

    /// So many microseconds after the start, with a wall clock that has been set by so many seconds.
    fn after(micros: i64, set_by_secs: i64) -> Now {
        let utc = UnixMicros::from_secs(START_SECS).plus(micros);
        Now { tick: Tick(micros), utc, step: set_by_secs * 1_000_000 }
    }

    fn hour(hours_later: i64) -> Window {
        let start = START_SECS + hours_later * 3_600;
        Window { start: UnixMicros::from_secs(start), end: UnixMicros::from_secs(start + 3_600) }
    }

    #[test]
    fn a_window_ends_at_its_edge_and_the_next_begins_there() {
        let calendar = hours();
        let first = calendar.in_force(after(0, 0));
        let last = after(HOUR - 1, 0);
        assert_eq!((calendar.in_force(last), first.left(last)), (first, Micros(1)));
        let second = calendar.in_force(after(HOUR, 0));
        assert_eq!((first.window, second.window), (hour(0), hour(1)));
        assert_eq!((second.start_tick, second.sequence), (Tick(HOUR), first.sequence + 1));
    }

    #[test]
    fn a_window_that_nobody_asked_for_is_skipped() {
        let calendar = hours();
        calendar.in_force(after(0, 0));
        let fifth = calendar.in_force(after(4 * HOUR + HOUR / 2, 0));
        assert_eq!((fifth.window, fifth.start_tick), (hour(4), Tick(4 * HOUR)));
    }

    #[test]
    fn setting_the_wall_clock_moves_no_edge() {
        let calendar = hours();
        let first = calendar.in_force(after(0, 0));
        for secs in [-7_200, 90_000, -86_400] {
            assert_eq!(calendar.in_force(after(HOUR - 1, secs)), first);
        }
    }

    #[test]
    fn after_the_edge_the_wall_clock_says_which_window_is_next() {
        let calendar = hours();
        calendar.in_force(after(0, 0));
        let edge = after(HOUR, 5_400);
        let next = calendar.in_force(edge);
        assert_eq!((next.window, next.left(edge)), (hour(2), Micros::from_secs(1_800)));
        assert_eq!(next.start_tick, Tick(HOUR));
    }

    #[test]
    fn a_start_that_comes_again_has_another_sequence() {
        let calendar = hours();
        let first = calendar.in_force(after(0, 0));
        let again = calendar.in_force(after(HOUR, -3_600));
        assert_eq!(again.window, first.window);
        assert_ne!(again.sequence, first.sequence);
    }

    /// The clock of a server is known to a fraction of a second; it must not give back what was just spent.
    #[test]
    fn a_wall_clock_that_is_a_moment_behind_begins_the_next_window() {
        let calendar = hours();
        let first = calendar.in_force(after(0, 0));
        let behind = Now { step: -400_000, ..after(HOUR + 10, 0) };
        let next = calendar.in_force(behind);
        assert_eq!((next.window, next.start_tick), (hour(1), Tick(HOUR)));
        assert_eq!(next.sequence, first.sequence + 1);
        assert_eq!(next.left(behind), Micros(3_600_399_990));
    }

    #[test]
    fn without_a_period_one_window_lasts_for_ever() {
        let calendar = Calendar::new(Arc::new(Zone::utc()), None);
        let first = calendar.in_force(after(0, 0));
        assert_eq!(calendar.in_force(after(1 << 60, 0)), first);
        assert_eq!(first.window, Window::ALL_TIME);
    }
}
