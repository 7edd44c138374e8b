//! The numbers that everything else is made of, each with its unit in its type; readings of the clocks, and terms.

use std::fmt;
use std::time::Duration;

/// A span of server time in whole microseconds.
///
/// Quotas, costs and spends of time limits are `Micros`. The largest value that a site file can write is
/// [`Micros::MAX_QUOTA`], so that every JSON reader holds it exactly.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timebudget::Micros;
///
/// let span = Micros::from(Duration::from_millis(1_500));
/// assert_eq!((span, span.to_string()), (Micros(1_500_000), "1.5 s".to_owned()));
/// assert_eq!(Duration::from(span), Duration::from_millis(1_500));
/// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Micros;
    /// assert_eq!(Micros::from_millis(250), Micros(250_000));
    /// assert_eq!(Micros::from_millis(u64::MAX), Micros(u64::MAX));
    /// ```
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
///
/// Instants before 1970 are below zero. It holds 292 thousand years to either side; windows are computed of the years -9999
/// to 9999.
///
/// # Examples
///
/// ```
/// use timebudget::UnixMicros;
/// let noon = UnixMicros::from_secs(1_743_328_800);
/// assert_eq!(noon.plus(-1).secs(), 1_743_328_799);
/// assert_eq!(UnixMicros(-1).secs(), -1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// The instant so many whole seconds after 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The whole second that this instant lies in, rounded down, before 1970 too.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant so many microseconds later, or earlier where they are below zero; saturates.
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// A reading of the monotonic clock: microseconds since an origin of the process's own.
///
/// Two ticks of one process can be subtracted; a tick means nothing to another process. It does not stand still where
/// somebody sets the wall clock, and may while the machine sleeps.
///
/// # Examples
///
/// ```
/// use timebudget::{Micros, Tick};
/// assert_eq!(Tick(1_500).since(Tick(1_000)), Micros(500));
/// assert_eq!(Tick(1_000).since(Tick(1_500)), Micros::ZERO);
/// ```
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
///
/// Requests that run, which caps limit, are requests.
///
/// # Examples
///
/// ```
/// use timebudget::{Limit, Unit};
/// assert_eq!("600s per hour".parse::<Limit>()?.unit(), Unit::Time);
/// assert_eq!("5 concurrent".parse::<Limit>()?.unit(), Unit::Requests);
/// # Ok::<(), timebudget::RateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

/// What the clocks say at one moment.
///
/// `utc` runs evenly: it follows the machine's wall clock but not the steps by which somebody sets it.
/// All steps since the process began are summed in `step`, so the wall clock itself reads `utc + step`.
/// A window in force is kept by `utc`, and so outlives a step; a new window is computed from [`Now::wall`].
///
/// # Examples
///
/// An operator sets the wall clock back by an hour. Windows in force are kept by `utc`, which has not moved:
///
/// ```
/// use timebudget::{Clock as _, ManualClock, UnixMicros};
///
/// let noon = UnixMicros::from_secs(1_743_328_800);
/// let clock = ManualClock::at(noon);
/// clock.set_wall_by(-3_600);
/// let now = clock.now();
/// assert_eq!((now.utc, now.wall()), (noon, noon.plus(-3_600_000_000)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: durations.
    pub tick: Tick,
    /// The even clock: the wall clock as if nobody had set it since the process began.
    pub utc: UnixMicros,
    /// By how many microseconds the wall clock has been set since the process began.
    pub step: i64,
}

impl Now {
    /// The wall clock's reading, with what it has been set by: it says which window a new one is, and may go back.
    pub const fn wall(self) -> UnixMicros {
        self.utc.plus(self.step)
    }
}

/// From when and until when something holds, by the wall clock: `[from, until)`.
///
/// # Examples
///
/// ```
/// use timebudget::UnixMicros;
/// use timebudget::Term;
/// let until_five = Term { from: None, until: Some(UnixMicros(5)) };
/// assert!(until_five.holds(UnixMicros(4)) && !until_five.holds(UnixMicros(5)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The first instant; `None` if it has always held.
    pub from: Option<UnixMicros>,
    /// The first instant after it; `None` if it holds for ever.
    pub until: Option<UnixMicros>,
}

impl Term {
    /// Whether it holds at an instant: at `from` it does, at `until` no more.
    pub fn holds(&self, at: UnixMicros) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether there is an instant at which it holds: not where `until` is at or before `from`.
    pub fn is_possible(&self) -> bool {
        !matches!((self.from, self.until), (Some(from), Some(until)) if from >= until)
    }

    /// Whether there is an instant at which both hold.
    pub fn meets(&self, other: &Self) -> bool {
        let from = self.from.max(other.from);
        let until = [self.until, other.until].into_iter().flatten().min();
        Self { from, until }.is_possible()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(from: Option<i64>, until: Option<i64>) -> Term {
        Term { from: from.map(UnixMicros), until: until.map(UnixMicros) }
    }

    #[test]
    fn a_term_holds_from_its_beginning_until_before_its_end() {
        let term = term(Some(3), Some(5));
        assert_eq!([2, 3, 4, 5].map(|at| term.holds(UnixMicros(at))), [false, true, true, false]);
    }

    #[test]
    fn terms_that_touch_do_not_meet() {
        assert!(!term(None, Some(5)).meets(&term(Some(5), None)));
        assert!(term(None, Some(6)).meets(&term(Some(5), None)));
        assert!(term(None, None).meets(&term(None, None)));
        assert!(!term(Some(5), Some(5)).is_possible());
    }
}
