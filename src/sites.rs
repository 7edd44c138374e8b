//! Sites: which limiter answers for a host, and how all of them are replaced.
//!
//! A [`Sites`] has one table in force: by names of sites, by hosts, by what wildcards stand before, and a fallback for all
//! other hosts. It is replaced as a whole, and each worker keeps the one that it has seen until the version rises: so a request
//! takes no lock to find its limiter, and a reload waits for nobody.
//!
//! A limiter whose site is just as before goes on in the new table, with what it has learned of its requests; tiers, and who is in
//! them, are replaced in the limiter itself. Accounts are the engine's and outlive all tables.

mod code;
mod in_force;
mod reload;
mod retired;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

pub(crate) use self::code::Code;
pub use self::in_force::{RuleOrigin, SiteInForce};
pub use self::reload::{Reloader, Reloads};
use self::retired::{free_unseen, retire};
pub use self::watch::Watcher;
use crate::config::{Errors, Loaded, Meanwhile, WrongSite};
use crate::limiter::{Engine, Limiter};
use crate::model::host::{self, Host};
use crate::model::{AddressPolicy, SharedTiers, Site, UnixMicros};
use crate::parts::in_parts;

/// The running limiters of all sites.
///
/// Replacing them keeps the accounts: the new quotas meet the old spend.
///
/// # Examples
///
/// A configuration that is read again whenever its files may have changed. A site whose own file is wrong keeps its
/// last rules, and the others go on:
///
/// ```no_run
/// use std::sync::Arc;
/// use timebudget::config::{Files, Options};
/// use timebudget::{Engine, Sites, TimeBudget};
///
/// let mut files = Files::from_dir("sites", &Options::default());
/// let sites = Arc::new(Sites::new(files.read()?.loaded, Engine::in_memory()));
/// let budget = TimeBudget::of_sites(Arc::clone(&sites));
///
/// // Later, on a thread of its own:
/// match files.read() {
///     Ok(read) => sites.replace(read.loaded),
///     Err(errors) => eprintln!("{errors}\nThe rules in force stay."),
/// }
/// for wrong in sites.wrong() {
///     eprintln!("{}, since {:?}, {}:\n{}", wrong.site, wrong.since, wrong.meanwhile, wrong.errors);
/// }
/// # let _ = budget;
/// # Ok::<(), timebudget::config::Errors>(())
/// ```
#[derive(Debug)]
pub struct Sites {
    engine: Engine,
    /// Rises with each replacement, so that workers see at one glance that theirs is old.
    version: AtomicU64,
    table: RwLock<Arc<Table>>,
}

impl Sites {
    /// The limiters of a configuration, on an engine: a limiter for each site, and one for hosts that have none of their own.
    ///
    /// What is [wrong](Loaded::wrong) with sites is no error here: they have what the configuration says of them meanwhile.
    pub fn new(loaded: Loaded, engine: Engine) -> Self {
        let table = RwLock::new(Arc::new(Table::new(loaded, None, &engine)));
        Self { engine, version: AtomicU64::new(0), table }
    }

    /// A single site that answers for every host.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Engine, Limit, Period, Rule, Site, Sites};
    ///
    /// let rules = vec![Rule::new("all", Component::Ip, Limit::requests(100).per(Period::HOUR))];
    /// let sites = Sites::single(Site { rules, ..Site::unlimited("shop") }, Engine::in_memory());
    /// assert_eq!(sites.limiter(None).site().rules[0].name, "all");
    /// ```
    pub fn single(site: Site, engine: Engine) -> Self {
        Self::new(Loaded::from_site(site), engine)
    }

    /// Puts another configuration in force. Requests that run are settled by the rules that admitted them.
    ///
    /// The limiter of a site that has not changed goes on as it is.
    ///
    /// It takes as long as it takes to make the limiters that are new; the old ones are freed by a thread. Requests meanwhile are decided by the old ones, and each worker sees
    /// the new ones with its next request.
    pub fn replace(&self, loaded: Loaded) {
        let before = self.table();
        let table = Arc::new(Table::new(loaded, Some(&before), &self.engine));
        *self.table.write() = table;
        self.version.fetch_add(1, Ordering::Release);
        retire(before);
    }

    /// Puts other tiers in force: those of each site, by its name, and of hosts that have none. Nothing else is touched, so that
    /// workers keep what they know of their sites.
    pub(crate) fn set_tiers<'a>(
        &self,
        of_sites: impl Iterator<Item = (&'a str, &'a SharedTiers)>,
        fallback: &SharedTiers,
    ) {
        let table = self.table();
        if !table.by_name.values().any(|site| Arc::ptr_eq(&site.limiter, &table.fallback.limiter)) {
            table.fallback.limiter.set_tiers(fallback);
        }
        for (name, tiers) in of_sites {
            if let Some(answering) = table.by_name.get(name) {
                answering.limiter.set_tiers(tiers);
            }
        }
    }

    /// The limiter that answers for a host, as `Host` names it.
    ///
    /// A host that no site is called by has the fallback's, or the default site's: there always is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Engine, Site, Sites};
    ///
    /// let sites = Sites::single(Site::unlimited("shop.example"), Engine::in_memory());
    /// assert_eq!(sites.limiter(Some("any.example")).site().name, "shop.example");
    /// assert_eq!(sites.limiter(None).site().name, "shop.example");
    /// ```
    pub fn limiter(&self, host: Option<&str>) -> Arc<Limiter> {
        Arc::clone(&self.table().answering(host.map(str::as_bytes)).limiter)
    }

    /// The configured name or wildcard that a host asks for, of the site that answers for it: what
    /// [`Facts::host`](crate::Facts::host) tells of requests that are decided over without the middleware. The name of that site
    /// where the host is none of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::config::{Configuration, Options};
    /// use timebudget::{Engine, Sites};
    /// let file = r#"{ "rate_limit_hosts": ["*.shop.example"], "rate_limit": { "limit": 600, "window": 3600 } }"#;
    /// let read = Configuration::from_text(file, &Options::default())?;
    /// let sites = Sites::new(read.loaded, Engine::in_memory());
    /// assert_eq!(&*sites.host(Some("Eu.Shop.example:8080")), "*.shop.example");
    /// assert_eq!(sites.host(Some("other.example")), sites.host(None));
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    pub fn host(&self, host: Option<&str>) -> Arc<str> {
        Arc::clone(&self.table().answering(host.map(str::as_bytes)).host)
    }

    /// The header in which a trusted proxy may name the site of a request, if the files of [sites](crate::config) name one.
    pub fn site_header(&self) -> Option<String> {
        self.table().told_by.as_ref().map(|told_by| told_by.header.clone())
    }

    /// The sites whose own file is wrong, by name, with what has become of them.
    pub fn wrong(&self) -> Vec<Wrong> {
        self.table().wrong.clone()
    }

    /// What is in force, as a configuration: all of it, or only the site of a name if it is there.
    pub(crate) fn loaded(&self, site: Option<&str>) -> Loaded {
        let table = self.table();
        let wanted = |name: &str| site.is_none_or(|site| site == name);
        let is_answering = |limiter| Arc::ptr_eq(limiter, &table.fallback.limiter);
        let of_names = table.by_name.iter().filter(|(name, _)| wanted(name));
        let mut sites: Vec<_> = of_names
            .map(|(name, answering)| (name.to_string(), Arc::new(answering.limiter.site_in_force())))
            .collect();
        sites.sort_by(|one, other| one.0.cmp(&other.0));
        let default = table.by_name.iter().find(|(_, answering)| is_answering(&answering.limiter));
        let mut fallback = table.fallback.limiter.site_in_force();
        if let Some(told_by) = &table.told_by {
            fallback.addresses = told_by.addresses.clone();
        }
        let of_wrong = |Wrong { site, meanwhile, errors, .. }: &Wrong| WrongSite {
            site: site.clone(),
            meanwhile: *meanwhile,
            errors: errors.clone(),
        };
        Loaded {
            sites,
            default_site: default.map(|(name, _)| name.to_string()),
            site_header: table.told_by.as_ref().map(|told_by| told_by.header.clone()),
            wrong: table.wrong.iter().map(of_wrong).collect(),
            ..Loaded::from_site(fallback)
        }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read())
    }
}

impl Drop for Sites {
    fn drop(&mut self) {
        free_unseen();
    }
}

/// The limiters of one configuration.
///
/// It is never changed: a request that has seen it goes on with it, whatever is put in force meanwhile.
#[derive(Debug)]
pub(crate) struct Table {
    /// By name, as their directories are called. All names are shared with the tables before.
    by_name: HashMap<Arc<str>, Arc<Answering>>,
    /// By host in its one form.
    by_host: HashMap<Arc<[u8]>, Arc<Answering>>,
    /// By what their wildcards stand before.
    below: HashMap<Arc<str>, Arc<Answering>>,
    /// The site of hosts that have none, where no other is named for them.
    everybody: Arc<Answering>,
    /// What answers for them: that, or the default site.
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
        let run = |site: Arc<Site>| {
            let same = before.and_then(|before| before.running(&site));
            same.unwrap_or_else(|| {
                let instead_of = before.and_then(|before| before.of_name(&site.name));
                Arc::new(Limiter::of(&site, engine, instead_of))
            })
        };
        let everybody = run(Arc::new(fallback));
        let limiter = |(name, site): &(String, Arc<Site>)| match closed(name) {
            true => Arc::new(Limiter::closed((**site).clone(), engine)),
            false => run(Arc::clone(site)),
        };
        let limiters = in_parts(&sites, |sites| sites.iter().map(limiter).collect::<Vec<_>>());
        let names = sites.into_iter().map(|(name, _)| name);
        let limiters: Vec<_> = names.zip(limiters.into_iter().flatten()).collect();
        let laid_out = before.filter(|before| before.is_laid_out_for(&limiters, &everybody));
        let mut table = match laid_out {
            Some(before) => before.with(limiters, everybody),
            None => Self::lay_out(limiters, everybody),
        };
        let default = default_site.and_then(|name| table.by_name.get(name.as_str()).map(Arc::clone));
        table.fallback = default.unwrap_or_else(|| Arc::clone(&table.everybody));
        Self { told_by, wrong, ..table }
    }

    fn lay_out(limiters: Vec<(String, Arc<Limiter>)>, everybody: Arc<Limiter>) -> Self {
        let mut table = Self::empty(Answering::by_its_name(everybody));
        for (name, limiter) in limiters {
            table.insert(name, &limiter);
        }
        // Those of a single file, which answers for every host and tells these apart.
        let everybody = Arc::clone(&table.everybody.limiter);
        table.insert_hosts(&everybody.site().hosts, &everybody);
        table
    }

    /// Whether it answers for the same sites by the same hosts.
    ///
    /// Then who answers for what is known, and only limiters are others: of three thousand sites, one that has other rules costs
    /// no look for the hosts of the rest.
    fn is_laid_out_for(&self, limiters: &[(String, Arc<Limiter>)], everybody: &Arc<Limiter>) -> bool {
        let has_same_hosts = |one: &Arc<Limiter>, other: &Arc<Limiter>| {
            Arc::ptr_eq(one, other) || one.site().hosts == other.site().hosts
        };
        let is_same = |(name, limiter): &(String, Arc<Limiter>)| {
            self.by_name
                .get(name.as_str())
                .is_some_and(|answering| has_same_hosts(&answering.limiter, limiter))
        };
        self.by_name.len() == limiters.len()
            && has_same_hosts(&self.everybody.limiter, everybody)
            && limiters.iter().all(is_same)
    }

    /// The same for these limiters of the same sites and hosts: nothing is looked up anew for those that go on.
    fn with(&self, limiters: Vec<(String, Arc<Limiter>)>, everybody: Arc<Limiter>) -> Self {
        let mut table = Self {
            by_name: self.by_name.clone(),
            by_host: self.by_host.clone(),
            below: self.below.clone(),
            ..Self::empty(Arc::clone(&self.everybody))
        };
        for (name, limiter) in limiters {
            let Some(answering) = table.by_name.get_mut(name.as_str()) else { continue };
            if Arc::ptr_eq(&answering.limiter, &limiter) {
                continue;
            }
            let old = std::mem::replace(answering, Answering::by_its_name(Arc::clone(&limiter)));
            table.answer_instead(Host::parse(&name).ok().as_slice(), &old.limiter, &limiter);
            table.answer_instead(&limiter.site().hosts, &old.limiter, &limiter);
        }
        let old = Arc::clone(&table.everybody.limiter);
        if !Arc::ptr_eq(&old, &everybody) {
            table.answer_instead(&everybody.site().hosts, &old, &everybody);
            table.everybody = Answering::by_its_name(everybody);
        }
        table
    }

    /// Lets a limiter answer for those of some hosts for which another does; those that an earlier site has stay its.
    fn answer_instead(&mut self, hosts: &[Host], old: &Arc<Limiter>, new: &Arc<Limiter>) {
        for host in hosts {
            let answering = match host.below() {
                Some(name) => self.below.get_mut(name),
                None => self.by_host.get_mut(host.as_str().as_bytes()),
            };
            if let Some(answering) = answering.filter(|answering| Arc::ptr_eq(&answering.limiter, old)) {
                let host = Arc::clone(&answering.host);
                *answering = Arc::new(Answering { host, limiter: Arc::clone(new) });
            }
        }
    }

    fn empty(everybody: Arc<Answering>) -> Self {
        let (by_name, by_host, below) = Default::default();
        let fallback = Arc::clone(&everybody);
        Self { by_name, by_host, below, everybody, fallback, told_by: None, wrong: Vec::new() }
    }

    /// The limiter of a site that is just like that one.
    fn running(&self, site: &Arc<Site>) -> Option<Arc<Limiter>> {
        let same = self.near(&site.name).find(|limiter| limiter.is_of(site))?;
        same.set_tiers(&site.tiers);
        Some(Arc::clone(same))
    }

    /// The limiter of a site of that name, whatever its rules.
    fn of_name(&self, name: &str) -> Option<&Limiter> {
        self.near(name).map(|limiter| &**limiter).find(|limiter| limiter.site().name == name)
    }

    /// The limiters that may be of a site of that name.
    fn near(&self, name: &str) -> impl Iterator<Item = &Arc<Limiter>> {
        let all = self.by_name.get(name).into_iter().chain([&self.everybody, &self.fallback]);
        all.map(|answering| &answering.limiter)
    }

    /// Lets a limiter answer for a site's name and hosts. Of two sites with one host, the first by name answers.
    fn insert(&mut self, name: String, limiter: &Arc<Limiter>) {
        self.insert_hosts(Host::parse(&name).ok().as_slice(), limiter);
        self.insert_hosts(&limiter.site().hosts, limiter);
        self.by_name.entry(name.into()).or_insert_with(|| Answering::by_its_name(Arc::clone(limiter)));
    }

    fn insert_hosts(&mut self, hosts: &[Host], limiter: &Arc<Limiter>) {
        for host in hosts {
            let named = || Answering { host: Arc::from(host.as_str()), limiter: Arc::clone(limiter) };
            let answering = || Arc::new(named());
            match host.below() {
                Some(name) => self.below.entry(name.into()).or_insert_with(answering),
                None => self.by_host.entry(host.as_str().as_bytes().into()).or_insert_with(answering),
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
        let by_name = || self.by_name.get(str::from_utf8(name).ok()?.to_lowercase().as_str());
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

/// A site whose own file is wrong, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// The site's name.
    pub site: String,
    /// When a configuration was put in force in which it was wrong for the first time since it was last right.
    pub since: UnixMicros,
    /// What becomes of its requests until it is right.
    pub meanwhile: Meanwhile,
    /// All that is wrong with it.
    pub errors: Errors,
}

impl Wrong {
    /// Those that are wrong now, each since it was last right.
    pub(crate) fn since(wrong: Vec<WrongSite>, before: &[Self], now: UnixMicros) -> Vec<Self> {
        let since = |site: &str| before.iter().find(|one| one.site == site).map_or(now, |one| one.since);
        let now_wrong = wrong.into_iter().map(|WrongSite { site, meanwhile, errors }| Self {
            since: since(&site),
            site,
            meanwhile,
            errors,
        });
        now_wrong.collect()
    }
}
