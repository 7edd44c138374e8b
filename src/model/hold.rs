//! The hold: what admitted requests are still expected to cost, as a decision counts it.

/// The part of what is left that requests may hold while they wait for their clients: a tenth.
const LEFT_TO_WAITING: u64 = 10;

/// What is held of a quota of which `spent` is spent, in microseconds.
///
/// Requests that run hold all that they are expected to cost, `running`. Those that wait for their clients are expected
/// to cost `waiting` once their clients come back, but that may be never: all of them together hold at most a tenth of
/// what is left. So a quota is never refused for what is waited for alone, however many clients stall.
#[inline]
pub(crate) const fn hold(quota: u64, spent: u64, running: u64, waiting: u64) -> u64 {
    if waiting == 0 {
        return running; // As mostly.
    }
    let most = quota.saturating_sub(spent).saturating_sub(running) / LEFT_TO_WAITING;
    running.saturating_add(if waiting < most { waiting } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_holds_at_most_a_tenth_of_what_is_left() {
        assert_eq!(hold(60_000, 10_000, 20_000, 0), 20_000);
        assert_eq!(hold(60_000, 10_000, 20_000, 500), 20_500);
        assert_eq!(hold(60_000, 10_000, 20_000, 900_000), 23_000);
        assert_eq!(hold(60_000, 60_000, 5, 900_000), 5);
    }
}
