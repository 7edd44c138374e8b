//! Configurations: what all layers say together, and who said it.

use std::path::Path;
use std::sync::Arc;

use crate::config::assigned::Hosts;
use crate::config::files::Files;
use crate::config::keys::{DEFAULT_SITE, Entry, ON_ERROR, Origin, SITE_HEADER, STORE};
use crate::config::layer::Layer;
use crate::config::layered::Shadowed;
use crate::config::report::{Errors, Inspection, Problem};
use crate::config::rules::RULES_OF_RATE_LIMIT;
use crate::config::ruleset::Ruleset;
use crate::config::said::Said;
use crate::config::{Environment, Loaded, Options};
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
