//! A ledger at one moment, which is what processes tell each other.
//!
//! A [`Ledger`] is relative to the ticks of its process, which mean nothing elsewhere. Its values at one moment, with
//! the slope, mean the same everywhere, and those of several processes are summed by summing five integers.

use crate::model::ledger::Ledger;
use crate::model::units::{Micros, Tick};

/// How long a line goes on after it was last heard of, in microseconds: 3 s.
///
/// A process with running requests speaks at least once a second, so one that has been silent for that long is dead or
/// cut off. What it had spent stays.
pub const FROZEN_AFTER: Micros = Micros(3_000_000);

/// A ledger's two lines at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What has been charged, in the limit's unit.
    pub spent: u64,
    /// What the running requests are still expected to cost, in microseconds.
    pub held: u64,
    /// What the paused requests are still expected to cost, in microseconds.
    pub waiting: u64,
    /// By how many microseconds per microsecond `spent` and `held` rise.
    pub running: u32,
    /// Admitted requests that have not been settled.
    pub admitted: u32,
}

impl Line {
    /// A ledger's lines at a tick.
    pub fn of(ledger: &Ledger, at: Tick) -> Self {
        Self {
            spent: ledger.spent(at),
            held: ledger.hold(at, Micros(u64::MAX)),
            waiting: ledger.waiting,
            running: ledger.running,
            admitted: ledger.admitted,
        }
    }

    /// What the running requests are expected to cost a window of which `left` is left: none can cost more than that.
    pub fn hold(&self, left: Micros) -> u64 {
        self.held.min(u64::from(self.running).saturating_mul(left.0))
    }

    /// Whether it says nothing: nothing is charged and nothing runs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The sum of the other processes' lines, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Others {
    /// The lines' values when they were read.
    pub line: Line,
    /// When that was.
    pub read_at: Tick,
}

impl Others {
    /// Before anything was read.
    pub const UNKNOWN: Self = Self {
        line: Line { spent: 0, held: 0, waiting: 0, running: 0, admitted: 0 },
        read_at: Tick(i64::MIN / 2),
    };

    /// The lines at a tick.
    ///
    /// They rise for [`FROZEN_AFTER`] at most: who has not been able to read for longer knows no more than that.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Tick, Line, Others};
    /// let line = Line { spent: 100, running: 2, admitted: 2, ..Line::default() };
    /// let others = Others { line, read_at: Tick(1_000) };
    /// assert_eq!(others.at(Tick(1_050)).spent, 100 + 2 * 50);
    /// assert_eq!(others.at(Tick(900)).spent, 100);
    /// assert_eq!(others.at(Tick(9_001_000)).spent, 100 + 2 * 3_000_000);
    /// ```
    pub fn at(&self, at: Tick) -> Line {
        let age = at.since(self.read_at).0.min(FROZEN_AFTER.0);
        let risen = u64::from(self.line.running).saturating_mul(age);
        let Line { spent, held, .. } = self.line;
        Line { spent: spent.saturating_add(risen), held: held.saturating_add(risen), ..self.line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_elsewhere_as_it_does_at_home() {
        let mut ledger = Ledger::default();
        ledger.start(Tick(100), Micros(70));
        ledger.start(Tick(250), Micros(0));
        ledger.start(Tick(250), Micros(40));
        ledger.pause(Tick(260), Micros(50));
        let others = Others { line: Line::of(&ledger, Tick(300)), read_at: Tick(9_000) };
        let there = others.at(Tick(9_500));
        assert_eq!(there, Line::of(&ledger, Tick(800)));
    }

    #[test]
    fn what_others_hold_is_clipped_to_what_is_left_of_the_window() {
        let line = Line { held: 900, running: 2, admitted: 3, ..Line::default() };
        assert_eq!(line.hold(Micros(100)), 200);
        assert_eq!(line.hold(Micros(1_000)), 900);
    }

    #[test]
    fn nothing_read_says_nothing() {
        assert!(Others::UNKNOWN.at(Tick(5)).is_empty());
    }
}
