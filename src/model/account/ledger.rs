//! The ledger: what an account has spent, as a straight line.
//!
//! While `n` requests of an account run, its spend grows by `n` microseconds per microsecond. So an account keeps
//! no list of its running requests, only the line `spent(t) = base + running · t`. What those that run are still
//! expected to cost is a second line of the same slope: each is expected to cost what was expected at its admission,
//! and as much again as it has already run. While a request waits for its client, this `part` of it lies in a sum
//! apart, `waiting`.
//!
//! ```text
//! part = expected + cost, what the request has run so far
//!
//! start at t     base -= t    held += expected - t                      running += 1    admitted += 1
//! pause at t     base += t    held += t - part       waiting += part    running -= 1
//! resume at t    base -= t    held += part - t       waiting -= part    running += 1
//! settle                                             waiting -= part                    admitted -= 1
//! window's edge  base = -running · edge
//! ```
//!
//! A request that ends while it runs is paused and settled.
//!
//! Products of a count and a tick may leave the range of `i64` on their way, so all arithmetic on lines wraps;
//! a value is exact as long as it is itself below 2^63 µs, which is 292 thousand years.

use crate::model::time::{Micros, Tick};

/// One account: its two lines.
///
/// For an account of requests the line is flat: `base` is the count.
///
/// # Examples
///
/// Two requests side by side, one of which ends:
///
/// ```
/// use timebudget::store::Ledger;
/// use timebudget::{Micros, Tick};
/// let mut account = Ledger::default();
/// account.start(Tick(1_000), Micros(0));
/// account.start(Tick(1_500), Micros(0));
/// assert_eq!(account.spent(Tick(2_000)), 1_000 + 500);
/// account.pause(Tick(2_000), Micros(1_000));
/// account.settle(Micros(1_000));
/// assert_eq!(account.spent(Tick(2_500)), 1_000 + 1_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The spend's value at tick 0, in microseconds; for requests the number charged.
    pub base: i64,
    /// The hold's value at tick 0, in microseconds.
    pub held: i64,
    /// What the paused requests are still expected to cost, in microseconds.
    pub waiting: u64,
    /// The slope of both: requests that run and are not waiting for their client.
    pub running: u32,
    /// Admitted requests that have not been settled.
    pub admitted: u32,
}

impl Ledger {
    /// What has been charged up to `at`, in the limit's unit; never below 0, which is told where more was granted than charged.
    #[inline]
    pub fn spent(&self, at: Tick) -> u64 {
        self.value(self.base, at)
    }

    /// What has been charged up to `at`, less what was granted: below 0 where more was granted than has been charged.
    #[inline]
    pub const fn net(&self, at: Tick) -> i64 {
        self.base.wrapping_add((self.running as i64).wrapping_mul(at.0))
    }

    /// What the running requests are still expected to cost of a window of which `left` is left.
    ///
    /// It counts for each request what it has already run once more, since what has run long goes on for long; but no
    /// request can cost the window more than what is left of it.
    #[inline]
    pub fn hold(&self, at: Tick, left: Micros) -> u64 {
        if self.running == 0 {
            return 0; // As mostly.
        }
        let most = u64::from(self.running).saturating_mul(left.0);
        self.value(self.held, at).min(most)
    }

    /// Admits a request that is expected to cost `expected`, and lets it run.
    ///
    /// From here the account's spend rises by one microsecond more in each microsecond, and its hold by what is expected of the request.
    #[inline]
    pub fn start(&mut self, at: Tick, expected: Micros) {
        self.admitted += 1;
        self.run(at, expected);
    }

    /// Stops the time of a request that begins to wait for its client, or ends.
    ///
    /// `part` is what was expected at its admission and what it has run since, over all windows.
    #[inline]
    pub fn pause(&mut self, at: Tick, part: Micros) {
        self.base = self.base.wrapping_add(at.0);
        self.held = self.held.wrapping_add(at.0).wrapping_sub(part.0 as i64);
        self.waiting = self.waiting.wrapping_add(part.0);
        self.running -= 1;
    }

    /// Lets the time of a request run again that was paused with the same part.
    #[inline]
    pub fn resume(&mut self, at: Tick, part: Micros) {
        self.waiting = self.waiting.wrapping_sub(part.0);
        self.run(at, part);
    }

    /// Ends a request that was paused with the same part.
    ///
    /// What it has cost until now stays in `base`; only its hold goes.
    #[inline]
    pub fn settle(&mut self, part: Micros) {
        self.waiting = self.waiting.wrapping_sub(part.0);
        self.admitted -= 1;
    }

    #[inline]
    fn run(&mut self, at: Tick, part: Micros) {
        self.base = self.base.wrapping_sub(at.0);
        self.held = self.held.wrapping_add(part.0 as i64).wrapping_sub(at.0);
        self.running += 1;
    }

    /// Charges `amount` microseconds at once, or returns them if it is below 0.
    #[inline]
    pub fn add(&mut self, amount: i64) {
        self.base = self.base.wrapping_add(amount);
    }

    /// Charges so many requests; saturates at `i64::MAX`.
    #[inline]
    pub fn count(&mut self, requests: u64) {
        self.base = self.base.saturating_add_unsigned(requests);
    }

    /// Returns so many requests that were charged before; if more are returned, the account is below 0, and grants them.
    #[inline]
    pub fn uncount(&mut self, requests: u64) {
        self.base = self.base.saturating_sub_unsigned(requests);
    }

    /// Grants so much more until the window ends: it is taken off what has been charged.
    ///
    /// What runs goes on as it did. At most 2^53 are ever granted beyond what has been charged.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::store::Ledger;
    /// use timebudget::{Micros, Tick};
    /// let mut account = Ledger::default();
    /// account.start(Tick(0), Micros(0));
    /// account.grant(30, Tick(100));
    /// assert_eq!((account.spent(Tick(100)), account.spent(Tick(150))), (70, 120));
    /// account.grant(500, Tick(150));
    /// assert_eq!((account.spent(Tick(150)), account.net(Tick(150))), (0, -380));
    /// ```
    pub fn grant(&mut self, amount: u64, at: Tick) {
        let net = self.net(at);
        let granted = net.saturating_sub_unsigned(amount).max(net.min(-MOST_GRANTED));
        self.base = self.base.wrapping_add(granted.wrapping_sub(net));
    }

    /// Forgets what has been charged up to `at`; what was granted beyond that stays.
    pub fn reset(&mut self, at: Tick) {
        self.base = self.base.wrapping_sub(self.net(at).max(0));
    }

    /// The account as it begins the next window at `edge`: nothing spent, and what runs goes on.
    pub fn carried_over(self, edge: Tick) -> Self {
        let base = i64::from(self.running).wrapping_mul(edge.0).wrapping_neg();
        Self { base, ..self }
    }

    /// Whether every admitted request has been settled, so that the account is a constant: its spend does not rise.
    #[inline]
    pub const fn is_idle(&self) -> bool {
        self.admitted == 0
    }

    #[inline]
    fn value(&self, line: i64, at: Tick) -> u64 {
        let risen = i64::from(self.running).wrapping_mul(at.0);
        u64::try_from(line.wrapping_add(risen)).unwrap_or(0)
    }
}

/// What may be granted beyond what has been charged: every store can add that up exactly.
const MOST_GRANTED: i64 = 1 << 53;

/// How long what is left of a quota lasts while so many requests spend it side by side, rounded up to a microsecond.
///
/// The line meets the quota at `(quota − b)/n` from now; at that instant the quota is spent.
#[inline]
pub(crate) const fn lasts(left: u64, running: u64) -> Micros {
    Micros(left.div_ceil(if running == 0 { 1 } else { running }))
}

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
    fn a_paused_request_costs_nothing_and_what_it_is_expected_to_cost_waits_with_it() {
        let mut account = Ledger::default();
        account.start(Tick(0), Micros(100));
        account.pause(Tick(30), Micros(130));
        assert_eq!(account.spent(Tick(1_000)), 30);
        assert_eq!((account.hold(Tick(1_000), Micros(5_000)), account.waiting), (0, 130));
        account.resume(Tick(1_000), Micros(130));
        assert_eq!((account.hold(Tick(1_000), Micros(5_000)), account.waiting), (130, 0));
    }

    #[test]
    fn no_request_holds_more_than_is_left_of_the_window() {
        let mut account = Ledger::default();
        account.start(Tick(0), Micros(100));
        assert_eq!(account.hold(Tick(0), Micros(40)), 40);
    }

    #[test]
    fn a_request_that_spans_the_edge_pays_the_new_window_from_the_edge_on() {
        let mut account = Ledger::default();
        account.start(Tick(500), Micros(0));
        assert_eq!(account.spent(Tick(900)), 400);
        let next = account.carried_over(Tick(900));
        assert_eq!(next.spent(Tick(900)), 0);
        assert_eq!(next.spent(Tick(1_000)), 100);
    }

    #[test]
    fn lines_stay_exact_where_their_products_overflow() {
        let mut account = Ledger::default();
        let late = i64::MAX / 4;
        for _ in 0..1_000 {
            account.start(Tick(late), Micros(0));
        }
        assert_eq!(account.spent(Tick(late + 7)), 7_000);
    }

    #[test]
    fn nothing_is_held_once_everything_is_settled() {
        let mut account = Ledger::default();
        account.start(Tick(5), Micros(70));
        account.start(Tick(6), Micros(0));
        account.pause(Tick(10), Micros(75));
        account.settle(Micros(75));
        account.pause(Tick(20), Micros(14));
        account.settle(Micros(14));
        assert_eq!(account, Ledger { base: 19, ..Ledger::default() });
    }
}

#[cfg(test)]
mod hold_tests {
    use super::*;

    #[test]
    fn what_waits_holds_at_most_a_tenth_of_the_quota_and_as_much_again_as_what_runs() {
        assert_eq!(hold(60_000, 10_000, 20_000, 0), 20_000);
        assert_eq!(hold(60_000, 10_000, 20_000, 500), 20_500);
        assert_eq!(hold(60_000, 10_000, 20_000, 900_000), 20_000 + 26_000);
        assert_eq!(hold(60_000, 10_000, 0, 900_000), 6_000);
    }

    #[test]
    fn a_quota_is_spent_when_what_is_left_of_it_is_shared_out_among_those_who_run() {
        let mut account = Ledger::default();
        account.start(Tick(0), Micros(0));
        account.start(Tick(100), Micros(0));
        let now = Tick(101);
        let span = lasts(1_001 - account.spent(now), 2);
        assert_eq!((span, account.spent(Tick(now.0 + 449))), (Micros(450), 1_000));
        assert!(account.spent(Tick(now.0 + 450)) >= 1_001);
        assert_eq!((lasts(7, 0), lasts(0, 3)), (Micros(7), Micros::ZERO));
    }

    #[test]
    fn what_waits_leaves_half_of_what_is_left_to_others() {
        assert_eq!(hold(60_000, 59_000, 0, 900_000), 500);
        assert_eq!(hold(60_000, 59_999, 0, 900_000), 0);
        assert_eq!(hold(60_000, 70_000, 5, 900_000), 10);
    }
}
