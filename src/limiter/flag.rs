//! Flags that are read by requests and may turn while they run.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// A flag that costs a request what a plain one does.
///
/// It orders nothing: whoever reads it has to be right whether it has turned already or not.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self, is_set: bool) {
        self.0.store(is_set, Relaxed);
    }
}
