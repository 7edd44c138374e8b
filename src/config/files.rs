//! Files that are read again and again, and the layer below them.
//!
//! A look at the files and what is made of them are two things: where only the layer is another, or a draft of one is tried, no
//! file is looked at.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::bench::Bench;
use crate::config::configuration::Configuration;
use crate::config::disk::{OnDisk, Remembered, around, below, text, unreadable};
use crate::config::keys::Scope;
use crate::config::layer::Layer;
use crate::config::one::{of_code, of_one};
use crate::config::past::{Made, Past};
use crate::config::report::{Errors, Findings, Problem};
use crate::config::said::Said;
use crate::config::{Options, SITE_FILE};
use crate::model::{SharedTiers, Site};

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
    place: FilesAt,
    options: Options,
    remembered: Remembered,
    /// What the last look has found.
    seen: Option<Seen>,
    past: Past,
    /// What was wrong when they were read last.
    errors: Option<Errors>,
    /// How often something else has been put in force.
    round: u64,
}

/// Where files are, or what stands in their place.
#[derive(Clone, Debug)]
enum FilesAt {
    Code(Box<Site>),
    Text(String),
    File(PathBuf),
    Directory(PathBuf),
}

/// What a look at the files has found.
#[derive(Clone, Debug)]
enum Seen {
    /// There are none.
    Nothing,
    One(Arc<(Said, Findings)>),
    Many(Arc<OnDisk>),
}

/// What was made of a layer, to be put in force or forgotten.
#[derive(Debug)]
pub(crate) struct Drafted {
    layer: Arc<Layer>,
    made: Result<Made, Errors>,
    round: u64,
}

/// What became of another layer.
pub(crate) enum Taken {
    /// Nothing has changed but who is in which tier, and what is said of rules that no site has.
    Clients(Vec<Problem>),
    /// What holds then, and what held before, which takes a while to free.
    Whole(Result<Box<Configuration>, Errors>, Box<Past>),
}

impl Files {
    /// A single site file, whose site answers for every host.
    pub fn from_file(path: impl AsRef<Path>, options: &Options) -> Self {
        Self::at(FilesAt::File(path.as_ref().to_owned()), options)
    }

    /// A directory in bench's layout; see [`load_dir`](crate::config::load_dir).
    pub fn from_dir(dir: impl AsRef<Path>, options: &Options) -> Self {
        Self::at(FilesAt::Directory(dir.as_ref().to_owned()), options)
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
        Self::at(FilesAt::Text(text.into()), options)
    }

    /// A site that code describes, where files could be: below it lies a layer all the same.
    ///
    /// What is wrong with the site itself is not asked here: see [`Site::check`].
    pub fn from_site(site: Site, options: &Options) -> Self {
        Self::at(FilesAt::Code(Box::new(site)), options)
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
        self.seen = Some(self.look());
        let made = self.make(&self.options);
        self.take(made).0
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

    /// The same, and what holds then, by what the files said when they were looked at last; of a draft that was made of it, that.
    pub(crate) fn take_layer(&mut self, layer: Layer, drafted: Option<Drafted>) -> Taken {
        let drafted = drafted.filter(|drafted| drafted.round == self.round && drafted.layer.is(&layer));
        if let Some(unmet) = self.unmet_by_clients(&layer) {
            self.options.layer = Arc::new(layer);
            self.past.set_clients(&self.options.layer);
            self.round += 1;
            let errors = Errors::distinct(unmet.iter());
            self.errors = (!unmet.is_empty()).then_some(errors);
            return Taken::Clients(unmet);
        }
        self.options.layer = Arc::new(layer);
        let made = match drafted {
            Some(Drafted { layer, made, .. }) => {
                self.options.layer = layer;
                made
            }
            None => {
                self.seen.get_or_insert_with(|| look_at(&self.place, &mut self.remembered, &self.options));
                self.make(&self.options)
            }
        };
        let (taken, before) = self.take(made);
        Taken::Whole(taken.map(Box::new), Box::new(before))
    }

    /// Brings a configuration up to date that was made before a layer's clients were taken.
    pub(crate) fn refresh(&mut self, read: &mut Configuration) {
        self.past.refresh(read);
        if let Some(unmet) = self.unmet_by_clients(&self.options.layer) {
            read.unmet = unmet;
        }
        read.layer = Arc::clone(&self.options.layer);
    }

    /// The tiers of each site, by its name; and of hosts that have none.
    pub(crate) fn tiers(&self) -> (impl Iterator<Item = (&str, &SharedTiers)>, &SharedTiers) {
        self.past.tiers()
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
        self.drafted(layer)?.made.map(|made| made.read)
    }

    /// The same, to be put in force.
    pub(crate) fn drafted(&self, layer: Layer) -> Result<Drafted, Errors> {
        let Some(known) = self.known_errors() else {
            let mut files = self.clone();
            // What is wrong with them is no news.
            let _ = files.read();
            return files.drafted(layer);
        };
        let layer = Arc::new(layer);
        let made = self.make(&Options { layer: Arc::clone(&layer), ..self.options.clone() });
        let errors = match &made {
            Ok(made) => made.read.errors(),
            Err(errors) => Some(errors.clone()),
        };
        let errors = errors.map_or_else(Vec::new, |errors| errors.0).into_iter();
        let new: Vec<_> = errors.filter(|problem| !known.contains(problem)).collect();
        if new.is_empty() { Ok(Drafted { layer, made, round: self.round }) } else { Err(Errors(new)) }
    }

    /// Whether a layer fits; if more than who is in which tier would be another, what was made of it.
    ///
    /// # Errors
    ///
    /// All that it would make wrong.
    pub(crate) fn check(&self, layer: &Layer) -> Result<Option<Drafted>, Errors> {
        let Some(unmet) = self.unmet_by_clients(layer) else { return self.drafted(layer.clone()).map(Some) };
        let known = self.known_errors().unwrap_or_default();
        let new: Vec<_> = unmet.into_iter().filter(|problem| !known.contains(problem)).collect();
        if new.is_empty() { Ok(None) } else { Err(Errors(new)) }
    }

    /// What was wrong when they were read last; `None` if they never were.
    fn known_errors(&self) -> Option<&[Problem]> {
        self.seen.as_ref().map(|_| self.errors.as_ref().map_or(&[][..], Errors::problems))
    }

    /// What a layer's clients say of rules that no site has, where it differs in no more than clients from the one in force, and
    /// every site is right and stays so.
    fn unmet_by_clients(&self, layer: &Layer) -> Option<Vec<Problem>> {
        self.seen.as_ref().and_then(|_| self.past.unmet_by_clients(layer, &self.options))
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
            FilesAt::Code(_) | FilesAt::Text(_) => BTreeSet::new(),
            FilesAt::File(file) => around(file),
            FilesAt::Directory(directory) => below(directory),
        }
    }

    fn at(place: FilesAt, options: &Options) -> Self {
        let (remembered, seen, past, errors, round) = Default::default();
        Self { place, options: options.clone(), remembered, seen, past, errors, round }
    }

    fn look(&mut self) -> Seen {
        look_at(&self.place, &mut self.remembered, &self.options)
    }

    fn make(&self, options: &Options) -> Result<Made, Errors> {
        match (&self.place, &self.seen) {
            (FilesAt::Code(site), _) => of_code((**site).clone(), options),
            (FilesAt::Directory(dir), Some(Seen::Many(on_disk))) => {
                Bench::new(dir, options).read(on_disk, &self.past)
            }
            (_, Some(Seen::One(one))) => of_one(one.0.clone(), one.1.clone(), options),
            // What is read was looked at before.
            _ => Err(Errors(Vec::new())),
        }
    }

    /// What holds from now on, and what is of no use any more.
    fn take(&mut self, made: Result<Made, Errors>) -> (Result<Configuration, Errors>, Past) {
        self.round += 1;
        match made {
            Ok(Made { read, past }) => {
                self.errors = read.errors();
                (Ok(read), std::mem::replace(&mut self.past, past))
            }
            Err(errors) => {
                self.past.is_right = false;
                self.errors = Some(errors.clone());
                (Err(errors), Past::default())
            }
        }
    }
}

fn look_at(place: &FilesAt, remembered: &mut Remembered, options: &Options) -> Seen {
    let inspection = options.inspection();
    // What is wrong with the environment is said when a configuration is made.
    let _ = inspection.take();
    let said = match place {
        FilesAt::Code(_) => return Seen::Nothing,
        FilesAt::Directory(dir) => return Seen::Many(Arc::new(OnDisk::read(dir, remembered, &inspection))),
        FilesAt::Text(text) => Said::read(text, Scope::Site, &inspection.page(SITE_FILE)),
        FilesAt::File(path) => {
            remembered.reads += 1;
            let page = inspection.page(path.display().to_string());
            match text(path) {
                Ok(text) => Said::read(&text, Scope::Site, &page),
                Err(error) => {
                    page.wrong_file(unreadable(&error));
                    Said::default()
                }
            }
        }
    };
    Seen::One(Arc::new((said, inspection.take())))
}

impl fmt::Display for Files {
    /// Writes the path; of a text what messages call it, of a site its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            FilesAt::Code(site) => f.write_str(&site.name),
            FilesAt::Text(_) => f.write_str(SITE_FILE),
            FilesAt::File(path) | FilesAt::Directory(path) => path.display().fmt(f),
        }
    }
}

impl Configuration {
    /// Reads a single site file, whose site answers for every host.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file or the environment.
    pub fn from_file(path: impl AsRef<Path>, options: &Options) -> Result<Self, Errors> {
        Files::from_file(path, options).read()
    }

    /// Reads the text of a site file whose site answers for every host; messages call it `site_config.json`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text or the environment.
    pub fn from_text(text: &str, options: &Options) -> Result<Self, Errors> {
        Files::from_text(text, options).read()
    }

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
