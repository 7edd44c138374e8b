//! What is seen while the limiter runs: who spends how much of what, and where it leads.
//!
//! A request is noted by the [`Recorder`], which costs it little. Once a second what was noted is counted, and once a minute
//! it is written down: see [`Live`].

mod burn_down;
mod histogram;
mod hub;
#[expect(clippy::module_inception, reason = "what all the others are for")]
mod live;
mod near;
mod record;
mod recorder;
mod rollup;
mod sketch;
mod tally;

pub(crate) use burn_down::Budget;
pub(crate) use histogram::Histogram;
pub(crate) use hub::{Hub, Listener};
pub(crate) use live::{Live, time, unit};
pub(crate) use record::Outcome;
pub(crate) use recorder::Recorder;
pub(crate) use rollup::{Batch, HOUR, HOURS_KEPT, Key, MINUTE, MINUTES_KEPT, OTHER, Rows, Spender, Sum};
pub(crate) use sketch::Spending;
