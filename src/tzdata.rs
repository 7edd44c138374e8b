//! Zones by their IANA names: from the machine's tz database, else from the one that is built in.
//!
//! A [`Zone`] lists the clock changes of the years 1900 to 2199, or to 2099 if it is built in, and no others; before
//! and after, the nearest offset holds. Nothing is cached: callers keep their zones.
//!
//! The machine's database is asked first, because countries change their laws and machines are kept current, while what
//! chrono-tz builds into the program is as old as its release. It is there for machines that have no database, and a zone
//! says which of the two it is by ([`Zone::source`]).

mod machine;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{IANA_TZDB_VERSION, TZ_VARIANTS, Tz};

use crate::model::{Transition, Zone, ZoneSource, nearest};
use crate::tzdata::machine::FIRST_SECS;

/// A name that no tz database at hand knows, and the known one that is most like it.
///
/// Displays as `"Asia/Kolkatta": no such time zone; did you mean "Asia/Kolkata"?`.
///
/// # Examples
///
/// ```
/// let unknown = timebudget::tzdata::zone("Asia/Kolkatta").unwrap_err();
/// assert_eq!(unknown.nearest(), Some("Asia/Kolkata"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?}: no such time zone; {}", self.meant_or_expected())]
pub struct UnknownZone {
    name: String,
    nearest: Option<String>,
}

impl UnknownZone {
    /// The known name most like the unknown one, if any is like it.
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }

    fn meant_or_expected(&self) -> String {
        match &self.nearest {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => "expected an IANA name such as \"Europe/Paris\"".to_owned(),
        }
    }

    fn among(name: &str, known: &[String]) -> Self {
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Self { name: name.to_owned(), nearest }
    }
}

/// The zone of an IANA name, by the machine's tz database, else by the built-in one.
///
/// Names are taken to the letter, for a file system that ignores case would make a configuration work on one
/// machine only. `UTC` needs no database. The machine's database is the directory that `TZDIR` names, else the
/// usual one; [`Zone::source`] says which data is in force.
///
/// # Errors
///
/// [`UnknownZone`] if neither knows the name, or if it is none of a place: `localtime`, `posixrules`, `Factory`, or
/// a path such as `posix/Europe/Paris` or `../zone`.
///
/// # Examples
///
/// ```
/// use timebudget::tzdata;
/// let kolkata = tzdata::zone("Asia/Kolkata")?;
/// assert_eq!(kolkata.offset_at(1_735_689_600), 19_800);
/// let unknown = tzdata::zone("Asia/Kolkatta").unwrap_err();
/// assert_eq!(unknown.to_string(), r#""Asia/Kolkatta": no such time zone; did you mean "Asia/Kolkata"?"#);
/// # Ok::<(), tzdata::UnknownZone>(())
/// ```
pub fn zone(name: &str) -> Result<Zone, UnknownZone> {
    if name == "UTC" {
        return Ok(Zone::utc());
    }
    let known = Some(name).filter(|name| is_zone_name(name));
    let found = known.and_then(|name| machine::zone(name).or_else(|| built_in_zone(name)));
    found.ok_or_else(|| UnknownZone::among(name, &names()))
}

/// The zone of an IANA name by the built-in tz database, whatever the machine has.
///
/// # Errors
///
/// [`UnknownZone`] if the built-in database does not know the name.
pub fn zone_built_in(name: &str) -> Result<Zone, UnknownZone> {
    let known = Some(name).filter(|name| is_zone_name(name));
    let found = known.and_then(built_in_zone);
    found.ok_or_else(|| UnknownZone::among(name, &sorted(built_in_names())))
}

/// Every name that [`zone`] knows, those of the machine's database and the built-in ones, sorted and each once.
///
/// The machine's directory is read each time.
pub fn names() -> Vec<String> {
    sorted(machine::names().into_iter().chain(built_in_names()))
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.filter(|name| is_zone_name(name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a name can be a zone's: no way out of the database's directory, and no file there that is no place.
///
/// `posix/` and `right/` hold the same zones again; the latter count leap seconds, which no clock here does.
fn is_zone_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let mut letters = part.bytes();
        !part.is_empty() && letters.all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    let first = name.split('/').next().unwrap_or_default();
    name.split('/').all(is_part) && !["localtime", "posixrules", "Factory", "posix", "right"].contains(&first)
}

/// 2100-01-01T00:00:00Z, after which chrono-tz 0.10 lists no clock change.
const BUILT_IN_END_SECS: i64 = 4_102_444_800;

/// Three days: less than any offset since 1900 has lasted before the one before it came back.
const STEP_SECS: i64 = 3 * 86_400;

/// The zone of a name, if the built-in data knows it.
fn built_in_zone(name: &str) -> Option<Zone> {
    let tz: Tz = name.parse().ok()?;
    let source = ZoneSource::BuiltIn { version: IANA_TZDB_VERSION };
    Some(Zone::new(name, source, offset(tz, FIRST_SECS), transitions(tz)))
}

/// The names of the built-in zones, in no order.
fn built_in_names() -> impl Iterator<Item = String> {
    TZ_VARIANTS.iter().map(|tz| tz.name().to_owned())
}

/// The zone's clock changes; chrono-tz answers for an instant but lists none, so they are stepped over and bisected.
fn transitions(tz: Tz) -> Vec<Transition> {
    let mut found = Vec::new();
    let mut secs = FIRST_SECS;
    let mut before = offset(tz, secs);
    while secs < BUILT_IN_END_SECS {
        let next = secs + STEP_SECS;
        if offset(tz, next) == before {
            secs = next;
        } else {
            secs = first_change(tz, secs, next);
            before = offset(tz, secs);
            found.push(Transition { at: secs, offset: before });
        }
    }
    found
}

/// The first second after `from` with another offset; `until` has one.
fn first_change(tz: Tz, mut from: i64, mut until: i64) -> i64 {
    let before = offset(tz, from);
    while until - from > 1 {
        let middle = i64::midpoint(from, until);
        if offset(tz, middle) == before {
            from = middle;
        } else {
            until = middle;
        }
    }
    until
}

fn offset(tz: Tz, secs: i64) -> i32 {
    // chrono knows every second of these years, so the default is never taken.
    let utc = DateTime::from_timestamp(secs, 0).unwrap_or_default().naive_utc();
    tz.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_needs_no_database() {
        assert_eq!(zone("UTC"), Ok(Zone::utc()));
    }

    #[test]
    fn names_are_taken_to_the_letter() {
        for name in ["europe/paris", "EUROPE/PARIS", "utc", "Europe/paris", "europe/Paris"] {
            assert!(zone(name).is_err(), "{name}");
            assert!(zone_built_in(name).is_err(), "{name}");
        }
    }

    #[test]
    fn files_of_the_database_that_are_no_place_are_refused() {
        let files = ["localtime", "posixrules", "Factory", "tzdata.zi", "leapseconds", "Europe"];
        let paths = ["../zoneinfo/Europe/Paris", "posix/Europe/Paris", "right/Europe/Paris"];
        let odd = ["", "/", "/etc/passwd", "Europe/", "Europe//Paris", "Europe/Paris\0", "./UTC"];
        for name in files.iter().chain(&paths).chain(&odd) {
            assert!(zone(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_by_the_nearest_known_one() {
        let nearest = |name| zone(name).err().and_then(|e| e.nearest().map(str::to_owned));
        assert_eq!(nearest("europe/paris").as_deref(), Some("Europe/Paris"));
        assert_eq!(nearest("America/New York").as_deref(), Some("America/New_York"));
        assert_eq!(nearest("the moon, of all places"), None);
    }

    #[test]
    fn the_built_in_data_says_its_release() {
        let paris = zone_built_in("Europe/Paris");
        let version = IANA_TZDB_VERSION;
        assert_eq!(paris.map(|zone| zone.source().clone()), Ok(ZoneSource::BuiltIn { version }));
    }

    #[test]
    fn every_name_listed_is_a_zone() {
        let names = names();
        assert!(names.iter().any(|name| name == "America/Argentina/Buenos_Aires"));
        for name in names {
            assert!(zone(&name).is_ok(), "{name}");
        }
    }
}
