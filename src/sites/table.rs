//! The table of one configuration: by names of sites, by hosts, by what wildcards stand before, and a fallback for all other hosts.
//!
//! Who answers for what is the [layout](Layout), which tables share as long as sites and hosts are the same: of three thousand sites, one
//! that has other rules costs no look for the hosts of the rest, and all of them cost a limiter each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{Loaded, Meanwhile};
use crate::limiter::{Engine, Limiter};
use crate::model::host::{self, Host};
use crate::model::{AddressPolicy, Site};
use crate::parts::in_parts;
use crate::sites::Wrong;

/// The limiters of one configuration.
///
/// It is never changed: a request that has seen it goes on with it, whatever is put in force meanwhile.
#[derive(Debug)]
pub(crate) struct Table {
    layout: Arc<Layout>,
    /// Of each place of the layout.
    answering: Vec<Arc<Answering>>,
    /// What answers for hosts that have no site: the site for them, or the default site.
    pub(crate) fallback: Arc<Answering>,
    pub(crate) told_by: Option<ToldBy>,
    pub(crate) wrong: Vec<Wrong>,
}

/// Which place is that of a name or a host.
///
/// The first places are those of the sites by their names, in their order, and the next one is that of hosts without a site.
#[derive(Debug, Default)]
struct Layout {
    /// As the directories of the sites are called.
    names: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, usize>,
    /// By host in its one form.
    by_host: HashMap<Arc<[u8]>, usize>,
    /// By what their wildcards stand before.
    below: HashMap<Arc<str>, usize>,
    /// Whose each place is: a site by its position, and behind all of them that of hosts without one.
    owners: Vec<usize>,
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
        let run = |site: &Arc<Site>| {
            let same = before.and_then(|before| before.running(site));
            same.unwrap_or_else(|| {
                let instead_of = before.and_then(|before| before.limiter_of(&site.name));
                Arc::new(Limiter::of(site, engine, instead_of))
            })
        };
        let limiter = |(name, site): &(String, Arc<Site>)| match closed(name) {
            true => Arc::new(Limiter::closed((**site).clone(), engine)),
            false => run(site),
        };
        let everybody = run(&Arc::new(fallback));
        let made = in_parts(&sites, |sites| {
            let limiters: Vec<_> = sites.iter().map(limiter).collect();
            let is_as_before = |((name, _), limiter): (&(String, _), _)| {
                before.and_then(|before| before.of_name(name)).is_some_and(|known| known.is_like(limiter))
            };
            let are_as_before = sites.iter().zip(&limiters).all(is_as_before);
            (limiters, are_as_before)
        });
        let are_as_before = made.iter().all(|(_, are_as_before)| *are_as_before);
        let limiters: Vec<_> =
            made.into_iter().flat_map(|(limiters, _)| limiters).chain([everybody]).collect();
        let names = sites.iter().map(|(name, _)| name.as_str());
        let laid_out = before.filter(|before| {
            are_as_before
                && before.layout.has_names(names.clone())
                && before.everybody().is_like(&limiters[sites.len()])
        });
        let (layout, answering) = match laid_out {
            Some(before) => (Arc::clone(&before.layout), before.answering_by(&limiters)),
            None => Layout::of(names, &limiters),
        };
        let default = default_site.and_then(|name| layout.by_name.get(name.as_str()).copied());
        let fallback = Arc::clone(&answering[default.unwrap_or(sites.len())]);
        Self { layout, answering, fallback, told_by, wrong }
    }

    /// What answers at each place where these are the limiters of the same sites: those that go on are shared.
    fn answering_by(&self, limiters: &[Arc<Limiter>]) -> Vec<Arc<Answering>> {
        let by = |(before, owner): (&Arc<Answering>, &usize)| {
            let limiter = &limiters[*owner];
            match Arc::ptr_eq(&before.limiter, limiter) {
                true => Arc::clone(before),
                false => Answering::new(&before.host, limiter),
            }
        };
        self.answering.iter().zip(&self.layout.owners).map(by).collect()
    }

    /// What answers for hosts that have no site where no other is named for them.
    fn everybody(&self) -> &Arc<Answering> {
        &self.answering[self.layout.names.len()]
    }

    /// The limiter of a site that is just like that one.
    fn running(&self, site: &Arc<Site>) -> Option<Arc<Limiter>> {
        let same = self.near(&site.name).find(|limiter| limiter.is_of(site))?;
        same.set_tiers(&site.tiers);
        Some(Arc::clone(same))
    }

    /// The limiter of a site of that name, whatever its rules.
    fn limiter_of(&self, name: &str) -> Option<&Limiter> {
        self.near(name).map(|limiter| &**limiter).find(|limiter| limiter.site().name == name)
    }

    /// The limiters that may be of a site of that name.
    fn near(&self, name: &str) -> impl Iterator<Item = &Arc<Limiter>> {
        let all = self.of_name(name).into_iter().chain([self.everybody(), &self.fallback]);
        all.map(|answering| &answering.limiter)
    }

    /// What answers for the site whose directory is called so.
    pub(crate) fn of_name(&self, name: &str) -> Option<&Arc<Answering>> {
        self.layout.by_name.get(name).map(|place| &self.answering[*place])
    }

    /// The sites, and the limiter of each.
    pub(crate) fn sites(&self) -> impl Iterator<Item = (&str, &Arc<Limiter>)> {
        let limiters = self.answering.iter().map(|answering| &answering.limiter);
        self.layout.names.iter().map(|name| &**name).zip(limiters)
    }

    /// The name of the site that answers for hosts which have none.
    pub(crate) fn default_site(&self) -> Option<&str> {
        let is_fallback = |limiter| Arc::ptr_eq(limiter, &self.fallback.limiter);
        self.sites().find(|(_, limiter)| is_fallback(limiter)).map(|(name, _)| name)
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
        let by_name = || self.of_name(str::from_utf8(name).ok()?.to_lowercase().as_str());
        let told = self.find(name).or_else(by_name)?;
        let asked = host.and_then(|host| self.find(host));
        asked.filter(|asked| Arc::ptr_eq(&asked.limiter, &told.limiter)).or(Some(told))
    }

    /// All limiters, each once.
    pub(crate) fn limiters(&self) -> impl Iterator<Item = &Arc<Limiter>> {
        let fallback = self.default_site().is_none().then_some(&self.fallback.limiter);
        self.sites().map(|(_, limiter)| limiter).chain(fallback)
    }

    /// Whether there is anything to choose.
    pub(crate) fn has_hosts(&self) -> bool {
        !self.layout.by_host.is_empty() || !self.layout.below.is_empty() || self.told_by.is_some()
    }

    /// Nearly all clients write hosts in their one form.
    fn find(&self, host: &[u8]) -> Option<&Arc<Answering>> {
        let bare = host::bare(host);
        let place = self.layout.by_host.get(bare).copied().or_else(|| self.layout.find_otherwise(bare))?;
        Some(&self.answering[place])
    }
}

impl Layout {
    /// That of sites by their names and the hosts of their limiters, the last of which is that of hosts without a site.
    fn of<'a>(
        names: impl Iterator<Item = &'a str>,
        limiters: &[Arc<Limiter>],
    ) -> (Arc<Self>, Vec<Arc<Answering>>) {
        let (mut layout, mut answering) = (Self::default(), Vec::new());
        layout.names = names.map(Arc::from).collect();
        for (owner, limiter) in limiters.iter().enumerate() {
            layout.owners.push(owner);
            answering.push(Answering::new(&Arc::from(limiter.site().name.as_str()), limiter));
            if let Some(name) = layout.names.get(owner) {
                layout.by_name.entry(Arc::clone(name)).or_insert(owner);
            }
        }
        // Those of a single file, too, which answers for every host and tells these apart.
        for (owner, limiter) in limiters.iter().enumerate() {
            let own = layout.names.get(owner).and_then(|name| Host::parse(name).ok());
            for host in own.iter().chain(&limiter.site().hosts) {
                if layout.give(host, owner) {
                    answering.push(Answering::new(&Arc::from(host.as_str()), limiter));
                }
            }
        }
        (Arc::new(layout), answering)
    }

    /// Gives a host a place, unless it has one: of two sites with one host, the first by name answers.
    fn give(&mut self, host: &Host, owner: usize) -> bool {
        let place = self.owners.len();
        let given = match host.below() {
            Some(name) => *self.below.entry(name.into()).or_insert(place),
            None => *self.by_host.entry(host.as_str().as_bytes().into()).or_insert(place),
        };
        if given == place {
            self.owners.push(owner);
        }
        given == place
    }

    /// Whether its sites are called so, in this order.
    fn has_names<'a>(&self, names: impl ExactSizeIterator<Item = &'a str>) -> bool {
        self.names.len() == names.len() && self.names.iter().zip(names).all(|(known, name)| **known == *name)
    }

    #[cold]
    fn find_otherwise(&self, bare: &[u8]) -> Option<usize> {
        let host = host::normal(bare)?;
        let below = || host::parents(&host).find_map(|parent| self.below.get(parent));
        self.by_host.get(host.as_bytes()).or_else(below).copied()
    }
}

impl Answering {
    fn new(host: &Arc<str>, limiter: &Arc<Limiter>) -> Arc<Self> {
        Arc::new(Self { host: Arc::clone(host), limiter: Arc::clone(limiter) })
    }

    /// Whether a limiter is of a site with this one's name and hosts.
    fn is_like(&self, limiter: &Arc<Limiter>) -> bool {
        let (one, other) = (self.limiter.site(), limiter.site());
        Arc::ptr_eq(&self.limiter, limiter) || (one.name == other.name && one.hosts == other.hosts)
    }
}
