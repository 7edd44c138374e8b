//! How much there is, as code says it.

use std::fmt;

use crate::model::quoted;
use crate::model::{Limit, RateError, parse_rates};

/// How much there is: a [rate string](crate::parse_rates), or limits.
///
/// # Examples
///
/// ```
/// use timebudget::{Limit, Period, TimeBudget};
///
/// let written = TimeBudget::rule("search", "50 per hour; 5 concurrent");
/// let typed = TimeBudget::rule("search", [Limit::requests(50).per(Period::HOUR), Limit::concurrent(5)]);
/// # let _ = (written, typed);
/// ```
#[derive(Clone, Debug)]
pub struct Limits(Said);

#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Typed(Vec<Limit>),
}

impl Limits {
    pub(crate) fn read(&self) -> Result<Vec<Limit>, RateError> {
        match &self.0 {
            Said::Text(rates) => parse_rates(rates),
            Said::Typed(limits) => Ok(limits.clone()),
        }
    }
}

impl From<&str> for Limits {
    fn from(rates: &str) -> Self {
        Self(Said::Text(rates.to_owned()))
    }
}

impl From<&String> for Limits {
    fn from(rates: &String) -> Self {
        Self::from(rates.as_str())
    }
}

impl From<String> for Limits {
    fn from(rates: String) -> Self {
        Self(Said::Text(rates))
    }
}

impl From<Limit> for Limits {
    fn from(limit: Limit) -> Self {
        Self::from([limit])
    }
}

impl<const N: usize> From<[Limit; N]> for Limits {
    fn from(limits: [Limit; N]) -> Self {
        Self::from(limits.to_vec())
    }
}

impl From<Vec<Limit>> for Limits {
    fn from(limits: Vec<Limit>) -> Self {
        Self(Said::Typed(limits))
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Said::Text(rates) => f.write_str(&quoted(rates)),
            Said::Typed(limits) => {
                let written: Vec<_> = limits.iter().map(ToString::to_string).collect();
                f.write_str(&written.join("; "))
            }
        }
    }
}
