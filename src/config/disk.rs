//! The file system: which sites a directory in bench's layout has, and what was read of its files.
//!
//! A file that has not changed is not read again: its stamp is its length, when it was changed, and its number on the file system. Where a file
//! was written so lately that a second change could bear the same stamp, within 50 ms or within 3 s on file systems that count whole
//! seconds, it is read once more anyway.
//!
//! A site is a directory with a `site_config.json`, and is called like the directory. Links to one are further names of it. A file
//! of more than 16 MiB is an error and is not read: whoever may write one site's file is not to fill the memory of all.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::clock;
use crate::config::ANY_HOST;
use crate::config::keys::Scope;
use crate::config::report::{Errors, Findings, Inspection, Meanwhile, Page, Problem, WrongSite};
use crate::config::said::Said;
use crate::model::{Host, Zone, quoted};

/// The largest site file that is read, in bytes: whoever may write one site's file is not to fill the memory of all.
const LARGEST: u64 = 16 << 20;

/// A change this soon after another may bear the same stamp: file systems count time in steps of up to 10 ms.
const STEP_NANOS: i128 = 50_000_000;

/// The same where a file system counts in whole seconds, or in two.
const COARSE_STEP_NANOS: i128 = 3_000_000_000;

/// The layers that files were when they were last read.
///
/// What a round does not ask for is forgotten, so a directory whose sites come and go holds no more than those that are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    /// Those of the round before that have not been asked for in this one.
    before: HashMap<PathBuf, (Stamp, Arc<ReadFile>)>,
    /// Those of this round.
    now: HashMap<PathBuf, (Stamp, Arc<ReadFile>)>,
    /// How many files have been read.
    pub(crate) reads: u64,
}

/// A file as it was read. As long as it is the same one, the file has not changed.
///
/// It is shared by an `Arc` with whoever joins it, so ten thousand unchanged sites cost ten thousand counters.
#[derive(Debug)]
pub(crate) struct ReadFile {
    pub(crate) said: Said,
    pub(crate) findings: Findings,
}

impl Remembered {
    /// Begins to look at all files anew. What is not asked for until the next round is forgotten.
    pub(crate) fn begin_round(&mut self) {
        self.before = mem::take(&mut self.now);
    }

    /// What a file says, which is read if it may have changed. `None` if there is no such file.
    pub(crate) fn reading(
        &mut self,
        path: &Path,
        scope: Scope,
        inspection: &Inspection,
    ) -> Option<Arc<ReadFile>> {
        let page = inspection.page(path.display().to_string());
        let stamp = match stamp_if_any(path) {
            Ok(stamp) => stamp?,
            Err(error) => return Some(Arc::new(ReadFile::failed(&error, &page))),
        };
        let known = self.before.remove(path).filter(|(before, _)| *before == stamp);
        let same = known.map(|(_, reading)| reading).filter(|reading| reading.holds(&stamp, inspection));
        let (stamp, reading) = match same {
            Some(reading) => (Some(stamp), reading),
            None => self.read(path, scope, &page)?,
        };
        let known = stamp.map(|stamp| (stamp, Arc::clone(&reading)));
        self.now.extend(known.map(|known| (path.to_owned(), known)));
        Some(reading)
    }

    /// Reads a file, whose stamp it had when it was opened.
    fn read(&mut self, path: &Path, scope: Scope, page: &Page<'_>) -> Option<(Option<Stamp>, Arc<ReadFile>)> {
        self.reads += 1;
        let read = opened(path).and_then(|(mut file, stamp)| Ok((stamp, text_of(&mut file)?)));
        match read {
            Ok((stamp, text)) => {
                let (said, findings) = page.inspection.apart(|| Said::read(&text, scope, page));
                Some((Some(stamp), Arc::new(ReadFile { said, findings })))
            }
            // It was there a moment ago.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some((None, Arc::new(ReadFile::failed(&error, page)))),
        }
    }
}

impl ReadFile {
    /// What is left of a file that is there and cannot be read.
    fn failed(error: &io::Error, page: &Page<'_>) -> Self {
        let ((), findings) = page.inspection.apart(|| page.wrong_file(unreadable(error)));
        Self { said: Said::flawed(), findings }
    }

    /// Whether the file would say the same if it were read again, since it has the same stamp.
    ///
    /// What was wrong may be right by now, as a time zone that the machine has learned. What lies in other files, such as
    /// the changes of a zone's clock or a database of countries, may be newer.
    fn holds(&self, stamp: &Stamp, inspection: &Inspection) -> bool {
        let is_settled = !stamp.is_fresh && self.findings.errors.is_empty() && !self.said.reads_others();
        let is_in_zone = |zone: &Arc<Zone>| inspection.zone(zone.name()).is_ok_and(|now| now == *zone);
        is_settled && self.said.keys.zone.get().is_none_or(is_in_zone)
    }
}

/// What tells one state of a file from another, without a look into it.
///
/// Its number is that of the file, not of its name: an editor that writes a new file and renames it over the old one is seen even if
/// length and times are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    #[cfg(unix)]
    inode: (u64, u64),
    /// Nanoseconds since 1970. Unlike the time of modification, nobody can set it back.
    #[cfg(unix)]
    changed: i128,
    /// Whether a later change may bear the same stamp.
    is_fresh: bool,
}

/// The text of the file that whoever starts the process names: it may be a pipe, and as long as it likes.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
}

/// A file of a site, open, and its stamp.
///
/// Whoever may write it may have put something else in its place since it was looked at. So what is open is looked at once more, and
/// is opened without waiting: a pipe that nobody writes to would keep all sites waiting.
fn opened(path: &Path) -> io::Result<(File, Stamp)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    let stamp = stamp(&file.metadata()?)?;
    Ok((file, stamp))
}

/// The text of an open file, which may have grown since it was opened.
fn text_of(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    match file.take(LARGEST + 1).read_to_string(&mut text)? as u64 > LARGEST {
        true => Err(too_large()),
        false => Ok(text),
    }
}

/// The stamp of a file in a directory of sites; `None` if there is no such file.
///
/// What is no file, and would never end or wait for somebody who writes, is an error, and so is a link to no file: rules that
/// were meant to be there are not to be taken for none.
fn stamp_if_any(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
            Err(io::Error::other("a link to a file that does not exist"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(of) => stamp(&of).map(Some),
    }
}

/// The stamp of what may be read.
fn stamp(of: &Metadata) -> io::Result<Stamp> {
    match of {
        of if of.is_file() && of.len() > LARGEST => Err(too_large()),
        of if !of.is_file() && !of.is_dir() => Err(io::Error::other("not a regular file")),
        of => Stamp::new(of),
    }
}

fn too_large() -> io::Error {
    io::Error::other("larger than 16 MiB")
}

/// A directory below a directory.
pub(crate) struct Directory {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What it is a link to, if it is one.
    pub(crate) target: Option<PathBuf>,
}

/// The directories in a directory, links to directories included, sorted by name.
///
/// A name that is no Unicode comes in a form that is no host's name, so that no request can ask for it.
pub(crate) fn directories(dir: &Path) -> io::Result<Vec<Directory>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if path.is_dir() {
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let target = is_link.then(|| resolved(&path));
            found.push(Directory { name, path, target });
        }
    }
    found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// A path without links; the path itself where that cannot be found out.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

impl Stamp {
    fn new(of: &Metadata) -> io::Result<Self> {
        let since = of.modified()?.duration_since(UNIX_EPOCH);
        let modified = since.map_or(0, |since| since.as_nanos() as i128);
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt as _;
            i128::from(of.ctime()) * 1_000_000_000 + i128::from(of.ctime_nsec())
        };
        #[cfg(not(unix))]
        let changed = modified;
        Ok(Self {
            length: of.len(),
            modified,
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt as _;
                (of.dev(), of.ino())
            },
            #[cfg(unix)]
            changed,
            is_fresh: is_fresh(changed),
        })
    }
}

/// Whether so little time has passed since a change that another one could bear its time. So has none since a change
/// that is yet to come: one of two clocks is wrong.
fn is_fresh(changed: i128) -> bool {
    let is_coarse = changed % 1_000_000_000 == 0;
    let step = if is_coarse { COARSE_STEP_NANOS } else { STEP_NANOS };
    i128::from(clock::wall_clock().0) * 1_000 - changed < step
}

/// The fault of a file that is there but cannot be read.
pub(crate) fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

/// The name of the file below all sites.
pub(crate) const COMMON: &str = "common_site_config.json";

/// The name of a site's file in its directory.
const SITE: &str = "site_config.json";

/// A directory of sites as it was looked at.
#[derive(Debug)]
pub(crate) struct OnDisk {
    pub(crate) common: Option<Arc<ReadFile>>,
    pub(crate) found: Vec<Found>,
    /// Those that cannot be a site.
    pub(crate) nameless: Vec<WrongSite>,
    /// What is wrong with the common file or the directory, and what may not be meant.
    pub(crate) findings: Findings,
}

impl OnDisk {
    /// Looks at a directory; files that have not changed are not read again.
    pub(crate) fn read(dir: &Path, remembered: &mut Remembered, inspection: &Inspection) -> Self {
        remembered.begin_round();
        let common = remembered.reading(&dir.join(COMMON), Scope::Common, inspection);
        if let Some(reading) = &common {
            inspection.add(reading.findings.clone());
        }
        let page = inspection.page(dir.display().to_string());
        let (found, nameless) = sites(dir, remembered, inspection).unwrap_or_else(|error| {
            page.wrong_file(unreadable(&error));
            (Vec::new(), Vec::new())
        });
        if common.is_none() && found.is_empty() && nameless.is_empty() && inspection.errors() == 0 {
            page.wrong_file("no site; expected common_site_config.json or a <host>/site_config.json");
        }
        Self { common, found, nameless, findings: inspection.take() }
    }
}

/// A directory with the file of a site, as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The site's name: that of its directory, in the one form of hosts if it is one.
    pub(crate) name: String,
    /// As the directory is called.
    pub(crate) directory: String,
    /// The names of links to the directory, sorted.
    pub(crate) links: Vec<String>,
    /// The file, as messages name it.
    pub(crate) file: String,
    pub(crate) reading: Arc<ReadFile>,
}

/// A directory, or what several links lead to.
struct Destination {
    entry: Directory,
    links: Vec<String>,
}

/// The sites of a directory, by name; and those that cannot be, for another has their name.
///
/// Of two directories that are one host, `Shop.example` and `shop.example`, the one that is written like the host is the site, and
/// the other one is a [`WrongSite`] whose requests nobody answers, since no host leads to it.
///
/// # Errors
///
/// The directory itself cannot be read. What is wrong with one site's file is in its reading.
fn sites(
    dir: &Path,
    remembered: &mut Remembered,
    inspection: &Inspection,
) -> io::Result<(Vec<Found>, Vec<WrongSite>)> {
    let mut found: Vec<_> =
        places(dir)?.into_iter().filter_map(|place| Found::read(place, remembered, inspection)).collect();
    // Of several that have one name, the one that is written like it.
    let is_other = |found: &Found| found.directory != found.name;
    found.sort_by(|one, other| (&one.name, is_other(one)).cmp(&(&other.name, is_other(other))));
    let mut names = HashSet::new();
    let (sites, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.name != ANY_HOST && names.insert(found.name.clone()));
    Ok((sites, others.into_iter().map(Found::into_nameless).collect()))
}

impl Found {
    fn read(place: Destination, remembered: &mut Remembered, inspection: &Inspection) -> Option<Self> {
        let path = place.entry.path.join(SITE);
        let reading = remembered.reading(&path, Scope::Site, inspection)?;
        let Destination { entry: Directory { name: directory, .. }, links } = place;
        let (name, file) = (site_name(&directory), path.display().to_string());
        Some(Self { name, directory, links, file, reading })
    }

    /// A directory that is no site, for it has no name of its own.
    fn into_nameless(self) -> WrongSite {
        let fault = match self.name == ANY_HOST {
            true => "hosts without a site are called so; expected another name of the directory".to_owned(),
            false => format!("another directory is the site {}; expected one for each host", self.name),
        };
        let own = Problem::new(&self.file, "", Some(quoted(&self.directory)), fault);
        let errors = self.reading.findings.errors.iter().cloned().chain([own]).collect();
        WrongSite { site: self.directory, meanwhile: Meanwhile::Refused, errors: Errors(errors) }
    }
}

/// What a site is called whose directory, or another text, has this name.
pub(crate) fn site_name(text: &str) -> String {
    Host::parse(text).map_or_else(|_| text.to_lowercase(), |host| host.to_string())
}

/// The directories in a directory; those that links lead to once.
///
/// A directory that is linked keeps its own name. Of links that lead elsewhere, the first by name names it.
fn places(dir: &Path) -> io::Result<Vec<Destination>> {
    let (linked, own): (Vec<_>, Vec<_>) =
        directories(dir)?.into_iter().partition(|entry| entry.target.is_some());
    let root = resolved(dir);
    let mut known: HashMap<PathBuf, usize> =
        own.iter().enumerate().map(|(at, entry)| (root.join(&entry.name), at)).collect();
    let mut places: Vec<_> = own.into_iter().map(|entry| Destination { entry, links: Vec::new() }).collect();
    for entry in linked {
        let target = entry.target.clone().unwrap_or_default();
        match known.get(&target) {
            Some(at) => places[*at].links.push(entry.name),
            None => {
                known.insert(target, places.len());
                places.push(Destination { entry, links: Vec::new() });
            }
        }
    }
    Ok(places)
}

/// The directory of a file, and that of the file that a link leads to.
pub(crate) fn around(file: &Path) -> BTreeSet<PathBuf> {
    let target = fs::canonicalize(file).ok();
    [Some(file), target.as_deref()].into_iter().flatten().filter_map(parent).collect()
}

fn parent(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    // The parent of a bare name is the empty path, which the system does not know.
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// The directory and its own directories, but none below: bench keeps a site's uploads there.
pub(crate) fn below(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = around(&directory.join(COMMON));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path().is_dir()) {
        found.extend(around(&entry.path().join(SITE)));
    }
    found
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    /// It was a file when it was looked at, and a pipe when it was opened: the reload of all sites waited for somebody who writes.
    #[test]
    fn a_pipe_that_has_taken_a_files_place_is_not_waited_for() {
        let path = std::env::temp_dir().join(format!("timebudget-pipe-{}", std::process::id()));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Who waits all the same is let go after a while.
        let mut writer =
            Command::new("sh").args(["-c", r#"sleep 10; exec 3<>"$0""#]).arg(&path).spawn().unwrap();
        let read = opened(&path).map(drop).map_err(|error| error.to_string());
        writer.kill().and_then(|()| writer.wait()).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(read, Err("not a regular file".to_owned()));
    }

    /// One that has grown since it was looked at filled the memory of all.
    #[test]
    fn no_more_is_read_of_a_file_than_may_be() {
        let path = std::env::temp_dir().join(format!("timebudget-grown-{}", std::process::id()));
        fs::write(&path, "{}").unwrap();
        let (mut file, _) = opened(&path).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let read = text_of(&mut file).map_err(|error| error.to_string());
        fs::remove_file(path).unwrap();
        assert_eq!(read, Err("larger than 16 MiB".to_owned()));
    }
}
