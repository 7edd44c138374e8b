//! What a process may spend of a budget that it shares with others it cannot hear, and how often it should listen.

use crate::model::units::Micros;

/// The quickest pace of a sync.
const QUICKEST: Micros = Micros(10_000);

/// An equal share, by the processes last seen, of what was left when they were last heard of.
///
/// Where anything is left it is at least 1, or a cap that is smaller than the number of processes would lock everybody
/// out; so all of them together can exceed what was left by one less than their number.
///
/// # Examples
///
/// ```
/// use timebudget::equal_share;
/// assert_eq!(equal_share(100, 3), 33);
/// assert_eq!(equal_share(1, 3), 1);
/// assert_eq!(equal_share(0, 3), 0);
/// ```
pub fn equal_share(left: u64, processes: u32) -> u64 {
    (left / u64::from(processes.max(1))).max(u64::from(left > 0))
}

/// How long an account of a time limit may go without a sync.
///
/// A quarter of the time in which the requests that run would spend what is left, so that the pace rises as the end of
/// the budget comes near; never less than 10 ms, and never more than `sync`.
///
/// # Examples
///
/// ```
/// use timebudget::{Micros, pace};
/// let sync = Micros::from_millis(250);
/// assert_eq!(pace(Micros::from_secs(600), 64, sync), sync);
/// assert_eq!(pace(Micros::from_secs(8), 64, sync), Micros(31_250));
/// assert_eq!(pace(Micros::ZERO, 64, sync), Micros::from_millis(10));
/// ```
pub fn pace(left: Micros, running: u32, sync: Micros) -> Micros {
    let quarter = left.0 / 4 / u64::from(running.max(1));
    Micros(quarter.max(QUICKEST.0).min(sync.0))
}
