//! The files of a configuration, read again and again; and drafts of what would hold with another layer below them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::bench::{Bench, Past};
use crate::config::configuration::Configuration;
use crate::config::disk::{Remembered, around, below};
use crate::config::layer::Layer;
use crate::config::report::Errors;
use crate::config::{Options, SITE_FILE};
use crate::model::Site;

/// The files of a configuration, which may be read as often as they may have changed.
///
/// Unlike [`Configuration::from_dir`], one site's mistake stays that site's: a site whose own file is wrong keeps its last
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
/// let mut files = Files::from_dir(&dir, &Options::default());
/// let read = files.read()?;
/// let [wrong] = &read.loaded.wrong[..] else { panic!("one is wrong") };
/// assert_eq!((wrong.site.as_str(), wrong.meanwhile), ("b.example", Meanwhile::Refused));
///
/// std::fs::write(dir.join("b.example/site_config.json"), "{}")?;
/// assert!(files.read()?.loaded.wrong.is_empty());
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    place: Place,
    options: Options,
    remembered: Remembered,
    past: Past,
}

/// Whatever it is, reading gives a configuration: of one site for every host, or of a directory's.
#[derive(Clone, Debug)]
enum Place {
    Code(Box<Site>),
    Text(String),
    File(PathBuf),
    Directory(PathBuf),
}

impl Files {
    /// A single site file, whose site answers for every host.
    pub fn from_file(path: impl AsRef<Path>, options: &Options) -> Self {
        Self::at(Place::File(path.as_ref().to_owned()), options)
    }

    /// A directory in bench's layout; see [`load_dir`](crate::config::load_dir).
    pub fn from_dir(dir: impl AsRef<Path>, options: &Options) -> Self {
        Self::at(Place::Directory(dir.as_ref().to_owned()), options)
    }

    /// The text of a site file whose site answers for every host, where a file or a directory could be; it never changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::{Files, Options};
    ///
    /// let mut files = Files::from_text(r#"{ "rate_limit": "60s per hour" }"#, &Options::default());
    /// assert_eq!(files.read()?.loaded.fallback.rules.len(), 1);
    /// assert_eq!((files.reads(), files.directories().len()), (0, 0), "there is nothing to watch");
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn from_text(text: impl Into<String>, options: &Options) -> Self {
        Self::at(Place::Text(text.into()), options)
    }

    /// A site that code describes, where files could be: below it lies a layer all the same.
    ///
    /// What is wrong with the site itself is not asked here: see [`Site::check`].
    pub fn from_site(site: Site, options: &Options) -> Self {
        Self::at(Place::Code(Box::new(site)), options)
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
            Place::Code(site) => Configuration::from_site((**site).clone(), options),
            Place::Text(text) => Configuration::from_text(text, options),
            Place::File(path) => {
                remembered.reads += 1;
                Configuration::from_file(path, options)
            }
            Place::Directory(dir) => Bench::new(dir, options).read(remembered, past),
        }
    }

    /// Replaces what lies below the files; the next reading says what holds then, and reads no file for that.
    ///
    /// What the files said is remembered, so this costs what joining costs, and no look at the disk.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::{Files, Layer, Options, Ruleset};
    ///
    /// let mut files = Files::from_text(r#"{ "rate_limit": "600s per hour" }"#, &Options::default());
    /// let plans = Ruleset::parse("plans", r#"[{ "name": "export", "limits": "9 per day" }]"#)?;
    /// files.set_layer(Layer::new("database").with_rules([plans]));
    ///
    /// let rules: Vec<_> = files.read()?.loaded.fallback.rules.iter().map(|rule| rule.name.to_string()).collect();
    /// assert_eq!(rules, ["site", "export"], "those of the file come first");
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn set_layer(&mut self, layer: Layer) {
        self.options.layer = Arc::new(layer);
    }

    /// The configuration as it would be with another layer, of which nothing is put in force.
    ///
    /// # Errors
    ///
    /// All that the layer would make wrong; what is wrong with the files as they are is none of it. And all that is wrong with
    /// the files, if that concerns all sites.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::{Files, Layer, Options, Ruleset};
    ///
    /// let files = Files::from_text(r#"{ "rate_limit": "600s per hour" }"#, &Options::default());
    /// let draft = Ruleset::parse("ruleset plans", r#"[{ "name": "each", "key": "user", "limits": "9 per day" }]"#)?;
    /// assert_eq!(
    ///     files.draft(Layer::new("database").with_rules([draft])).unwrap_err().to_string(),
    ///     "ruleset plans: rules[0]: \"each\": nobody tells who clients are; \
    ///      expected rate_limit_identity or rate_limit_api_keys"
    /// );
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn draft(&self, layer: Layer) -> Result<Configuration, Errors> {
        let mut files = self.clone();
        let before = files.read().and_then(|read| read.errors().map_or(Ok(()), Err));
        files.set_layer(layer);
        let read = files.read();
        let (Err(errors) | Ok(Some(errors))) = read.as_ref().map(Configuration::errors).map_err(Clone::clone)
        else {
            return read;
        };
        let known = before.err().unwrap_or_else(|| Errors(Vec::new()));
        let new: Vec<_> = errors.0.into_iter().filter(|problem| !known.0.contains(problem)).collect();
        if new.is_empty() { read } else { Err(Errors(new)) }
    }

    /// How many files have been read so far, those without an error and those with.
    pub fn reads(&self) -> u64 {
        self.remembered.reads
    }

    /// The directories in which a change can change what is read, for those who watch them; none of a text or a site.
    ///
    /// Never the files themselves: editors and Kubernetes replace a file by renaming another one over it, which
    /// whoever watches the old file does not see. Where a file is a link, that is its target's directory too.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        match &self.place {
            Place::Code(_) | Place::Text(_) => BTreeSet::new(),
            Place::File(file) => around(file),
            Place::Directory(directory) => below(directory),
        }
    }

    fn at(place: Place, options: &Options) -> Self {
        Self { place, options: options.clone(), remembered: Remembered::default(), past: Past::default() }
    }
}

impl fmt::Display for Files {
    /// Writes the path; of a text what messages call it, of a site its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Code(site) => f.write_str(&site.name),
            Place::Text(_) => f.write_str(SITE_FILE),
            Place::File(path) | Place::Directory(path) => path.display().fmt(f),
        }
    }
}

impl Configuration {
    /// Reads a directory in bench's layout; see [`load_dir`](crate::config::load_dir).
    ///
    /// All or nothing; [`Files`] are for those who want to go on without a site whose own file is wrong.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files or the environment.
    pub fn from_dir(dir: impl AsRef<Path>, options: &Options) -> Result<Self, Errors> {
        let read = Files::from_dir(dir, options).read()?;
        match read.errors() {
            None => Ok(read),
            Some(errors) => Err(errors),
        }
    }
}
