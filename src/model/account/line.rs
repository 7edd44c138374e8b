//! A ledger at one moment, which is what processes tell each other, and what each may spend of a budget that they share.
//!
//! A [`Ledger`] is relative to the ticks of its process, which mean nothing elsewhere. Its values at one moment, with the
//! slope, are a [`Line`]: that means the same everywhere, and the lines of several processes are summed by summing five
//! integers.

use crate::model::account::ledger::Ledger;
use crate::model::time::{Micros, Tick};

/// How long a line goes on after it was last heard of, in microseconds: 3 s.
///
/// A process with running requests speaks at least once a second, so one that has been silent for that long is dead or
/// cut off. What it had spent stays.
pub(crate) const FROZEN_AFTER: Micros = Micros(3_000_000);

/// A ledger's two lines at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// What has been charged less what was granted, in the limit's unit: below 0 where that is more. The sum of all lines of an
    /// account is what counts.
    pub net: i64,
    /// What the running requests are still expected to cost, in microseconds.
    pub held: u64,
    /// What the paused requests are still expected to cost, in microseconds.
    pub waiting: u64,
    /// By how many microseconds per microsecond `net` and `held` rise.
    pub running: u32,
    /// Admitted requests that have not been settled.
    pub admitted: u32,
}

impl Line {
    /// A ledger's lines at a tick.
    pub(crate) fn new(ledger: &Ledger, at: Tick) -> Self {
        Self {
            net: ledger.net(at),
            held: ledger.hold(at, Micros(u64::MAX)),
            waiting: ledger.waiting,
            running: ledger.running,
            admitted: ledger.admitted,
        }
    }

    /// What the running requests are expected to cost a window of which `left` is left: none can cost more than that.
    pub(crate) fn hold(&self, left: Micros) -> u64 {
        self.held.min(u64::from(self.running).saturating_mul(left.0))
    }

    /// Whether it says nothing: nothing is charged and nothing runs.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The sum of the other processes' lines, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Others {
    /// The lines' values when they were read.
    pub line: Line,
    /// When that was.
    pub read_at: Tick,
}

impl Others {
    /// Before anything was read.
    pub(crate) const UNKNOWN: Self = Self {
        line: Line { net: 0, held: 0, waiting: 0, running: 0, admitted: 0 },
        read_at: Tick(i64::MIN / 2),
    };

    /// The lines at a tick.
    ///
    /// They rise for [`FROZEN_AFTER`] at most: who has not been able to read for longer knows no more than that.
    pub(crate) fn at(&self, at: Tick) -> Line {
        let age = at.since(self.read_at).0.min(FROZEN_AFTER.0);
        let risen = u64::from(self.line.running).saturating_mul(age);
        let Line { net, held, .. } = self.line;
        let net = net.saturating_add_unsigned(risen);
        Line { net, held: held.saturating_add(risen), ..self.line }
    }
}

/// The quickest pace of a sync.
const QUICKEST: Micros = Micros(10_000);

/// An equal share, by the processes last seen, of what was left when they were last heard of.
///
/// Where anything is left it is at least 1, or a cap that is smaller than the number of processes would lock everybody
/// out; so all of them together can exceed what was left by one less than their number.
pub(crate) fn equal_share(left: u64, processes: u32) -> u64 {
    (left / u64::from(processes.max(1))).max(u64::from(left > 0))
}

/// How long an account of a time limit may go without a sync.
///
/// A quarter of the time in which the requests that run would spend what is left, so that the pace rises as the end of
/// the budget comes near; never less than 10 ms, and never more than `sync`.
pub(crate) fn pace(left: Micros, running: u32, sync: Micros) -> Micros {
    let quarter = left.0 / 4 / u64::from(running.max(1));
    Micros(quarter.max(QUICKEST.0).min(sync.0))
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
        let others = Others { line: Line::new(&ledger, Tick(300)), read_at: Tick(9_000) };
        let there = others.at(Tick(9_500));
        assert_eq!(there, Line::new(&ledger, Tick(800)));
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

    #[test]
    fn others_are_predicted_for_three_seconds() {
        let line = Line { net: 100, running: 2, admitted: 2, ..Line::default() };
        let others = Others { line, read_at: Tick(1_000) };
        let spent = [1_050, 900, 9_001_000].map(|at| others.at(Tick(at)).net);
        assert_eq!(spent, [100 + 2 * 50, 100, 100 + 2 * 3_000_000]);
    }

    #[test]
    fn a_share_is_never_nothing_of_something() {
        assert_eq!([equal_share(100, 3), equal_share(1, 3), equal_share(0, 3)], [33, 1, 0]);
    }

    #[test]
    fn the_pace_rises_as_the_end_of_the_budget_comes_near() {
        let sync = Micros::from_millis(250);
        let paces = [600, 8, 0].map(|left| pace(Micros::from_secs(left), 64, sync));
        assert_eq!(paces, [sync, Micros(31_250), Micros::from_millis(10)]);
    }
}
