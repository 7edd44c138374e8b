//! What is wrong with a rate string, and with which part of it.

use std::fmt;

use crate::model::excerpt::excerpt;
use crate::model::rate::parse_part;
use crate::model::rate_hint::meant;

/// The part of a rate string that cannot be read, and why.
///
/// Displays as `"10 per fortnight": no such period; expected second, minute, hour, day, week, month or year`, or, where
/// that is near, as `"5 per hr": no such period; did you mean "5 per hour"?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateError {
    part: String,
    fault: RateFault,
    meant: Option<String>,
}

impl RateError {
    pub(crate) fn new(part: &str, fault: RateFault) -> Self {
        // What is suggested can be read.
        let meant = meant(part, fault).filter(|meant| parse_part(meant).is_ok());
        Self { part: excerpt(part), fault, meant }
    }

    /// The bad part as it was written, cut where it is long.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The part as it was most likely meant, which can be read.
    pub fn meant(&self) -> Option<&str> {
        self.meant.as_deref()
    }

    /// What is wrong with it, and what was meant or expected.
    pub(crate) fn words(&self) -> String {
        let fault = self.fault.to_string();
        match &self.meant {
            None => fault,
            Some(meant) => {
                let what = fault.split("; expected").next().unwrap_or_default();
                format!("{what}; did you mean \"{}\"?", excerpt(meant))
            }
        }
    }

    /// What is wrong with it.
    pub const fn fault(&self) -> RateFault {
        self.fault
    }
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {}", self.part, self.words())
    }
}

impl std::error::Error for RateError {}

/// What can be wrong with one part of a rate string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateFault {
    /// There is no part where one should be, as between `;` and `;`.
    Empty,
    /// There are several parts where one is wanted.
    Several,
    /// Neither `per` nor `/` nor `concurrent` follows the amount.
    NoPeriod,
    /// The word after `per` is no period.
    UnknownPeriod,
    /// The period is no time at all, such as 0 hours.
    PeriodOfNothing,
    /// The period is longer than about 136 years, or counts more than a `u32`.
    PeriodTooLong,
    /// The amount is no number, or is below zero.
    NotAnAmount,
    /// The letters after the number are no unit of time.
    UnknownUnit,
    /// The number has a fraction but no unit of time.
    PartOfARequest,
    /// The time is no whole number of microseconds.
    TooFine,
    /// The amount is above 2^53 requests or microseconds.
    TooMuch,
    /// The cap on running requests is no whole number, or exceeds a `u32`.
    NotACap,
}

impl fmt::Display for RateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing here; expected a rate such as 10 per hour",
            Self::Several => "more than one rate; expected one",
            Self::NoPeriod => "no period; expected a rate such as 10 per hour, 600s per day or 5 concurrent",
            Self::UnknownPeriod => "no such period; expected second, minute, hour, day, week, month or year",
            Self::PeriodOfNothing => "a period of no time; expected at least 1",
            Self::PeriodTooLong => "too long a period; expected at most 4294967295 seconds",
            Self::NotAnAmount => {
                "no such amount; expected a whole number of requests, or server time such as 1.5s"
            }
            Self::UnknownUnit => "no such unit of time; expected us, ms, s, m or h",
            Self::PartOfARequest => {
                "a part of a request; expected a whole number, or server time such as 1.5s"
            }
            Self::TooFine => "finer than a microsecond; expected whole microseconds",
            Self::TooMuch => "too much; expected at most 9007199254740992 requests, or 9007199254.740992s",
            Self::NotACap => "no such cap; expected a whole number up to 4294967295",
        })
    }
}
