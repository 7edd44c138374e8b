//! Calendars: which window of a zone and period is in force.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::now::Now;
use crate::model::units::{Micros, Tick, UnixMicros};
use crate::model::window::{Period, Window};
use crate::model::zone::Zone;

/// A window, and until when it stays.
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
    /// How long until the window ends.
    pub fn left(&self, now: Now) -> Micros {
        Micros(u64::try_from(self.edge.0.saturating_sub(now.utc.0)).unwrap_or(0))
    }
}

/// The windows of one period in one zone, each computed once.
///
/// A window in force stays for what was left of it on the monotonic clock, whatever becomes of the wall clock; then
/// the wall clock says which window is next.
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

    /// The windows' length.
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
    pub(in crate::store) fn realigned(&self, now: Now) -> InForce {
        let mut in_force = self.in_force.lock();
        let seen = self.begin(now, None);
        let moved = in_force.map_or(seen, |current| InForce {
            start_tick: current.start_tick,
            sequence: current.sequence,
            ..seen
        });
        *in_force.insert(moved)
    }

    fn begin(&self, now: Now, previous: Option<InForce>) -> InForce {
        let Some(period) = self.period else {
            return FOR_EVER;
        };
        let wall = now.wall();
        let window = Window::containing(&self.zone, period, wall);
        let begun = tick_of(now, window.start.plus(-now.step));
        InForce {
            window,
            edge: window.end.plus(-now.step),
            start_tick: previous.map_or(begun, |p| begun.max(tick_of(now, p.edge))),
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

/// The tick at which the even clock read `utc`.
const fn tick_of(now: Now, utc: UnixMicros) -> Tick {
    Tick(now.tick.0.saturating_sub(now.utc.0.saturating_sub(utc.0)))
}
