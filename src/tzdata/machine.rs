//! The machine's own tz database: a directory of TZif files (RFC 9636).
//!
//! A file lists the changes of the past and ends with a rule for the future, which jiff reads and works out year by year. Names are
//! spelled as the directory spells them: on file systems that ignore case, `europe/paris` would otherwise be another zone, with
//! accounts of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::{Transition, Zone, ZoneSource};

/// 1900-01-01T00:00:00Z, where lists of transitions begin.
pub(crate) const FIRST_SECS: i64 = -2_208_988_800;

/// 2200-01-01T00:00:00Z; rules go on for ever, so their list has to end somewhere.
const END_SECS: i64 = 7_258_118_400;

/// Where Unix systems keep the database; the first that exists is taken.
const USUAL_DIRECTORIES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"];

/// The zone of a valid name, if the machine has a database that knows it.
pub(crate) fn zone(name: &str) -> Option<Zone> {
    zone_in(&directory()?, name)
}

/// The names of the machine's zones, in no order; none where there is no database.
pub(crate) fn names() -> Vec<String> {
    directory().map(|directory| names_in(&directory)).unwrap_or_default()
}

fn directory() -> Option<PathBuf> {
    let chosen = std::env::var_os("TZDIR").map(PathBuf::from);
    let usual = USUAL_DIRECTORIES.iter().map(PathBuf::from);
    chosen.into_iter().chain(usual).find(|directory| directory.is_dir())
}

/// The zone of a name in a database; `None` if there is no such file, or if it is no TZif.
fn zone_in(directory: &Path, name: &str) -> Option<Zone> {
    if !is_spelled_so(directory, name) {
        return None;
    }
    let file = fs::read(directory.join(name)).ok()?;
    let zone = TimeZone::tzif(name, &file).ok()?;
    let first = Timestamp::from_second(FIRST_SECS).ok()?;
    let source = ZoneSource::System { version: version_in(directory) };
    let first_offset = zone.to_offset(first).seconds();
    Some(Zone::new(name, source, first_offset, transitions(&zone, first)))
}

fn transitions(zone: &TimeZone, first: Timestamp) -> impl Iterator<Item = Transition> {
    let mut latest = first.as_second();
    zone.following(first)
        .map(|change| Transition { at: change.timestamp().as_second(), offset: change.offset().seconds() })
        // Of a file that ends without a rule for the future, jiff 0.2.43 repeats the last transition for ever.
        .take_while(move |change| std::mem::replace(&mut latest, change.at) < change.at)
        .take_while(|change| change.at < END_SECS)
}

/// Whether the directory lists each part of the name to the letter; a file system may open it in any case.
fn is_spelled_so(directory: &Path, name: &str) -> bool {
    let mut directory = directory.to_path_buf();
    name.split('/').all(|part| {
        let is_listed = entries(&directory).any(|entry| entry.file_name() == part);
        directory.push(part);
        is_listed
    })
}

fn names_in(directory: &Path) -> Vec<String> {
    entries(directory)
        // Both hold every zone again.
        .filter(|entry| entry.file_name() != "posix" && entry.file_name() != "right")
        .flat_map(|entry| {
            let name = entry.file_name().into_string().unwrap_or_default();
            let path = entry.path();
            match path.is_dir() {
                true => names_in(&path).iter().map(|inner| format!("{name}/{inner}")).collect(),
                false if is_tzif(&path) => vec![name],
                false => Vec::new(),
            }
        })
        .collect()
}

fn entries(directory: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(directory).into_iter().flatten().flatten()
}

fn is_tzif(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && &magic == b"TZif"
}

/// The release that the database names: in the first line of `tzdata.zi`, else in `+VERSION` (BSD, macOS).
fn version_in(directory: &Path) -> Option<String> {
    let source = first_line(&directory.join("tzdata.zi"));
    let named = source.and_then(|line| line.strip_prefix("# version ").map(str::to_owned));
    let line = named.or_else(|| first_line(&directory.join("+VERSION")))?;
    line.split_whitespace().next().map(str::to_owned)
}

fn first_line(file: &Path) -> Option<String> {
    let file = File::open(file).ok()?;
    BufReader::new(file).lines().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of one test's own, gone when the test ends.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("timebudget-{test}-{}", std::process::id()));
            fs::create_dir_all(path.join("Europe")).expect("the temporary directory is writable");
            Self(path)
        }

        fn with(self, file: &str, text: &[u8]) -> Self {
            fs::write(self.0.join(file), text).expect("the temporary directory is writable");
            self
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// The smallest TZif file of version 1: one type of local time, one hour east, and its abbreviation.
    ///
    /// Files of version 1 have no rule for the future.
    fn one_hour_east() -> Vec<u8> {
        let counts = [0u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
        let local_time = [&3_600i32.to_be_bytes()[..], &[0, 0], b"TST\0"].concat();
        [&b"TZif\0"[..], &[0; 15], &counts, &local_time].concat()
    }

    #[test]
    fn a_file_of_the_directory_is_a_zone() {
        let tz = Directory::new("zone").with("Europe/Test", &one_hour_east());
        let zone = zone_in(&tz.0, "Europe/Test");
        assert_eq!(zone.map(|zone| zone.offset_at(0)), Some(3_600));
        assert_eq!(names_in(&tz.0), ["Europe/Test"]);
    }

    #[test]
    fn a_file_that_is_no_tzif_is_no_zone() {
        let tz = Directory::new("text").with("Europe/Test", b"TZif, but only in name");
        assert_eq!(zone_in(&tz.0, "Europe/Test"), None);
        assert_eq!(zone_in(&tz.0, "Europe"), None);
        assert_eq!(zone_in(&tz.0, "Europe/Missing"), None);
    }

    #[test]
    fn a_name_must_be_spelled_as_the_directory_spells_it() {
        let tz = Directory::new("case").with("Europe/Test", &one_hour_east());
        assert!(is_spelled_so(&tz.0, "Europe/Test"));
        assert!(!is_spelled_so(&tz.0, "europe/Test") && !is_spelled_so(&tz.0, "Europe/test"));
    }

    #[test]
    fn the_release_is_read_from_the_source_or_the_version_file() {
        let tz = Directory::new("release");
        assert_eq!(version_in(&tz.0), None);
        let tz = tz.with("+VERSION", b"2024a\n");
        assert_eq!(version_in(&tz.0).as_deref(), Some("2024a"));
        let tz = tz.with("tzdata.zi", b"# version 2025b\n# more\n");
        assert_eq!(version_in(&tz.0).as_deref(), Some("2025b"));
    }
}
