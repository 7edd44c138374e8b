//! The numbers that everything else is made of, each with its unit in its type.

use std::fmt;
use std::time::Duration;

/// A span of server time in whole microseconds.
///
/// Quotas, costs and spends of time limits are `Micros`. The largest value that a site file can write is
/// [`Micros::MAX_QUOTA`], so that every JSON reader holds it exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    /// The largest quota of a time limit: 2^53 µs, about 285 years.
    pub const MAX_QUOTA: Self = Self(1 << 53);
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// The span of so many whole seconds; saturates.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Micros;
    /// assert_eq!(Micros::from_secs(600), Micros(600_000_000));
    /// ```
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The span of so many milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The same span in seconds, rounded **up**, as `Retry-After` and `Reset` want it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Micros;
    /// assert_eq!(Micros(1_000_001).secs_rounded_up(), 2);
    /// assert_eq!(Micros(0).secs_rounded_up(), 0);
    /// ```
    pub const fn secs_rounded_up(self) -> u64 {
        self.0.div_ceil(1_000_000)
    }
}

impl From<Duration> for Micros {
    /// Rounds down to whole microseconds; saturates.
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(span: Micros) -> Self {
        Duration::from_micros(span.0)
    }
}

impl fmt::Display for Micros {
    /// Writes the span for people, exactly and in the largest of s, ms and µs that it fills.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Micros;
    /// let written = [60_000_000, 1_500_000, 250_000, 1_500, 999, 0].map(|micros| Micros(micros).to_string());
    /// assert_eq!(written, ["60 s", "1.5 s", "250 ms", "1.5 ms", "999 µs", "0 s"]);
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, each, digits) = match self.0 {
            1..1_000 => return write!(f, "{} µs", self.0),
            1_000..1_000_000 => ("ms", 1_000, 3),
            _ => ("s", 1_000_000, 6),
        };
        let (whole, rest) = (self.0 / each, self.0 % each);
        match rest {
            0 => write!(f, "{whole} {unit}"),
            _ => write!(f, "{whole}.{} {unit}", format!("{rest:0digits$}").trim_end_matches('0')),
        }
    }
}

/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// The instant so many whole seconds after 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The whole second that this instant lies in.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant `span` later; saturates.
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// A reading of the monotonic clock: microseconds since an origin of the process's own.
///
/// Two ticks of one process can be subtracted; a tick means nothing to another process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub i64);

impl Tick {
    /// Microseconds from `earlier` to this tick; 0 if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> Micros {
        let span = self.0.wrapping_sub(earlier.0);
        Micros(if span > 0 { span.unsigned_abs() } else { 0 })
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Microseconds of server time.
    Time,
    /// Requests.
    Requests,
}

impl Unit {
    /// The unit's name in `X-RateLimit-Unit`: `microseconds` or `requests`.
    pub const fn header_name(self) -> &'static str {
        match self {
            Self::Time => "microseconds",
            Self::Requests => "requests",
        }
    }
}
