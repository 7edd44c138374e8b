//! What code says of sites beside their files.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Configuration, Entries, Entry, Loaded, Origin};
use crate::model::{Condition, HeaderPolicy, Paths, Proxy, Rule, Site, Zone};

/// What code says of a site, or of all those that files describe.
///
/// Where a site's files say the same thing, they are right: what is in them is seen by those who look after the site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    /// What the site of a single file is called.
    pub(crate) name: Option<String>,
    pub(crate) zone: Option<Arc<Zone>>,
    pub(crate) headers: Option<HeaderPolicy>,
    pub(crate) paths: Option<Paths>,
    pub(crate) hops: Option<u8>,
    /// Beside those of the files.
    pub(crate) proxies: Vec<Proxy>,
    /// The same.
    pub(crate) exempt: Vec<Condition>,
    /// After those of the files.
    pub(crate) rules: Vec<Rule>,
}

impl Code {
    /// The site with what code says of it.
    pub(crate) fn of_site(&self, mut site: Site) -> Site {
        site.rules.extend(self.rules.iter().cloned());
        self.settings(site, |_| false)
    }

    /// The sites of files with what code says of them.
    pub(crate) fn of_files(&self, read: &Configuration) -> Loaded {
        let mut loaded = read.loaded.clone();
        if !self.says_nothing_of_sites() {
            let said: HashMap<_, _> =
                read.sites.iter().map(|(name, entries)| (name.as_str(), entries)).collect();
            for (name, site) in &mut loaded.sites {
                *site = Arc::new(self.of_file(site, said.get(name.as_str()).copied()));
            }
        }
        loaded.fallback = self.of_file(&loaded.fallback, said_of(read, ANY_HOST));
        if let Some(name) = &self.name {
            loaded.fallback.name.clone_from(name);
        }
        loaded
    }

    /// The names of rules that a site's files have as well: those of the files hold.
    pub(crate) fn shadowed<'a>(&'a self, loaded: &'a Loaded) -> impl Iterator<Item = (&'a str, &'a str)> {
        let sites = loaded.sites.iter().map(|(_, site)| &**site).chain([&loaded.fallback]);
        sites.flat_map(|site| {
            let names = self.rules.iter().map(|rule| rule.name.as_str());
            names.filter(|name| has_rule(site, name)).map(|name| (site.name.as_str(), name))
        })
    }

    /// Whether sites are what their files say.
    fn says_nothing_of_sites(&self) -> bool {
        let Self { name: _, zone, headers, paths, hops, proxies, exempt, rules } = self;
        let says_nothing = zone.is_none() && headers.is_none() && paths.is_none() && hops.is_none();
        says_nothing && proxies.is_empty() && exempt.is_empty() && rules.is_empty()
    }

    pub(crate) fn of_file(&self, site: &Site, said: Option<&Entries>) -> Site {
        let mut joined = site.clone();
        joined.rules.extend(self.rules.iter().filter(|rule| !has_rule(site, &rule.name)).cloned());
        self.settings(joined, |key| said.into_iter().flatten().any(|entry| is_said(entry, key)))
    }

    fn settings(&self, mut site: Site, is_said: impl Fn(&str) -> bool) -> Site {
        let unsaid = |key| !is_said(key);
        if let Some(zone) = self.zone.as_ref().filter(|_| unsaid("time_zone")) {
            site.zone = Arc::clone(zone);
        }
        if let Some(headers) = self.headers.as_ref().filter(|_| unsaid("rate_limit_headers")) {
            site.headers = headers.clone();
        }
        site.paths = self.paths.filter(|_| unsaid("rate_limit_paths")).unwrap_or(site.paths);
        let hops = self.hops.filter(|_| unsaid("rate_limit_trusted_hops"));
        site.addresses.trusted_hops = hops.unwrap_or(site.addresses.trusted_hops);
        site.addresses.trusted_proxies.extend(self.proxies.iter().copied());
        if !self.exempt.is_empty() {
            let exempt = site.exempt.take().into_iter().chain(self.exempt.iter().cloned());
            site.exempt = Some(Condition::Any(exempt.collect()));
        }
        site
    }
}

/// What a configuration calls hosts that have no site of their own.
const ANY_HOST: &str = "*";

pub(crate) fn said_of<'a>(read: &'a Configuration, name: &str) -> Option<&'a Entries> {
    read.sites.iter().find(|(other, _)| other == name).map(|(_, entries)| entries)
}

fn is_said(entry: &Entry, key: &str) -> bool {
    let is_of = entry.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    is_of && entry.origin != Origin::Default
}

fn has_rule(site: &Site, name: &str) -> bool {
    site.rules.iter().any(|rule| rule.name == name)
}
