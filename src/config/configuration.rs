//! Configurations: what all layers say together, and who said it.

use std::path::Path;
use std::sync::Arc;

use crate::config::environment::Environment;
use crate::config::hosts_asked::suspect_hosts;
use crate::config::layer::{Layer, Scope};
use crate::config::options::Options;
use crate::config::origin::{Entry, Origin};
use crate::config::problem::{Errors, Problem};
use crate::config::report::Report;
use crate::config::{ANY_HOST, Loaded, SITE_FILE, read_file};
use crate::store::StoreUri;

/// What all layers of a configuration say together, and who said it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The sites, and what is suspect.
    pub loaded: Loaded,
    /// Where accounts are kept.
    pub store: StoreUri,
    /// What holds for the process, whatever the site.
    pub process: Vec<Entry>,
    /// What holds for each site, by host name; `*` are hosts that have no site of their own.
    pub sites: Vec<(String, Arc<[Entry]>)>,
    /// What the common file's tiers and overrides say of rules that no site has.
    pub unmet: Vec<Problem>,
}

impl Configuration {
    /// Reads a single site file, whose site answers for every host.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file or the environment.
    pub fn of_file(path: impl AsRef<Path>, options: &Options) -> Result<Self, Errors> {
        let mut report = options.report();
        let layer = read_file(path.as_ref(), &mut report);
        Self::of_layer(layer, &options.environment, report)
    }

    /// Reads the text of a site file whose site answers for every host; messages call it `site_config.json`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text or the environment.
    pub fn of_text(text: &str, options: &Options) -> Result<Self, Errors> {
        let mut report = options.report();
        report.begin(SITE_FILE);
        let layer = Layer::read(text, Scope::Site, &mut report);
        Self::of_layer(layer, &options.environment, report)
    }

    /// All that is wrong with sites, and what is named and not there; `None` if everything is right.
    pub fn errors(&self) -> Option<Errors> {
        let of_sites = self.loaded.wrong.iter().flat_map(|wrong| wrong.errors.problems());
        let errors = Errors::distinct(of_sites.chain(&self.unmet));
        (!errors.problems().is_empty()).then_some(errors)
    }

    fn of_layer(layer: Layer, environment: &Environment, mut report: Report) -> Result<Self, Errors> {
        let none = Layer::default();
        let layer = environment.layer.clone().or(layer);
        let sites = vec![(ANY_HOST.to_owned(), layer.entries(&none).into())];
        let file = Arc::clone(&layer.file);
        let fallback = layer.site(ANY_HOST, &none, &mut report);
        report.begin(&file);
        suspect_hosts(&fallback, &fallback.names_of_hosts(), &mut report);
        let (store, process) = process(&none, environment, &mut report);
        let warnings = report.close()?;
        let loaded = Loaded { warnings, ..Loaded::of_site(fallback) };
        Ok(Self { loaded, store, process, sites, unmet: Vec::new() })
    }
}

/// Where accounts are kept, and all that holds whatever the site.
pub(super) fn process(
    common: &Layer,
    environment: &Environment,
    report: &mut Report,
) -> (StoreUri, Vec<Entry>) {
    let (store, origin) = store(common, environment);
    let mut entries = vec![environment.layer.enabled_entry(), Entry::new("rate_limit_store", &store, origin)];
    entries.extend(common.common_entries());
    let Some(prefix) = &environment.key_prefix else { return (store, entries) };
    let origin = Origin::Environment("RATELIMIT_KEY_PREFIX");
    let is_own = matches!(environment.store, Some((_, Origin::Argument(_)))) && store.has_prefix();
    match store.is_shared() {
        true if is_own => (store, entries),
        true => {
            entries.push(Entry::new("rate_limit_store.prefix", format_args!("\"{prefix}\""), origin));
            (store.with_prefix(prefix), entries)
        }
        false => {
            report.begin("environment");
            report.suspect("RATELIMIT_KEY_PREFIX", None, "means nothing to a store that is not shared");
            (store, entries)
        }
    }
}

pub(super) fn store(common: &Layer, environment: &Environment) -> (StoreUri, Origin) {
    let named = environment.store.clone().or_else(|| common.store());
    named.unwrap_or_else(|| (StoreUri::default(), Origin::Default))
}
