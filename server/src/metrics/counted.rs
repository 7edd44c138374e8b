//! The counters of a rule.

use std::sync::atomic::AtomicU64;

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
