//! One reading of both clocks, taken once per request and handed down.

use crate::model::units::{Tick, UnixMicros};

/// What the clocks say at one moment.
///
/// `utc` runs evenly: it follows the machine's wall clock but not the steps by which somebody sets it.
/// All steps since the process began are summed in `step`, so the wall clock itself reads `utc + step`.
/// A window in force is kept by `utc`, and so outlives a step; a new window is computed from [`Now::wall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: durations.
    pub tick: Tick,
    /// The even clock: the wall clock as if nobody had set it since the process began.
    pub utc: UnixMicros,
    /// By how many microseconds the wall clock has been set since the process began.
    pub step: i64,
}

impl Now {
    /// The wall clock's reading: which window it is.
    pub const fn wall(self) -> UnixMicros {
        self.utc.plus(self.step)
    }
}
