//! The files of a configuration, read again and again.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::SITE_FILE;
use crate::config::bench::Bench;
use crate::config::configuration::Configuration;
use crate::config::directory::COMMON;
use crate::config::options::Options;
use crate::config::past::Past;
use crate::config::problem::Errors;
use crate::config::remembered::Remembered;

/// The files of a configuration, which may be read as often as they may have changed.
///
/// Unlike [`Configuration::of_dir`], one site's mistake stays that site's: a site whose own file is wrong keeps its last
/// rules, or has none where it was wrong from the beginning, and the others go on. Of a directory, only those files are read
/// that may have changed since the last time; the others are asked for their size, times and place on the disk.
///
/// # Examples
///
/// ```
/// use timebudget::config::{Files, Meanwhile, Options};
///
/// # let dir = std::env::temp_dir().join(format!("timebudget-files-{}", std::process::id()));
/// # for site in ["a.example", "b.example"] { std::fs::create_dir_all(dir.join(site))?; }
/// std::fs::write(dir.join("common_site_config.json"), r#"{ "rate_limit": "60s per hour" }"#)?;
/// std::fs::write(dir.join("a.example/site_config.json"), "{}")?;
/// std::fs::write(dir.join("b.example/site_config.json"), "{ what?")?;
///
/// let mut files = Files::of_dir(&dir, &Options::default());
/// let read = files.read()?;
/// let [wrong] = &read.loaded.wrong[..] else { panic!("one is wrong") };
/// assert_eq!((wrong.site.as_str(), wrong.meanwhile), ("b.example", Meanwhile::Refused));
///
/// std::fs::write(dir.join("b.example/site_config.json"), "{}")?;
/// assert!(files.read()?.loaded.wrong.is_empty());
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Files {
    place: Place,
    options: Options,
    remembered: Remembered,
    past: Past,
}

#[derive(Debug)]
enum Place {
    Text(String),
    File(PathBuf),
    Directory(PathBuf),
}

impl Files {
    /// A single site file, whose site answers for every host.
    pub fn of_file(path: impl AsRef<Path>, options: &Options) -> Self {
        Self::at(Place::File(path.as_ref().to_owned()), options)
    }

    /// A directory in bench's layout; see [`load_dir`](crate::config::load_dir).
    pub fn of_dir(dir: impl AsRef<Path>, options: &Options) -> Self {
        Self::at(Place::Directory(dir.as_ref().to_owned()), options)
    }

    /// The text of a site file whose site answers for every host, where a file or a directory could be; it never changes.
    pub fn of_text(text: impl Into<String>, options: &Options) -> Self {
        Self::at(Place::Text(text.into()), options)
    }

    /// The configuration as it is now.
    ///
    /// What is wrong with sites is in [`Loaded::wrong`](crate::config::Loaded::wrong). It is taken for granted that what
    /// this returns is put in force: a site that is wrong the next time keeps the rules that it has here.
    ///
    /// # Errors
    ///
    /// All that is wrong with the environment, with the common file, which concerns all sites, or with a single file; and
    /// with that, all that is wrong with sites. Also that the directory cannot be read.
    pub fn read(&mut self) -> Result<Configuration, Errors> {
        let Self { place, options, remembered, past } = self;
        match place {
            Place::Text(text) => Configuration::of_text(text, options),
            Place::File(path) => {
                remembered.reads += 1;
                Configuration::of_file(path, options)
            }
            Place::Directory(dir) => Bench::new(dir, options).read(remembered, past),
        }
    }

    /// How many files have been read so far, those without an error and those with.
    pub fn reads(&self) -> u64 {
        self.remembered.reads
    }

    /// The directories in which a change can change what is read, for those who watch them; none of a text.
    ///
    /// Never the files themselves: editors and Kubernetes replace a file by renaming another one over it, which
    /// whoever watches the old file does not see. Where a file is a link, that is its target's directory too.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        match &self.place {
            Place::Text(_) => BTreeSet::new(),
            Place::File(file) => around(file),
            Place::Directory(directory) => below(directory),
        }
    }

    fn at(place: Place, options: &Options) -> Self {
        Self { place, options: options.clone(), remembered: Remembered::default(), past: Past::default() }
    }
}

impl fmt::Display for Files {
    /// Writes the path; of a text what messages call it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Text(_) => f.write_str(SITE_FILE),
            Place::File(path) | Place::Directory(path) => path.display().fmt(f),
        }
    }
}

fn around(file: &Path) -> BTreeSet<PathBuf> {
    let target = fs::canonicalize(file).ok();
    [Some(file), target.as_deref()].into_iter().flatten().filter_map(parent).collect()
}

fn parent(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    // The parent of a bare name is the empty path, which the system does not know.
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// The directory and its own directories, but none below: bench keeps a site's uploads there.
fn below(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = around(&directory.join(COMMON));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path().is_dir()) {
        found.extend(around(&entry.path().join(SITE_FILE)));
    }
    found
}

impl Configuration {
    /// Reads a directory in bench's layout; see [`load_dir`](crate::config::load_dir).
    ///
    /// All or nothing; [`Files`] are for those who want to go on without a site whose own file is wrong.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files or the environment.
    pub fn of_dir(dir: impl AsRef<Path>, options: &Options) -> Result<Self, Errors> {
        let read = Files::of_dir(dir, options).read()?;
        match read.errors() {
            None => Ok(read),
            Some(errors) => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_file_name_is_watched_in_the_current_directory() {
        let files = Files::of_file("no-such-file.json", &Options::default());
        assert_eq!(files.directories(), BTreeSet::from([PathBuf::from(".")]));
    }
}
