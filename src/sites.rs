//! Sites: which limiter answers for a host, and how all of them are replaced.
//!
//! A [`Sites`] has one [table](Table) in force. It is replaced as a whole, and each worker keeps the one that it has seen until the
//! version rises: so a request takes no lock to find its limiter, and a reload waits for nobody.
//!
//! A limiter whose site is just as before goes on in the new table, with what it has learned of its requests; tiers, and who is in
//! them, are replaced in the limiter itself. Accounts are the engine's and outlive all tables.

mod code;
mod in_force;
mod reload;
mod retired;
mod table;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

pub(crate) use self::code::Code;
pub use self::in_force::{RuleOrigin, SiteInForce};
pub use self::reload::{Reloader, Reloads};
use self::retired::{free_unseen, retire};
pub(crate) use self::table::{Answering, Table, ToldBy};
pub use self::watch::Watcher;
use crate::config::{Errors, Loaded, Meanwhile, WrongSite};
use crate::limiter::{Engine, Limiter};
use crate::model::{SharedTiers, Site, UnixMicros};

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
        if table.default_site().is_none() {
            table.fallback.limiter.set_tiers(fallback);
        }
        for (name, tiers) in of_sites {
            if let Some(answering) = table.of_name(name) {
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
        let of_names = table.sites().filter(|(name, _)| wanted(name));
        let mut sites: Vec<_> =
            of_names.map(|(name, limiter)| (name.to_owned(), Arc::new(limiter.site_in_force()))).collect();
        sites.sort_by(|one, other| one.0.cmp(&other.0));
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
            default_site: table.default_site().map(str::to_owned),
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
