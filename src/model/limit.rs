//! One limit: a quota per period, in a unit, or a cap on what runs at once.

use std::fmt;

use crate::model::period::Period;
use crate::model::units::{Micros, Unit};

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
