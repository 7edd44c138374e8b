//! Sites: which limiter answers for a host, and how all of them are replaced.

mod code;
mod reload;
mod status;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

pub(crate) use self::code::Code;
pub use self::reload::{Reloader, Watcher};
pub use self::status::Wrong;
pub(crate) use self::table::{Answering, Table, ToldBy};
use crate::config::Loaded;
use crate::limiter::Engine;
use crate::limiter::Limiter;
use crate::model::Site;

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
    /// The limiters of a configuration, on an engine.
    pub fn new(loaded: Loaded, engine: Engine) -> Self {
        let table = RwLock::new(Arc::new(Table::new(loaded, None, &engine)));
        Self { engine, version: AtomicU64::new(0), table }
    }

    /// A single site that answers for every host.
    pub fn single(site: Site, engine: Engine) -> Self {
        Self::new(Loaded::from_site(site), engine)
    }

    /// Puts another configuration in force. Requests that run are settled by the rules that admitted them.
    ///
    /// The limiter of a site that has not changed goes on as it is.
    pub fn replace(&self, loaded: Loaded) {
        let table = Arc::new(Table::new(loaded, Some(&self.table()), &self.engine));
        *self.table.write() = table;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The limiter that answers for a host, as `Host` names it.
    pub fn limiter(&self, host: Option<&str>) -> Arc<Limiter> {
        Arc::clone(&self.table().answering(host.map(str::as_bytes)).limiter)
    }

    /// The sites whose own file is wrong, by name, with what has become of them.
    pub fn wrong(&self) -> Vec<Wrong> {
        self.table().wrong.clone()
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
