//! Configurations: what all layers say together, and who said it.
//!
//! A [`Configuration`] is what `timebudget config` prints and what [`Sites`](crate::Sites) put in force: the sites with their rules,
//! and beside them, key by key, the value that counts and the layer that said it. Nothing in it is wrong but what `loaded.wrong` and
//! `unmet` say.

use std::sync::Arc;

use crate::config::keys::{DEFAULT_SITE, Entries, Entry, ON_ERROR, Origin, SITE_HEADER, STORE};
use crate::config::layer::Layer;
use crate::config::layered::Shadowed;
use crate::config::report::{Errors, Inspection, Problem};
use crate::config::rules::RULES_OF_RATE_LIMIT;
use crate::config::ruleset::{Hosts, Ruleset};
use crate::config::said::Said;
use crate::config::{Environment, Loaded};
use crate::store::StoreUri;

/// What all layers of a configuration say together, and who said it.
///
/// # Examples
///
/// ```
/// use timebudget::config::{Configuration, Options};
///
/// let read = Configuration::from_text(r#"{ "rate_limit": "60s per hour" }"#, &Options::default())?;
/// let (host, entries) = &read.sites[0];
/// assert_eq!(host, "*", "a single file answers for every host");
/// let said = |key| entries.iter().find(|entry| entry.key == key).map(|entry| (&*entry.value, entry.origin.to_string()));
/// assert_eq!(said("rate_limit"), Some(("\"60s per hour\"", "site_config.json".to_owned())));
/// assert_eq!(said("time_zone"), Some(("\"UTC\"", "default".to_owned())));
/// assert_eq!(read.store.to_string(), "memory://");
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
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
    pub sites: Vec<(String, Entries)>,
    /// What the common file's tiers and overrides, and a layer's, say of rules that no site has.
    pub unmet: Vec<Problem>,
    /// What a [layer](crate::config::Layer) says and a file says, too, site by site.
    pub shadowed: Vec<Shadowed>,
    pub(crate) layer: Arc<Layer>,
}

impl Configuration {
    /// All that is wrong with sites, and what is named and not there; `None` if everything is right.
    pub fn errors(&self) -> Option<Errors> {
        let of_sites = self.loaded.wrong.iter().flat_map(|wrong| wrong.errors.problems());
        let errors = Errors::distinct(of_sites.chain(&self.unmet));
        (!errors.problems().is_empty()).then_some(errors)
    }

    /// What the layer says of a site and a file, or code, says, too; each tells by whom.
    ///
    /// In the order in which the layer says it. A rule is shadowed whose name a rule of the files, or of code, has, too.
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
        let entries = self.sites.iter().find(|(name, _)| name == site).map(|(_, said)| said);
        match entries.into_iter().flatten().find(|entry| entry.key == key) {
            Some(entry) => (entry.origin.clone(), Some(key)),
            None => (Origin::Code, None),
        }
    }
}

/// Where accounts are kept, and all that holds whatever the site.
///
/// A store that the command line or the environment names counts before the one of the common file. `RATELIMIT_KEY_PREFIX` then
/// counts before the prefix in the URI, unless the command line has written both.
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
