//! A budget that is wrapped around a request twice, which charges it twice.
//!
//! That cannot be seen where it is wrapped. A request shows it, and the log tells it once.

use std::sync::atomic::Ordering::Relaxed;

use crate::middleware::built::Built;
use crate::middleware::running::Running;

/// Looks whether a budget around this one charges the same account for the request.
#[cold]
pub(crate) fn compare(built: &Built, running: &Running) {
    if built.is_doubled.load(Relaxed) {
        return;
    }
    let Some(rule) = running.rule_charged_twice() else { return };
    if !built.is_doubled.swap(true, Relaxed) {
        log::warn!(
            "the budget that is built at {} is wrapped around a request twice, and its rule {rule} charges it twice; \
             wrap it once, or name the inner scope to the outer one by `except`",
            built.at
        );
    }
}
