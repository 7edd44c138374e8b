//! Multipliers: how much more than others a tier may spend.

use crate::model::limit::Limit;
use crate::model::units::Micros;

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

#[cfg(test)]
mod tests {
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
