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
#[cfg(test)]
mod tests;
mod write;

pub(crate) use burn_down::Budget;
pub(crate) use histogram::Histogram;
pub(crate) use hub::{Crowd, Hub, Listener};
pub(crate) use live::{Live, time, unit};
pub(crate) use record::Outcome;
pub(crate) use rollup::{
    Batch, HOUR, HOURS_KEPT, Key, MINUTE, MINUTES_KEPT, OTHER, Rows, Spender, Sum, hour_of, hours, merge,
};
pub(crate) use sketch::Spending;
pub(crate) use tally::LARGEST;
pub(crate) use write::write;

use std::sync::Arc;

use timebudget::store::Fault;
use timebudget::{Event, KeyDigest, Observe, Site, UnixMicros};

/// Notes what is decided and settled: for [`BudgetBuilder::observe`](timebudget::BudgetBuilder::observe).
#[derive(Clone, Debug)]
pub struct Observer(Arc<Live>);

impl Observer {
    pub(crate) const fn new(live: Arc<Live>) -> Self {
        Self(live)
    }
}

impl Observe for Observer {
    fn hears_admissions(&self) -> bool {
        self.0.recorder.hears_admissions()
    }

    #[inline]
    fn refused(&self, event: &Event<'_>) {
        self.0.recorder.refused(event);
    }

    #[inline]
    fn settled(&self, event: &Event<'_>) {
        self.0.recorder.settled(event);
    }

    fn key_used(&self, site: &Site, key: &KeyDigest, at: UnixMicros) {
        self.0.recorder.key_used(site, key, at);
    }

    fn failed(&self, site: &str, fault: &Fault) {
        self.0.recorder.failed(site, fault);
    }
}
