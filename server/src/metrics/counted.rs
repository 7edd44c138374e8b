//! The counters of a rule, and those of a route.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Upper bounds of the histogram, in microseconds: from a millisecond to a minute.
pub(crate) const BOUNDS: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 15_000_000,
    60_000_000,
];

/// What has become of the requests that a rule is about.
#[derive(Default)]
pub(crate) struct OfRule {
    pub(crate) requests: AtomicU64,
    pub(crate) refusals: AtomicU64,
    pub(crate) shadow_refusals: AtomicU64,
    pub(crate) charged_us: AtomicU64,
    pub(crate) cuts: AtomicU64,
    pub(crate) cut_us: AtomicU64,
}

/// What the requests of a route have cost.
#[derive(Default)]
pub(crate) struct OfRoute {
    pub(crate) micros: AtomicU64,
    /// Requests by what they cost: up to each of the bounds, and more.
    pub(crate) buckets: [AtomicU64; BOUNDS.len() + 1],
}

impl OfRoute {
    #[inline]
    pub(crate) fn add(&self, micros: u64) {
        self.micros.fetch_add(micros, Relaxed);
        // Most requests are short, so the first bounds are the ones to try first.
        let at = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[at].fetch_add(1, Relaxed);
    }
}
