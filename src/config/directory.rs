//! A directory in bench's layout: which sites there are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::ANY_HOST;
use crate::config::disk::{Entry, Reading, Remembered, directories, resolved};
use crate::config::keys::Scope;
use crate::config::report::{Errors, Meanwhile, Problem, Report, WrongSite};
use crate::model::{Host, quoted};

/// The name of the file below all sites.
pub(crate) const COMMON: &str = "common_site_config.json";

/// The name of a site's file in its directory.
const SITE: &str = "site_config.json";

/// A directory with the file of a site, as it was found.
pub(crate) struct Found {
    /// The site's name: that of its directory, in the one form of hosts if it is one.
    pub(crate) name: String,
    /// As the directory is called.
    pub(crate) directory: String,
    /// The names of links to the directory, sorted.
    pub(crate) links: Vec<String>,
    /// The file, as messages name it.
    pub(crate) file: String,
    pub(crate) reading: Arc<Reading>,
}

/// A directory, or what several links lead to.
struct Place {
    entry: Entry,
    links: Vec<String>,
}

/// The sites of a directory, by name; and those that cannot be, for another has their name.
pub(crate) fn sites(
    dir: &Path,
    remembered: &mut Remembered,
    report: &Report,
) -> io::Result<(Vec<Found>, Vec<WrongSite>)> {
    let mut found: Vec<_> =
        places(dir)?.into_iter().filter_map(|place| Found::read(place, remembered, report)).collect();
    // Of several that have one name, the one that is written like it.
    let is_other = |found: &Found| found.directory != found.name;
    found.sort_by(|one, other| (&one.name, is_other(one)).cmp(&(&other.name, is_other(other))));
    let mut names = HashSet::new();
    let (sites, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.name != ANY_HOST && names.insert(found.name.clone()));
    Ok((sites, others.into_iter().map(Found::into_nameless).collect()))
}

impl Found {
    fn read(place: Place, remembered: &mut Remembered, report: &Report) -> Option<Self> {
        let path = place.entry.path.join(SITE);
        let reading = remembered.reading(&path, Scope::Site, report)?;
        let Place { entry: Entry { name: directory, .. }, links } = place;
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
fn places(dir: &Path) -> io::Result<Vec<Place>> {
    let (linked, own): (Vec<_>, Vec<_>) =
        directories(dir)?.into_iter().partition(|entry| entry.target.is_some());
    let root = resolved(dir);
    let mut known: HashMap<PathBuf, usize> =
        own.iter().enumerate().map(|(at, entry)| (root.join(&entry.name), at)).collect();
    let mut places: Vec<_> = own.into_iter().map(|entry| Place { entry, links: Vec::new() }).collect();
    for entry in linked {
        let target = entry.target.clone().unwrap_or_default();
        match known.get(&target) {
            Some(at) => places[*at].links.push(entry.name),
            None => {
                known.insert(target, places.len());
                places.push(Place { entry, links: Vec::new() });
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
