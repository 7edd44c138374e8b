//! Zones: how far a place's clock is ahead of UTC, and since when.

use std::fmt;

use crate::model::time::units::UnixMicros;

/// The first second that zones and windows know: -9999-01-01T00:00:00Z.
pub(crate) const EARLIEST_SECS: i64 = -377_705_116_800;

/// The last second that zones and windows know: 9999-12-31T23:59:59Z.
pub(crate) const LATEST_SECS: i64 = 253_402_300_799;

/// Where a zone's rules came from.
///
/// Displays as `timebudget zone` prints it.
///
/// # Examples
///
/// ```
/// use timebudget::ZoneSource;
/// assert_eq!(ZoneSource::BuiltIn { version: "2025b" }.to_string(), "built-in tz database 2025b");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ZoneSource {
    /// The machine's own tz database.
    System {
        /// Its release, such as `2025b`; `None` where the machine does not say.
        version: Option<String>,
    },
    /// The copy of the tz database that is built into the program, and is as old as the program.
    BuiltIn {
        /// Its release, such as `2025b`.
        version: &'static str,
    },
    /// UTC, which needs no database.
    Utc,
}

impl fmt::Display for ZoneSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { version: Some(version) } => write!(f, "system tz database {version}"),
            Self::System { version: None } => f.write_str("system tz database"),
            Self::BuiltIn { version } => write!(f, "built-in tz database {version}"),
            Self::Utc => f.write_str("UTC"),
        }
    }
}

/// An instant from which a zone's clock has another offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transition {
    /// The first second with the new offset, counted from 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Seconds that the clock is ahead of UTC from then on; negative west of Greenwich.
    pub offset: i32,
}

/// A time zone as a list of the instants at which its clock was or will be changed.
///
/// The list ends somewhere (zones that are loaded by name say where): after its last transition the last offset holds for
/// ever. A `Zone` holds no rules, only their outcome, so that a window costs a binary search.
///
/// # Examples
///
/// ```
/// use timebudget::{Transition, UnixMicros, Zone, ZoneSource};
///
/// let dst = [Transition { at: 1_743_296_400, offset: 7_200 }, Transition { at: 1_761_440_400, offset: 3_600 }];
/// let paris = Zone::new("Europe/Paris", ZoneSource::System { version: None }, 3_600, dst);
/// assert_eq!(paris.offset_at(1_743_296_399), 3_600); // The second before clocks go forward, in March 2025.
/// let next = paris.transitions_after(UnixMicros::from_secs(1_743_296_400)).next();
/// assert_eq!(next.map(|change| change.at), Some(1_761_440_400)); // They go back in October.
/// ```
///
/// [`tzdata::zone`](crate::tzdata::zone) reads one by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    source: ZoneSource,
    first_offset: i32,
    transitions: Vec<Transition>,
    /// For each transition, one more than the latest civil second that the clock had shown before it.
    ///
    /// It never falls, so it can be searched even where a clock goes back twice over the same midnight.
    reached: Vec<i64>,
}

impl Zone {
    /// The zone whose clock starts with `first_offset` and changes as `transitions` say.
    ///
    /// Their order does not matter. Those that do not change the offset are dropped, and so are those outside the
    /// years -9999 to 9999.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Transition, Zone, ZoneSource};
    /// let spring = Transition { at: 1_000_000, offset: 7_200 };
    /// let zone = Zone::new("Test/Spring", ZoneSource::System { version: None }, 3_600, [spring]);
    /// assert_eq!(zone.offset_at(999_999), 3_600);
    /// assert_eq!(zone.offset_at(1_000_000), 7_200);
    /// ```
    pub fn new(
        name: impl Into<String>,
        source: ZoneSource,
        first_offset: i32,
        transitions: impl IntoIterator<Item = Transition>,
    ) -> Self {
        let transitions = changes(first_offset, transitions);
        let reached = reached(first_offset, &transitions);
        Self { name: name.into(), source, first_offset, transitions, reached }
    }

    /// UTC: no offset, no transitions; the zone of a site that names none.
    pub fn utc() -> Self {
        Self::new("UTC", ZoneSource::Utc, 0, [])
    }

    /// The zone's IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the zone's rules came from.
    pub const fn source(&self) -> &ZoneSource {
        &self.source
    }

    /// Whether the clock of another zone always shows the same, be its name or its source another.
    ///
    /// A new release of the tz database changes the law of few zones; and one name may have two laws, while some sites have
    /// been loaded before the release and some after.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Zone, ZoneSource};
    /// let like_utc = Zone::new("Africa/Abidjan", ZoneSource::System { version: None }, 0, []);
    /// assert!(like_utc.has_law_of(&Zone::utc()) && like_utc != Zone::utc());
    /// ```
    pub fn has_law_of(&self, other: &Self) -> bool {
        self.first_offset == other.first_offset && self.transitions == other.transitions
    }

    /// Seconds that the clock is ahead of UTC at a second counted from 1970-01-01T00:00:00Z.
    pub fn offset_at(&self, secs: i64) -> i32 {
        self.offset_of(self.stretch_at(secs))
    }

    /// The transitions after an instant, earliest first; the one at the instant itself has happened.
    pub fn transitions_after(&self, at: UnixMicros) -> impl Iterator<Item = Transition> + '_ {
        self.transitions[self.stretch_at(at.secs())..].iter().copied()
    }

    /// The stretch of unchanged offset that a second lies in: how many transitions have happened.
    pub(crate) fn stretch_at(&self, secs: i64) -> usize {
        self.transitions.partition_point(|change| change.at <= secs)
    }

    /// The first second of a stretch; stretch 0 has no beginning.
    pub(crate) fn start_of(&self, stretch: usize) -> Option<i64> {
        let before = stretch.checked_sub(1)?;
        self.transitions.get(before).map(|change| change.at)
    }

    /// The offset that holds in a stretch.
    pub(crate) fn offset_of(&self, stretch: usize) -> i32 {
        let change = stretch.checked_sub(1).and_then(|before| self.transitions.get(before));
        change.map_or(self.first_offset, |change| change.offset)
    }

    /// The latest civil second that the clock has shown up to and including `secs`.
    ///
    /// It is ahead of the clock after this was set back, until the clock has caught up.
    pub(crate) fn latest_civil(&self, secs: i64) -> i64 {
        let stretch = self.stretch_at(secs);
        let now = secs + i64::from(self.offset_of(stretch));
        let before = stretch.checked_sub(1).and_then(|before| self.reached.get(before));
        before.map_or(now, |reached| now.max(reached - 1))
    }

    /// The first second at which the clock shows `civil` or has gone past it.
    pub(crate) fn first_reaching(&self, civil: i64) -> i64 {
        let stretch = self.reached.partition_point(|reached| *reached <= civil);
        let shown = civil - i64::from(self.offset_of(stretch));
        self.start_of(stretch).map_or(shown, |start| shown.max(start))
    }
}

fn changes(first: i32, transitions: impl IntoIterator<Item = Transition>) -> Vec<Transition> {
    let mut listed: Vec<_> = transitions.into_iter().collect();
    listed.retain(|change| (EARLIEST_SECS..=LATEST_SECS).contains(&change.at));
    listed.sort_by_key(|change| change.at);
    let mut offset = first;
    listed.retain(|change| std::mem::replace(&mut offset, change.offset) != change.offset);
    listed
}

fn reached(first: i32, transitions: &[Transition]) -> Vec<i64> {
    let mut offset = first;
    let mut latest = i64::MIN;
    let before = transitions.iter().map(|change| {
        latest = latest.max(change.at + i64::from(offset));
        offset = change.offset;
        latest
    });
    before.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i32 = 3_600;

    fn zone(transitions: &[(i64, i32)]) -> Zone {
        let transitions = transitions.iter().map(|&(at, offset)| Transition { at, offset });
        Zone::new("Test/Zone", ZoneSource::System { version: None }, 0, transitions)
    }

    #[test]
    fn a_transition_holds_from_its_own_second_on() {
        let zone = zone(&[(100, HOUR), (200, 0)]);
        let offsets = [99, 100, 199, 200].map(|secs| zone.offset_at(secs));
        assert_eq!(offsets, [0, HOUR, HOUR, 0]);
    }

    #[test]
    fn transitions_that_change_nothing_are_dropped_and_the_rest_are_sorted() {
        let zone = zone(&[(300, HOUR), (100, 0), (200, HOUR), (i64::MAX, 0)]);
        let left: Vec<_> = zone.transitions_after(UnixMicros(i64::MIN)).collect();
        assert_eq!(left, [Transition { at: 200, offset: HOUR }]);
    }

    #[test]
    fn a_transition_is_not_after_its_own_instant() {
        let zone = zone(&[(100, HOUR), (200, 0)]);
        let after = |at| zone.transitions_after(at).count();
        assert_eq!(after(UnixMicros(99_999_999)), 2);
        assert_eq!(after(UnixMicros::from_secs(100)), 1);
    }

    #[test]
    fn the_latest_civil_second_stands_still_while_a_clock_set_back_catches_up() {
        let zone = zone(&[(10_000, -HOUR)]);
        let latest = [9_999, 10_000, 13_599, 13_600].map(|secs| zone.latest_civil(secs));
        assert_eq!(latest, [9_999, 9_999, 9_999, 10_000]);
        assert_eq!(zone.first_reaching(10_000), 13_600);
    }

    #[test]
    fn a_skipped_civil_second_is_reached_at_the_jump() {
        let zone = zone(&[(10_000, HOUR)]);
        assert_eq!(zone.first_reaching(9_999), 9_999);
        assert_eq!(zone.first_reaching(10_001), 10_000);
        assert_eq!(zone.first_reaching(13_600), 10_000);
        assert_eq!(zone.first_reaching(13_601), 10_001);
    }

    #[test]
    fn a_civil_second_shown_twice_is_reached_the_first_time() {
        let zone = zone(&[(10_000, -HOUR), (11_000, 0), (12_000, -HOUR)]);
        assert_eq!(zone.first_reaching(9_000), 9_000);
        assert_eq!(zone.first_reaching(11_500), 11_500);
        assert_eq!(zone.first_reaching(12_000), 15_600);
    }

    #[test]
    fn a_source_says_which_release_it_is() {
        let system = |version| ZoneSource::System { version };
        assert_eq!(system(Some("2025b".into())).to_string(), "system tz database 2025b");
        assert_eq!(system(None).to_string(), "system tz database");
        assert_eq!(Zone::utc().source().to_string(), "UTC");
    }
}
