//! A budget whose rules code describes.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use crate::limiter::Engine;
use crate::middleware::TimeBudget;
use crate::middleware::built::Built;
use crate::middleware::hooks::Hooks;
use crate::middleware::rule_builder::RuleBuilder;
use crate::middleware::rule_error::RuleError;
use crate::model::wording::NO_RULE;
use crate::model::wording::PROXY;
use crate::model::{Finding, Mistake, Paths, Proxy, Site};
use crate::sites::Sites;

/// A budget whose rules code describes: made by [`TimeBudget::rules`].
///
/// # Examples
///
/// ```
/// use timebudget::{Engine, Site, TimeBudget, tzdata};
///
/// let engine = Engine::in_memory();
/// let site = Site { zone: tzdata::zone("Europe/Paris")?.into(), ..Site::unlimited("shop") };
/// let rules = [
///     TimeBudget::rule("login", "10 per hour").path("/login").method("POST"),
///     TimeBudget::rule("default", "200 per day; 50 per hour").otherwise(),
/// ];
/// let budget = TimeBudget::rules(rules).engine(&engine).site(site).build()?;
/// # let _ = budget;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a budget does nothing until it is built and wrapped around something"]
pub struct BudgetBuilder {
    rules: Vec<RuleBuilder>,
    site: Site,
    engine: Option<Engine>,
    proxies: Vec<Proxy>,
    hops: Option<u8>,
    paths: Option<Paths>,
    found: Vec<Finding>,
}

impl BudgetBuilder {
    pub(super) fn new(rules: impl IntoIterator<Item = RuleBuilder>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            site: Site::unlimited("*"),
            engine: None,
            proxies: Vec::new(),
            hops: None,
            paths: None,
            found: Vec::new(),
        }
    }

    /// The engine, that is the accounts and the clock; one of its own in memory by default.
    ///
    /// Budgets on one engine whose sites have one name draw on the same accounts where their rules have the same name.
    pub fn engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    /// The site: its name, its zone, how clients' addresses are found, and which headers tell where they stand.
    /// Its own rules come first. By default it is [`Site::unlimited`] of the name `*`.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// Peers whose word about their clients is believed, beside the site's own: addresses, ranges, and `"unix"` for those on
    /// a Unix socket.
    ///
    /// Their header, [`AddressPolicy::header`](crate::model::AddressPolicy), then says whose account it is.
    /// What is no address is an error of [`build`](Self::build).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let per_ip = || TimeBudget::rule("ip", "5 per minute");
    /// assert!(TimeBudget::rules([per_ip()]).trusted_proxies(["10.0.0.0/8", "unix"]).build().is_ok());
    /// let error = TimeBudget::rules([per_ip()]).trusted_proxies(["10.0.0.256"]).build().unwrap_err().to_string();
    /// assert!(error.starts_with("\"10.0.0.256\": no address; expected an address"), "{error}");
    /// ```
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for text in proxies {
            match text.as_ref().parse() {
                Ok(proxy) => self.proxies.push(proxy),
                Err(fault) => self
                    .found
                    .push(Finding::of_site(Mistake::wrong(fault.words(PROXY)).of_text(text.as_ref()))),
            }
        }
        self
    }

    /// How many proxies stand in front, whatever their addresses, in the place of [`trusted_proxies`](Self::trusted_proxies).
    ///
    /// Whoever connects is then believed: only where no client can reach the server but through all of them.
    pub fn trusted_hops(mut self, hops: u8) -> Self {
        self.hops = Some(hops);
        self
    }

    /// Tells paths apart that differ by slashes alone: `//a`, `/a/` and `/a` are three, as `rate_limit_paths: "exact"` says it.
    ///
    /// Only where no `NormalizePath` is inside of the budget, or a client chooses its account by the slashes that it writes.
    pub fn exact_paths(mut self) -> Self {
        self.paths = Some(Paths::Exact);
        self
    }

    /// The budget.
    ///
    /// What can be built but may not be meant is in its [warnings](TimeBudget::warnings).
    ///
    /// # Errors
    ///
    /// All that is wrong with the rules, in the words of a site file's loader.
    #[track_caller]
    pub fn build(self) -> Result<TimeBudget, RuleError> {
        let Self { rules, mut site, engine, proxies, hops, paths, mut found } = self;
        site.addresses.trusted_proxies.extend(proxies);
        site.addresses.trusted_hops = hops.unwrap_or(site.addresses.trusted_hops);
        site.paths = paths.unwrap_or(site.paths);
        let mut of_rule = HashMap::new();
        for rule in rules {
            let finished = rule.finish();
            found.extend(finished.found);
            let Some(rule) = finished.rule else { continue };
            if !finished.hooks.is_none() {
                of_rule.insert(rule.name.clone(), finished.hooks);
            }
            site.rules.push(rule);
        }
        // Whether code tells who clients are is known when it has had the occasion.
        let wrong = found.iter().cloned().chain(site.check(true)).collect::<Vec<_>>();
        if let Some(error) = RuleError::of(&wrong) {
            return Err(error);
        }
        found.extend(site.check_terms());
        found.extend(site.check_hosts());
        found.extend(site.rules.is_empty().then(|| Finding::of_site(Mistake::suspect(NO_RULE))));
        let sites = Sites::single(site, engine.unwrap_or_else(Engine::in_memory));
        let hooks = Hooks { of_rule, ..Hooks::default() };
        Ok(TimeBudget {
            sites: Arc::new(sites),
            hooks: Arc::new(hooks),
            built: Arc::new(Built::by_code(Location::caller(), found)),
        })
    }
}
