//! Configurations: what all layers say together, and who said it.

use std::path::Path;

use crate::config::directory::{COMMON, check_common_rules, check_unknown_hosts, read_common, read_sites};
use crate::config::environment::Environment;
use crate::config::layer::{Layer, Scope};
use crate::config::options::Options;
use crate::config::origin::{Entry, Origin};
use crate::config::problem::Errors;
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
    pub sites: Vec<(String, Vec<Entry>)>,
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

    /// Reads a directory in bench's layout; see [`load_dir`](crate::config::load_dir).
    ///
    /// # Errors
    ///
    /// All that is wrong with the files or the environment.
    pub fn of_dir(dir: impl AsRef<Path>, options: &Options) -> Result<Self, Errors> {
        let (dir, environment) = (dir.as_ref(), &options.environment);
        let mut report = options.report();
        let common = read_common(dir, &mut report);
        let layers = read_sites(dir, &mut report);
        if common.is_none() && layers.is_empty() && !report.has_errors() {
            report.wrong_file("no site; expected common_site_config.json or a <host>/site_config.json");
        }
        let common = common.unwrap_or_default();
        report.keeps_accounts_in(&store(&common, environment).0);
        let (mut sites, mut entries) = (Vec::with_capacity(layers.len()), Vec::with_capacity(layers.len()));
        for (host, layer) in layers {
            let layer = environment.layer.clone().or(layer);
            entries.push((host.clone(), layer.entries(&common)));
            let site = layer.site(&host, &common, &mut report);
            sites.push((host, site));
        }
        let default_site = common.default_site();
        if default_site.is_none() {
            entries.push((ANY_HOST.to_owned(), environment.layer.entries(&common)));
        }
        let alone = environment.layer.clone();
        // With a default site, nobody is answered by the common file alone.
        let fallback = match default_site {
            Some(_) => alone.unchecked_site(ANY_HOST, &common),
            None => alone.site(ANY_HOST, &common, &mut report),
        };
        check_common_rules(&sites, &fallback, &common, &mut report);
        report.begin(&dir.join(COMMON).display().to_string());
        check_unknown_hosts(&sites, default_site.as_deref(), &fallback, &mut report);
        let (store, process) = process(&common, environment, &mut report);
        let warnings = report.close()?;
        Ok(Self {
            loaded: Loaded { sites, default_site, fallback, warnings },
            store,
            process,
            sites: entries,
        })
    }

    fn of_layer(layer: Layer, environment: &Environment, mut report: Report) -> Result<Self, Errors> {
        let none = Layer::default();
        let layer = environment.layer.clone().or(layer);
        let sites = vec![(ANY_HOST.to_owned(), layer.entries(&none))];
        let fallback = layer.site(ANY_HOST, &none, &mut report);
        let (store, process) = process(&none, environment, &mut report);
        let warnings = report.close()?;
        let loaded = Loaded { sites: Vec::new(), default_site: None, fallback, warnings };
        Ok(Self { loaded, store, process, sites })
    }
}

/// Where accounts are kept, and all that holds whatever the site.
fn process(common: &Layer, environment: &Environment, report: &mut Report) -> (StoreUri, Vec<Entry>) {
    let (store, origin) = store(common, environment);
    let mut entries = vec![environment.layer.enabled_entry(), Entry::new("rate_limit_store", &store, origin)];
    entries.extend(common.default_site_entry());
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

fn store(common: &Layer, environment: &Environment) -> (StoreUri, Origin) {
    let named = environment.store.clone().or_else(|| common.store());
    named.unwrap_or_else(|| (StoreUri::default(), Origin::Default))
}
