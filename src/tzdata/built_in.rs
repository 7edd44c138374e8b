//! The tz database that chrono-tz builds into the program, for machines that have none.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{IANA_TZDB_VERSION, TZ_VARIANTS, Tz};

use crate::model::{Transition, Zone, ZoneSource};
use crate::tzdata::FIRST_SECS;

/// 2100-01-01T00:00:00Z, after which chrono-tz 0.10 lists no clock change.
const END_SECS: i64 = 4_102_444_800;

/// Three days: less than any offset since 1900 has lasted before the one before it came back.
const STEP_SECS: i64 = 3 * 86_400;

/// The zone of a name, if the built-in data knows it.
pub(crate) fn zone(name: &str) -> Option<Zone> {
    let tz: Tz = name.parse().ok()?;
    let source = ZoneSource::BuiltIn { version: IANA_TZDB_VERSION };
    Some(Zone::new(name, source, offset(tz, FIRST_SECS), transitions(tz)))
}

/// The names of the built-in zones, in no order.
pub(crate) fn names() -> impl Iterator<Item = String> {
    TZ_VARIANTS.iter().map(|tz| tz.name().to_owned())
}

/// The zone's clock changes; chrono-tz answers for an instant but lists none, so they are stepped over and bisected.
fn transitions(tz: Tz) -> Vec<Transition> {
    let mut found = Vec::new();
    let mut secs = FIRST_SECS;
    let mut before = offset(tz, secs);
    while secs < END_SECS {
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
