//! Limits: a quota per period, in a unit, or a cap on what runs at once; and how a tier multiplies them.

use std::fmt;
use std::ops::Deref;

use crate::model::time::{Micros, Period, Unit};

/// A quota per period in a unit, or a cap on running requests.
///
/// It is written as a [rate string](crate::parse_rates), parsed from one of a single part, or made by
/// [`requests`](Self::requests), [`time`](Self::time) and [`concurrent`](Self::concurrent). Windows are fixed: a new one
/// begins at its boundary with the whole quota, and nothing is carried over from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// At most `cap` admitted requests that have not ended, with their bodies and while their clients are waited for.
    Concurrent {
        /// The largest number of requests side by side.
        cap: u32,
    },
}

impl Limit {
    /// So many requests, of what follows: `Limit::requests(50).per(Period::HOUR)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use timebudget::{Limit, Period};
    ///
    /// assert_eq!(Limit::requests(50).per(Period::HOUR), "50 per hour".parse()?);
    /// assert_eq!(Limit::time(Duration::from_secs(60)).per(Period::DAY), "60s per day".parse()?);
    /// assert_eq!(Limit::concurrent(5), "5 concurrent".parse()?);
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub const fn requests(quota: u64) -> Quota {
        Quota { unit: Unit::Requests, quota }
    }

    /// So much server time, of what follows; it is rounded down to whole microseconds.
    pub fn time(quota: impl Into<Micros>) -> Quota {
        Quota { unit: Unit::Time, quota: quota.into().0 }
    }

    /// At most so many requests side by side; 0 refuses every request.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Limit;
    /// assert_eq!(Limit::concurrent(5), "5 concurrent".parse()?);
    /// assert_eq!(Limit::concurrent(5).period(), None, "a cap has no windows");
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub const fn concurrent(cap: u32) -> Self {
        Self::Concurrent { cap }
    }

    /// The unit that `X-RateLimit-Unit` names; running requests are requests.
    pub const fn unit(&self) -> Unit {
        match self {
            Self::Time { .. } => Unit::Time,
            Self::Requests { .. } | Self::Concurrent { .. } => Unit::Requests,
        }
    }

    /// What one window grants, in the limit's unit: microseconds or requests; of a cap, the requests side by side.
    pub const fn quota(&self) -> u64 {
        match self {
            Self::Time { quota, .. } => quota.0,
            Self::Requests { quota, .. } => *quota,
            Self::Concurrent { cap } => *cap as u64,
        }
    }

    /// Whether it counts requests in windows, as neither limits of time nor caps do.
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

    /// Whether it draws on the accounts that another limit of the same rule does, whatever the quotas are.
    pub(crate) fn shares_accounts_with(&self, other: &Self) -> bool {
        // Caps on running requests, and they alone, have no period.
        self.unit() == other.unit() && self.period() == other.period()
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

/// What a window is to grant, before it is said how long windows are: see [`Limit::requests`] and [`Limit::time`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timebudget::{Limit, Period};
///
/// assert_eq!(Limit::requests(50).per(Period::HOUR), "50 per hour".parse()?);
/// assert_eq!(Limit::time(Duration::from_secs(600)).per(Period::DAY), "600s per day".parse()?);
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a quota is no limit before it has a period"]
pub struct Quota {
    unit: Unit,
    quota: u64,
}

impl Quota {
    /// The limit that grants it in each window of a period.
    pub const fn per(self, period: Period) -> Limit {
        match self.unit {
            Unit::Time => Limit::Time { quota: Micros(self.quota), period },
            Unit::Requests => Limit::Requests { quota: self.quota, period },
        }
    }
}

/// A factor of quotas, in millionths: whole numbers, so that every process comes to the same quota.
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
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Limit, Multiplier};
    /// let double = Multiplier(2_000_000);
    /// assert_eq!(double.apply(&"50 per hour".parse::<Limit>()?), "100 per hour".parse()?);
    /// assert_eq!(double.apply(&Limit::concurrent(3)), Limit::concurrent(6));
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub fn apply(self, limit: &Limit) -> Limit {
        match *limit {
            Limit::Time { quota, period } => Limit::Time { quota: Micros(self.times(quota.0)), period },
            Limit::Requests { quota, period } => Limit::Requests { quota: self.times(quota), period },
            Limit::Concurrent { cap } => {
                Limit::Concurrent { cap: u32::try_from(self.times(cap.into())).unwrap_or(u32::MAX) }
            }
        }
    }
}

/// Limits of which no two would share an account: at most one of each unit and period, and one cap.
///
/// An account is known by its unit and period but not by its quota. Two such limits of one rule would be one account, and
/// every request would be charged to it twice. So of several the smallest is kept, at the place of the first.
///
/// It is made from a limit, or from a list of them, and is read like a slice.
///
/// # Examples
///
/// ```
/// use timebudget::{LimitSet, parse_rates};
/// let limits = LimitSet::from(parse_rates("20 per hour; 10s per hour; 10 per 60 minutes; 3 concurrent; 2 concurrent")?);
/// assert_eq!(limits, parse_rates("10 per hour; 10s per hour; 2 concurrent")?);
/// assert_eq!(limits[0].quota(), 10);
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSet(Vec<Limit>);

impl LimitSet {
    /// No limit at all.
    pub const EMPTY: Self = Self(Vec::new());

    /// Adds a limit, or lets the smaller one of its account hold.
    fn keep(&mut self, limit: Limit) {
        match self.0.iter_mut().find(|other| other.shares_accounts_with(&limit)) {
            Some(other) if other.quota() <= limit.quota() => {}
            Some(other) => *other = limit,
            None => self.0.push(limit),
        }
    }
}

impl FromIterator<Limit> for LimitSet {
    fn from_iter<I: IntoIterator<Item = Limit>>(limits: I) -> Self {
        let mut set = Self::EMPTY;
        limits.into_iter().for_each(|limit| set.keep(limit));
        set
    }
}

impl From<Limit> for LimitSet {
    fn from(limit: Limit) -> Self {
        Self(vec![limit])
    }
}

impl From<Vec<Limit>> for LimitSet {
    fn from(limits: Vec<Limit>) -> Self {
        limits.into_iter().collect()
    }
}

impl<const N: usize> From<[Limit; N]> for LimitSet {
    fn from(limits: [Limit; N]) -> Self {
        limits.into_iter().collect()
    }
}

impl Deref for LimitSet {
    type Target = [Limit];

    fn deref(&self) -> &[Limit] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a LimitSet {
    type Item = &'a Limit;
    type IntoIter = std::slice::Iter<'a, Limit>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl PartialEq<Vec<Limit>> for LimitSet {
    fn eq(&self, other: &Vec<Limit>) -> bool {
        self.0 == *other
    }
}

impl<const N: usize> PartialEq<[Limit; N]> for LimitSet {
    fn eq(&self, other: &[Limit; N]) -> bool {
        self.0 == *other
    }
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
            Multiplier(u64::MAX).apply(&Limit::Concurrent { cap: 2 }),
            Limit::Concurrent { cap: u32::MAX }
        );
    }

    #[test]
    fn a_quota_of_nothing_stays_nothing() {
        assert_eq!(Multiplier(9_000_000).apply(&Limit::Concurrent { cap: 0 }), Limit::Concurrent { cap: 0 });
    }
}
