//! Windows: the half-open intervals into which a period cuts a zone's time.

use std::fmt;
use std::num::NonZeroU32;

use crate::model::units::UnixMicros;

/// The length of a limit's windows.
///
/// An hour is `Seconds(3600)` and a day `Seconds(86400)`: both follow the site's clock, as every period does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// So many seconds of the site's clock, counted from 1970-01-01 00:00 local.
    Seconds(NonZeroU32),
    /// So many weeks, counted from Monday 1969-12-29.
    Weeks(NonZeroU32),
    /// So many calendar months, counted from January 1970.
    Months(NonZeroU32),
    /// So many calendar years, counted from 1970.
    Years(NonZeroU32),
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// One concrete interval `[start, end)` of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant inside.
    pub start: UnixMicros,
    /// The first instant after.
    pub end: UnixMicros,
}
