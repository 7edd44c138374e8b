//! Sites: which limiter answers for a host, and how all of them are replaced.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::config::Loaded;
use crate::limiter::Engine;
use crate::limiter::Limiter;
use crate::model::site::Site;

/// The running limiters of all sites.
///
/// Replacing them keeps the accounts: the new quotas meet the old spend.
#[derive(Debug)]
pub struct Sites {
    engine: Arc<Engine>,
    /// Rises with each replacement, so that workers see at one glance that theirs is old.
    version: AtomicU64,
    table: RwLock<Arc<Table>>,
}

/// The limiters of one configuration.
#[derive(Debug)]
pub(crate) struct Table {
    by_host: HashMap<String, Arc<Limiter>>,
    fallback: Arc<Limiter>,
}

impl Sites {
    /// The limiters of a configuration, on an engine.
    pub fn new(loaded: Loaded, engine: Arc<Engine>) -> Self {
        let table = RwLock::new(Arc::new(Table::new(loaded, &engine)));
        Self { engine, version: AtomicU64::new(0), table }
    }

    /// A single site that answers for every host.
    pub fn single(site: Site, engine: Arc<Engine>) -> Self {
        let loaded = Loaded { sites: Vec::new(), default_site: None, fallback: site, warnings: Vec::new() };
        Self::new(loaded, engine)
    }

    /// Puts another configuration in force. Requests that run are settled by the rules that admitted them.
    pub fn replace(&self, loaded: Loaded) {
        let table = Arc::new(Table::new(loaded, &self.engine));
        *self.table.write() = table;
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The limiter that answers for a host, as `Host` names it.
    pub fn limiter(&self, host: Option<&str>) -> Arc<Limiter> {
        Arc::clone(self.table().limiter(host))
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read())
    }
}

impl Table {
    fn new(loaded: Loaded, engine: &Arc<Engine>) -> Self {
        let run = |site: Site| Arc::new(Limiter::new(site, engine));
        let by_host: HashMap<_, _> = loaded.sites.into_iter().map(|(host, site)| (host, run(site))).collect();
        let default = loaded.default_site.and_then(|host| by_host.get(&host).map(Arc::clone));
        let fallback = default.unwrap_or_else(|| run(loaded.fallback));
        Self { by_host, fallback }
    }

    pub(crate) fn limiter(&self, host: Option<&str>) -> &Arc<Limiter> {
        if self.by_host.is_empty() {
            return &self.fallback;
        }
        host.and_then(|host| self.find(bare_host(host))).unwrap_or(&self.fallback)
    }

    /// Hosts are kept in lower case, which is how nearly all clients write them.
    fn find(&self, host: &str) -> Option<&Arc<Limiter>> {
        self.by_host.get(host).or_else(|| self.by_host.get(&host.to_ascii_lowercase()))
    }

    /// All limiters.
    pub(crate) fn limiters(&self) -> impl Iterator<Item = &Arc<Limiter>> {
        let default = self.by_host.values().any(|limiter| Arc::ptr_eq(limiter, &self.fallback));
        self.by_host.values().chain((!default).then_some(&self.fallback))
    }

    pub(crate) fn has_hosts(&self) -> bool {
        !self.by_host.is_empty()
    }
}

/// The name in a `Host` field: without its port, and without the dot of a fully qualified name.
fn bare_host(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && !name.is_empty() => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::bare_host;

    #[test]
    fn a_port_and_a_final_dot_are_no_part_of_the_name() {
        for (host, name) in [
            ("a.example", "a.example"),
            ("a.example:8080", "a.example"),
            ("a.example.", "a.example"),
            ("a.example.:80", "a.example"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
            (":80", ":80"),
        ] {
            assert_eq!(bare_host(host), name, "{host}");
        }
    }
}
