//! Limits: a quota per period, in a unit, or a cap on what runs at once; and how a tier multiplies them.

use std::fmt;

use crate::model::time::{Micros, Period, Unit};

/// A quota per period in a unit, or a cap on running requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Server time per period.
    Time {
        /// Microseconds that one window grants.
        quota: Micros,
        /// The window's length.
        period: Period,
    },
    /// Requests per period.
    Requests {
        /// Requests that one window grants.
        quota: u64,
        /// The window's length.
        period: Period,
    },
    /// At most `cap` admitted requests that have not ended.
    Concurrent {
        /// The largest number of requests side by side.
        cap: u32,
    },
}

impl Limit {
    /// The unit that `X-RateLimit-Unit` names; running requests are requests.
    pub const fn unit(&self) -> Unit {
        match self {
            Self::Time { .. } => Unit::Time,
            Self::Requests { .. } | Self::Concurrent { .. } => Unit::Requests,
        }
    }

    /// What one window grants, in the limit's unit.
    pub const fn quota(&self) -> u64 {
        match self {
            Self::Time { quota, .. } => quota.0,
            Self::Requests { quota, .. } => *quota,
            Self::Concurrent { cap } => *cap as u64,
        }
    }

    /// Whether it counts requests in windows.
    pub const fn counts_requests(&self) -> bool {
        matches!(self, Self::Requests { .. })
    }

    /// The window's length; `None` for a cap on running requests, which has no window.
    pub const fn period(&self) -> Option<Period> {
        match self {
            Self::Time { period, .. } | Self::Requests { period, .. } => Some(*period),
            Self::Concurrent { .. } => None,
        }
    }
}

impl fmt::Display for Limit {
    /// Writes the limit as a rate string that parses back to it, time in the largest of s, ms and us that is exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { quota, period } => {
                let (amount, unit) = whole_units(quota.0);
                write!(f, "{amount}{unit} per {period}")
            }
            Self::Requests { quota, period } => write!(f, "{quota} per {period}"),
            Self::Concurrent { cap } => write!(f, "{cap} concurrent"),
        }
    }
}

const fn whole_units(micros: u64) -> (u64, &'static str) {
    if micros.is_multiple_of(1_000_000) {
        (micros / 1_000_000, "s")
    } else if micros.is_multiple_of(1_000) {
        (micros / 1_000, "ms")
    } else {
        (micros, "us")
    }
}

/// A factor of quotas, in millionths.
///
/// # Examples
///
/// ```
/// use timebudget::Multiplier;
/// let half_as_much_again = Multiplier(1_500_000);
/// assert_eq!(half_as_much_again.times(3), 5); // 4.5, rounded half up
/// assert_eq!(Multiplier(1).times(3), 1); // never less than 1
/// assert_eq!(half_as_much_again.times(0), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplier(pub u64);

impl Multiplier {
    /// The factor that changes nothing.
    pub const ONE: Self = Self(Self::SCALE);

    /// How many parts a whole has.
    pub(crate) const SCALE: u64 = 1_000_000;

    /// A quota times the factor: rounded half up, at least 1, at most 2^53; 0 stays 0.
    pub fn times(self, quota: u64) -> u64 {
        if quota == 0 {
            return 0;
        }
        let product = u128::from(quota) * u128::from(self.0) + u128::from(Self::SCALE / 2);
        let whole = u64::try_from(product / u128::from(Self::SCALE)).unwrap_or(u64::MAX);
        whole.clamp(1, Micros::MAX_QUOTA.0)
    }

    /// The limit with its quota, or its cap, times the factor; the account stays the same.
    pub fn of(self, limit: &Limit) -> Limit {
        match *limit {
            Limit::Time { quota, period } => Limit::Time { quota: Micros(self.times(quota.0)), period },
            Limit::Requests { quota, period } => Limit::Requests { quota: self.times(quota), period },
            Limit::Concurrent { cap } => {
                Limit::Concurrent { cap: u32::try_from(self.times(cap.into())).unwrap_or(u32::MAX) }
            }
        }
    }
}

/// The limits without those that a tighter one of the same unit and period makes pointless.
///
/// An account is known by its unit and period but not by its quota. So two such limits of one rule would be one
/// account, and every request would be charged to it twice.
///
/// # Examples
///
/// ```
/// use timebudget::tightest;
/// use timebudget::parse_rates;
/// let limits = parse_rates("20 per hour; 10s per hour; 10 per 60 minutes; 3 concurrent; 2 concurrent")?;
/// assert_eq!(tightest(limits), parse_rates("10 per hour; 10s per hour; 2 concurrent")?);
/// # Ok::<(), timebudget::RateError>(())
/// ```
pub fn tightest(limits: Vec<Limit>) -> Vec<Limit> {
    let mut kept: Vec<Limit> = Vec::with_capacity(limits.len());
    for limit in limits {
        match kept.iter_mut().find(|other| is_one_account(other, &limit)) {
            Some(other) if other.quota() <= limit.quota() => {}
            Some(other) => *other = limit,
            None => kept.push(limit),
        }
    }
    kept
}

fn is_one_account(one: &Limit, other: &Limit) -> bool {
    // Caps on running requests, and they alone, have no period.
    one.unit() == other.unit() && one.period() == other.period()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_written_as_people_write_it() {
        let time = |quota| Limit::Time { quota: Micros(quota), period: Period::HOUR }.to_string();
        assert_eq!(time(600_000_000), "600s per hour");
        assert_eq!(time(1_500_000), "1500ms per hour");
        assert_eq!(time(1), "1us per hour");
        assert_eq!(time(0), "0s per hour");
        assert_eq!(Limit::Requests { quota: 10, period: Period::DAY }.to_string(), "10 per day");
        assert_eq!(Limit::Concurrent { cap: 5 }.to_string(), "5 concurrent");
    }
}

#[cfg(test)]
mod multiplier_tests {
    use super::*;

    #[test]
    fn a_product_is_rounded_half_up() {
        let by = |millionths, quota| Multiplier(millionths).times(quota);
        assert_eq!([by(500_000, 1), by(500_000, 3), by(499_999, 3)], [1, 2, 1]);
        assert_eq!(by(333_333, 10), 3);
        assert_eq!(by(3_000_000, 50), 150);
    }

    #[test]
    fn a_product_stays_between_one_and_the_largest_quota() {
        assert_eq!(Multiplier(1).times(1), 1);
        assert_eq!(Multiplier(u64::MAX).times(u64::MAX), 1 << 53);
        assert_eq!(
            Multiplier(u64::MAX).of(&Limit::Concurrent { cap: 2 }),
            Limit::Concurrent { cap: u32::MAX }
        );
    }

    #[test]
    fn a_quota_of_nothing_stays_nothing() {
        assert_eq!(Multiplier(9_000_000).of(&Limit::Concurrent { cap: 0 }), Limit::Concurrent { cap: 0 });
    }
}
