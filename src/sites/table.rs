//! One configuration in force: which limiter answers for a host.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Clock as _;
use crate::config::{Loaded, Meanwhile};
use crate::limiter::{Engine, Limiter};
use crate::model::host::{self, Host};
use crate::model::{AddressPolicy, Site};
use crate::sites::status::Wrong;

/// The limiters of one configuration.
#[derive(Debug)]
pub(crate) struct Table {
    /// By name, as their directories are called.
    by_name: HashMap<String, Arc<Answering>>,
    /// By host in its one form.
    by_host: HashMap<Vec<u8>, Arc<Answering>>,
    /// By what their wildcards stand before.
    below: HashMap<String, Arc<Answering>>,
    fallback: Arc<Answering>,
    pub(crate) told_by: Option<ToldBy>,
    pub(crate) wrong: Vec<Wrong>,
}

/// A host, and the limiter that answers for it.
#[derive(Debug)]
pub(crate) struct Answering {
    /// The configured name or wildcard that requests ask for; the site's own name for those that ask for none of them.
    pub(crate) host: Arc<str>,
    pub(crate) limiter: Arc<Limiter>,
}

/// Who is believed when a header names the site.
#[derive(Debug)]
pub(crate) struct ToldBy {
    pub(crate) header: String,
    pub(crate) addresses: AddressPolicy,
}

impl Table {
    /// The limiters of a configuration. Of those in force before, the ones whose site has not changed go on.
    pub(crate) fn new(loaded: Loaded, before: Option<&Self>, engine: &Engine) -> Self {
        let Loaded { sites, default_site, fallback, site_header, wrong, .. } = loaded;
        let wrong_before = before.map_or(&[][..], |before| &before.wrong);
        let wrong = Wrong::since(wrong, wrong_before, engine.shared().clock.now().wall());
        let told_by = site_header.map(|header| ToldBy { header, addresses: fallback.addresses.clone() });
        let closed = |name: &str| wrong.iter().any(|w| w.site == name && w.meanwhile == Meanwhile::Refused);
        let run = |site: Site| {
            before
                .and_then(|before| before.running(&site))
                .unwrap_or_else(|| Arc::new(Limiter::new(site, engine)))
        };
        let mut table = Self::empty(Answering::by_its_name(run(fallback)));
        for (name, site) in sites {
            let limiter = if closed(&name) { Arc::new(Limiter::closed(site, engine)) } else { run(site) };
            table.insert(name, &limiter);
        }
        // Those of a single file, which answers for every host and tells these apart.
        let everybody = Arc::clone(&table.fallback.limiter);
        table.insert_hosts(&everybody.site().hosts, &everybody);
        let default = default_site.and_then(|name| table.by_name.get(&name).map(Arc::clone));
        table.fallback = default.unwrap_or(table.fallback);
        Self { told_by, wrong, ..table }
    }

    fn empty(fallback: Arc<Answering>) -> Self {
        let (by_name, by_host, below) = Default::default();
        Self { by_name, by_host, below, fallback, told_by: None, wrong: Vec::new() }
    }

    /// The limiter of a site that is just like that one.
    fn running(&self, site: &Site) -> Option<Arc<Limiter>> {
        let all = self.by_name.get(&site.name).into_iter().chain([&self.fallback]);
        let mut same = all.map(|answering| &answering.limiter).filter(|limiter| limiter.is_of(site));
        same.next().map(Arc::clone)
    }

    /// Lets a limiter answer for a site's name and hosts. Of two sites with one host, the first by name answers.
    fn insert(&mut self, name: String, limiter: &Arc<Limiter>) {
        self.insert_hosts(Host::parse(&name).ok().as_slice(), limiter);
        self.insert_hosts(&limiter.site().hosts, limiter);
        self.by_name.entry(name).or_insert_with(|| Answering::by_its_name(Arc::clone(limiter)));
    }

    fn insert_hosts(&mut self, hosts: &[Host], limiter: &Arc<Limiter>) {
        for host in hosts {
            let named = || Answering { host: Arc::from(host.as_str()), limiter: Arc::clone(limiter) };
            let answering = || Arc::new(named());
            match host.below() {
                Some(name) => self.below.entry(name.to_owned()).or_insert_with(answering),
                None => self.by_host.entry(host.as_str().into()).or_insert_with(answering),
            };
        }
    }

    /// What answers for a host, as `Host` names it.
    pub(crate) fn answering(&self, host: Option<&[u8]>) -> &Arc<Answering> {
        host.and_then(|host| self.find(host)).unwrap_or(&self.fallback)
    }

    /// What answers for a site that is told by its name, or by one of its hosts, whatever host is asked for; `None` if
    /// there is no such site.
    ///
    /// Where the host is one of the site's, it is what rules see.
    pub(crate) fn told(&self, name: &[u8], host: Option<&[u8]>) -> Option<&Arc<Answering>> {
        let by_name = || self.by_name.get(&str::from_utf8(name).ok()?.to_lowercase());
        let told = self.find(name).or_else(by_name)?;
        let asked = host.and_then(|host| self.find(host));
        asked.filter(|asked| Arc::ptr_eq(&asked.limiter, &told.limiter)).or(Some(told))
    }

    /// All limiters, each once.
    pub(crate) fn limiters(&self) -> impl Iterator<Item = &Arc<Limiter>> {
        let of_sites = || self.by_name.values().map(|answering| &answering.limiter);
        let fallback = &self.fallback.limiter;
        let is_a_sites = of_sites().any(|limiter| Arc::ptr_eq(limiter, fallback));
        of_sites().chain((!is_a_sites).then_some(fallback))
    }

    /// Whether there is anything to choose.
    pub(crate) fn has_hosts(&self) -> bool {
        !self.by_host.is_empty() || !self.below.is_empty() || self.told_by.is_some()
    }

    /// Nearly all clients write hosts in their one form.
    fn find(&self, host: &[u8]) -> Option<&Arc<Answering>> {
        let bare = host::bare(host);
        self.by_host.get(bare).or_else(|| self.find_otherwise(bare))
    }

    #[cold]
    fn find_otherwise(&self, bare: &[u8]) -> Option<&Arc<Answering>> {
        let host = host::normal(bare)?;
        let below = || host::parents(&host).find_map(|parent| self.below.get(parent));
        self.by_host.get(host.as_bytes()).or_else(below)
    }
}

impl Answering {
    fn by_its_name(limiter: Arc<Limiter>) -> Arc<Self> {
        Arc::new(Self { host: Arc::from(limiter.site().name.as_str()), limiter })
    }
}
