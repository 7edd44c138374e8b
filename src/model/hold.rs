//! The hold: what admitted requests are still expected to cost, as a decision counts it.

/// The part of a quota that requests may hold while they wait for their clients and nothing runs: a tenth,
const OF_QUOTA: u64 = 10;

/// and the part of what is left of it: a half.
const OF_LEFT: u64 = 2;

/// What is held of a quota of which `spent` is spent, in microseconds.
///
/// Requests that run hold all that they are expected to cost, `running`. Those that wait for their clients are expected
/// to cost `waiting` once their clients come back, but that may be never. So all of them together hold at most a tenth of
/// the quota, or half of what is left if that is less, and as much again as what runs. While nothing runs and anything
/// is left, the next request is admitted, however many clients stall; and while much runs, a crowd that stalls can do no
/// more to the others than to halve how many of their requests run side by side. `docs/accounting.md` has the figures
/// of this form and of others.
#[inline]
pub(crate) const fn hold(quota: u64, spent: u64, running: u64, waiting: u64) -> u64 {
    if waiting == 0 {
        return running; // As mostly.
    }
    let (of_quota, of_left) = (quota / OF_QUOTA, quota.saturating_sub(spent) / OF_LEFT);
    let most = running.saturating_add(if of_quota < of_left { of_quota } else { of_left });
    running.saturating_add(if waiting < most { waiting } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_holds_at_most_a_tenth_of_the_quota_and_as_much_again_as_what_runs() {
        assert_eq!(hold(60_000, 10_000, 20_000, 0), 20_000);
        assert_eq!(hold(60_000, 10_000, 20_000, 500), 20_500);
        assert_eq!(hold(60_000, 10_000, 20_000, 900_000), 20_000 + 26_000);
        assert_eq!(hold(60_000, 10_000, 0, 900_000), 6_000);
    }

    #[test]
    fn what_waits_leaves_half_of_what_is_left_to_others() {
        assert_eq!(hold(60_000, 59_000, 0, 900_000), 500);
        assert_eq!(hold(60_000, 59_999, 0, 900_000), 0);
        assert_eq!(hold(60_000, 70_000, 5, 900_000), 10);
    }
}
