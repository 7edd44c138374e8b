//! Configurations: what all layers say together, and who said it; and the files that they are read from again and again.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::bench::{Bench, Past};
use crate::config::disk::{Remembered, around, below, text, unreadable};
use crate::config::keys::{DEFAULT_SITE, Entry, ON_ERROR, Origin, SITE_HEADER, STORE, Scope};
use crate::config::layer::{Hosts, Layer, Layered, Shadowed};
use crate::config::references::{layered, site_of, suspect_hosts, suspect_hosts_of_layer, unmet_of_layer};
use crate::config::report::{Errors, Inspection, Problem};
use crate::config::rules::RULES_OF_RATE_LIMIT;
use crate::config::ruleset::Ruleset;
use crate::config::said::Said;
use crate::config::{ANY_HOST, Environment, Loaded, Options, SITE_FILE};
use crate::model::{Condition, Site};
use crate::store::StoreUri;

/// What all layers of a configuration say together, and who said it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Configuration {
    /// The sites, and what is suspect.
    pub loaded: Loaded,
    /// Where accounts are kept.
    pub store: StoreUri,
    /// What holds for the process, whatever the site.
    pub process: Vec<Entry>,
    /// What holds for each site, by host name; `*` are hosts that have no site of their own.
    pub sites: Vec<(String, Arc<[Entry]>)>,
    /// What the common file's tiers and overrides, and a layer's, say of rules that no site has.
    pub unmet: Vec<Problem>,
    /// What a [layer](crate::config::Layer) says and a file says, too, site by site.
    pub shadowed: Vec<Shadowed>,
    pub(crate) layer: Arc<Layer>,
}

impl Configuration {
    /// Reads a single site file, whose site answers for every host.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file or the environment.
    pub fn from_file(path: impl AsRef<Path>, options: &Options) -> Result<Self, Errors> {
        let (inspection, path) = (options.inspection(), path.as_ref());
        let page = inspection.page(path.display().to_string());
        let said = match text(path) {
            Ok(text) => Said::read(&text, Scope::Site, &page),
            Err(error) => {
                page.wrong_file(unreadable(&error));
                Said::default()
            }
        };
        Self::from_one(said, options, inspection)
    }

    /// Reads the text of a site file whose site answers for every host; messages call it `site_config.json`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text or the environment.
    pub fn from_text(text: &str, options: &Options) -> Result<Self, Errors> {
        let inspection = options.inspection();
        let said = Said::read(text, Scope::Site, &inspection.page(SITE_FILE));
        Self::from_one(said, options, inspection)
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

    /// All that is wrong with sites, and what is named and not there; `None` if everything is right.
    pub fn errors(&self) -> Option<Errors> {
        let of_sites = self.loaded.wrong.iter().flat_map(|wrong| wrong.errors.problems());
        let errors = Errors::distinct(of_sites.chain(&self.unmet));
        (!errors.problems().is_empty()).then_some(errors)
    }

    /// What the layer says of a site and a file, or code, says, too; each tells by whom.
    pub fn shadowed_of<'a>(&'a self, site: &'a str) -> impl Iterator<Item = &'a Shadowed> {
        self.shadowed.iter().filter(move |shadowed| shadowed.site == site)
    }

    /// Where a rule of a site comes from, and the key that it stands in, if it stands in one.
    pub(crate) fn origin_of(&self, site: &str, rule: &str) -> (Origin, Option<&'static str>) {
        let own = self.loaded.site(site).map_or(site, |own| &own.name);
        let hidden = |name: &str| self.shadowed_of(own).any(|one| one.key == "rules" && one.name == name);
        let has_it = |set: &Ruleset| set.rules().iter().any(|other| other.name == rule);
        let rulesets = self.layer.rulesets_of(own, Hosts::All);
        if let Some(set) = rulesets.iter().find(|set| has_it(set)).filter(|_| !hidden(rule)) {
            return (Origin::Layer(Arc::clone(set.file())), None);
        }
        let key = if RULES_OF_RATE_LIMIT.contains(&rule) { "rate_limit" } else { "rate_limit_rules" };
        let entries = self.sites.iter().find(|(name, _)| name == site).map_or(&[][..], |(_, said)| said);
        match entries.iter().find(|entry| entry.key == key) {
            Some(entry) => (entry.origin.clone(), Some(key)),
            None => (Origin::Code, None),
        }
    }

    /// A site that code describes, with what lies below it.
    fn from_site(site: Site, options: &Options) -> Result<Self, Errors> {
        let (inspection, layer, none) = (options.inspection(), &options.layer, Said::default());
        let is_off = options.environment.said.enabled.get() == Some(&false);
        let exempt = if is_off { Some(Condition::ALWAYS) } else { site.exempt.clone() };
        let of_layer = layer.entries_of(&site.name, !site.unpublished_hosts.is_empty());
        let sites = vec![(site.name.clone(), of_layer.into())];
        let layered = layered(Site { exempt, ..site }, options, &inspection);
        suspect_hosts_of_layer(layer, &layered.site.names_of_hosts(), &inspection);
        let unmet = unmet_of_layer(&layered.site.rules.iter().collect::<Vec<_>>(), options, &inspection);
        let (store, process) = process(&none, &options.environment, &inspection);
        let warnings = inspection.close()?;
        let Layered { site, shadowed, .. } = layered;
        let loaded = Loaded { warnings, ..Loaded::from_site(site) };
        Ok(Self { loaded, store, process, sites, unmet, shadowed, layer: Arc::clone(layer) })
    }

    fn from_one(said: Said, options: &Options, inspection: Inspection) -> Result<Self, Errors> {
        let (none, layer) = (Said::default(), &options.layer);
        let said = options.environment.said.clone().or(said);
        let of_layer = layer.entries_of(ANY_HOST, said.unpublished_hosts().next().is_some());
        let entries = said.entries_of_site(&none).into_iter().chain(of_layer).collect();
        let (sites, file) = (vec![(ANY_HOST.to_owned(), entries)], Arc::clone(&said.file));
        let layered = site_of(said, &none, ANY_HOST, options, &inspection);
        let (exempt, names) = (layered.site.exempt.as_ref(), layered.site.names_of_hosts());
        suspect_hosts(layered.rules().0, exempt, &names, &inspection.page(file));
        suspect_hosts_of_layer(layer, &names, &inspection);
        let unmet = unmet_of_layer(&layered.site.rules.iter().collect::<Vec<_>>(), options, &inspection);
        let (store, process) = process(&none, &options.environment, &inspection);
        let warnings = inspection.close()?;
        let Layered { site, shadowed, .. } = layered;
        let loaded = Loaded { warnings, ..Loaded::from_site(site) };
        Ok(Self { loaded, store, process, sites, unmet, shadowed, layer: Arc::clone(layer) })
    }
}

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

/// Where accounts are kept, and all that holds whatever the site.
pub(crate) fn process(
    common: &Said,
    environment: &Environment,
    inspection: &Inspection,
) -> (StoreUri, Vec<Entry>) {
    let named = environment.store.clone().or_else(|| common.keys.store.get().cloned());
    let (store, origin) = named.unwrap_or_else(|| (StoreUri::default(), Origin::Default));
    let mut entries = vec![environment.said.enabled_entry(), Entry::new(STORE, &store, origin)];
    entries.extend([DEFAULT_SITE, ON_ERROR, SITE_HEADER].into_iter().filter_map(|key| common.entry(key)));
    let Some(prefix) = &environment.key_prefix else { return (store, entries) };
    let is_own = matches!(environment.store, Some((_, Origin::Argument(_)))) && store.has_prefix();
    match store.is_shared() {
        true if is_own => (store, entries),
        true => {
            let origin = Origin::Environment("RATELIMIT_KEY_PREFIX");
            entries.push(Entry::new("rate_limit_store.prefix", format_args!("\"{prefix}\""), origin));
            (store.with_prefix(prefix), entries)
        }
        false => {
            let fault = "means nothing to a store that is not shared";
            inspection.page("environment").suspect("RATELIMIT_KEY_PREFIX", None, fault);
            (store, entries)
        }
    }
}
