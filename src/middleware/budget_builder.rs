//! What is said of a budget: its rules, of code, of files or of both, and what holds for all of them. `build.rs` makes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServiceRequest;

use crate::config::{Environment, Layer};
use crate::limiter::{Engine, Observe, Observers};
use crate::middleware::closures::Hooks;
use crate::middleware::rule_builder::{Limits, RuleBuilder};
use crate::middleware::time_budget::TimeBudget;
use crate::model::wording::PROXY;
use crate::model::{Condition, Finding, HeaderPolicy, Identity, Mistake, Paths, Site};
use crate::sites::Code;
use crate::tzdata;

/// A budget of several rules, of code or of files or of both: made by [`TimeBudget::builder`].
///
/// Nothing is wrong before [`build`](Self::build), which says everything at once.
///
/// # Examples
///
/// ```
/// use timebudget::{TimeBudget, path};
///
/// let budget = TimeBudget::builder()
///     .site("shop")
///     .zone("Europe/Paris")
///     .trusted_proxies(["10.0.0.0/8"])
///     .exempt(path("/health"))
///     .rule(TimeBudget::rule("login", "10 per hour").path("/login").method("POST"))
///     .rule(TimeBudget::rule("default", "200 per day; 50 per hour").otherwise())
///     .build()?;
/// # let _ = budget;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
///
/// Rules that operators write stand in files beside those of code, and may change while the budget is in force:
///
/// ```no_run
/// use std::time::Duration;
/// use timebudget::TimeBudget;
///
/// let budget = TimeBudget::builder()
///     .sites("sites")
///     .watch(Duration::from_secs(2))
///     .rule(TimeBudget::rule("exports", "60s per hour").prefix("/export"))
///     .build()?;
/// # let _ = budget;
/// # Ok::<(), timebudget::RuleError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a budget does nothing until it is built and wrapped around something"]
pub struct BudgetBuilder {
    pub(crate) site: Option<Site>,
    pub(crate) rules: Vec<RuleBuilder>,
    pub(crate) code: Code,
    pub(crate) engine: Option<Engine>,
    pub(crate) hooks: Hooks,
    pub(crate) observers: Observers,
    pub(crate) files: Option<RulesFrom>,
    pub(crate) layer: Option<Layer>,
    pub(crate) environment: Environment,
    pub(crate) every: Option<Duration>,
    pub(crate) found: Vec<Finding>,
}

/// Where the rules are said that are not added to others.
#[derive(Clone, Debug)]
pub(crate) enum RulesFrom {
    Code(Box<Site>),
    Directory(PathBuf),
    File(PathBuf),
    Text(String),
}

impl TimeBudget {
    /// A budget of rules that follow, of code, of files, or of both.
    pub fn builder() -> BudgetBuilder {
        BudgetBuilder::default()
    }

    /// A rule of a name, by its limits: a [rate string](crate::parse_rates), or [`Limit`](crate::Limit)s. What else there is to say follows.
    pub fn rule(name: &str, limits: impl Into<Limits>) -> RuleBuilder {
        RuleBuilder::new(name, limits.into())
    }

    /// Several rules, in their order: a request is served only if all that apply to it admit it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let budget = TimeBudget::rules([
    ///     TimeBudget::rule("hourly", "1000 per hour"),
    ///     TimeBudget::rule("together", "20 concurrent"),
    /// ])
    /// .build()?;
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn rules(rules: impl IntoIterator<Item = RuleBuilder>) -> BudgetBuilder {
        Self::builder().rules(rules)
    }
}

impl RuleBuilder {
    /// Goes on to the budget of this rule, on an engine that others share.
    pub fn engine(self, engine: &Engine) -> BudgetBuilder {
        TimeBudget::rules([self]).engine(engine)
    }

    /// Goes on to the budget of this rule, as a site's.
    pub fn site(self, site: impl Into<Site>) -> BudgetBuilder {
        TimeBudget::rules([self]).site(site)
    }
}

impl BudgetBuilder {
    /// A rule, after those before. It applies beside them: a request is served only if all that apply to it admit it.
    pub fn rule(self, rule: RuleBuilder) -> Self {
        self.rules([rule])
    }

    /// Rules, in their order.
    pub fn rules(mut self, rules: impl IntoIterator<Item = RuleBuilder>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// The engine, that is the accounts and the clock; by default one of its own, in the store that the files name or else in
    /// memory.
    ///
    /// Budgets on one engine whose sites have one name draw on the same accounts where their rules have the same name.
    ///
    /// # Examples
    ///
    /// A clock that a test moves:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use timebudget::store::memory::Memory;
    /// use timebudget::{Component, Engine, ManualClock, TimeBudget, UnixMicros};
    ///
    /// # actix_web::rt::System::new().block_on(async {
    /// let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_699_999_200)));
    /// let engine = Engine::new(Memory::default(), Arc::clone(&clock));
    /// let jobs = TimeBudget::rule("jobs", "1 per hour").key(Component::Site);
    /// let budget = TimeBudget::builder().rule(jobs).engine(&engine).build()?;
    ///
    /// assert!(budget.charge("jobs", ()).await.is_ok());
    /// assert!(budget.charge("jobs", ()).await.is_err());
    /// clock.advance(Duration::from_secs(3_600));
    /// assert!(budget.charge("jobs", ()).await.is_ok());
    /// # Ok::<(), timebudget::RuleError>(())
    /// # }).unwrap();
    /// ```
    pub fn engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    /// The site: its name, or all that is to be said of it. Its own rules come first. By default it is
    /// [`Site::unlimited`] of the name `*`.
    ///
    /// The name is part of every account. A directory of [sites](Self::sites) names its own.
    pub fn site(mut self, site: impl Into<Site>) -> Self {
        self.site = Some(site.into());
        self
    }

    /// The zone whose clock the windows follow, by its name, `Europe/Paris`; UTC by default. A file's `time_zone` comes first.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let daily = || TimeBudget::builder().rule(TimeBudget::rule("daily", "600s per day"));
    /// assert!(daily().zone("Europe/Paris").build().is_ok());
    /// let error = daily().zone("Europe/Pariss").build().unwrap_err().to_string();
    /// assert!(error.contains("did you mean \"Europe/Paris\"?"), "{error}");
    /// ```
    pub fn zone(mut self, name: &str) -> Self {
        match tzdata::zone(name) {
            Ok(zone) => self.code.zone = Some(Arc::new(zone)),
            Err(unknown) => self.wrong(Mistake::wrong(format!("zone: {unknown}"))),
        }
        self
    }

    /// Requests that are neither decided nor charged nor given headers; of several conditions, those that fulfil one.
    pub fn exempt(mut self, condition: Condition) -> Self {
        self.code.exempt.push(condition);
        self
    }

    /// Which headers tell clients where they stand; a file's `rate_limit_headers` come first.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{HeaderPolicy, ResetStyle, TimeBudget};
    /// let unix = HeaderPolicy { reset: ResetStyle::Unix, ..HeaderPolicy::default() };
    /// let budget = TimeBudget::builder().rule(TimeBudget::rule("all", "100 per hour")).headers(unix).build()?;
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn headers(mut self, headers: HeaderPolicy) -> Self {
        self.code.headers = Some(headers);
        self
    }

    /// Peers whose word about their clients is believed, beside the site's own: addresses, ranges, and `"unix"` for those on
    /// a Unix socket.
    ///
    /// Their header, [`AddressPolicy::header`](crate::AddressPolicy), then says whose account it is.
    /// What is no address is an error of [`build`](Self::build).
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let per_ip = || TimeBudget::rule("ip", "5 per minute");
    /// assert!(TimeBudget::rules([per_ip()]).trusted_proxies(["10.0.0.0/8", "unix"]).build().is_ok());
    /// let error = TimeBudget::rules([per_ip()]).trusted_proxies(["10.0.0.256"]).build().unwrap_err().to_string();
    /// assert!(error.starts_with("\"10.0.0.256\": not an address; expected an address"), "{error}");
    /// ```
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for text in proxies {
            match text.as_ref().parse() {
                Ok(proxy) => self.code.proxies.push(proxy),
                Err(fault) => self.wrong(Mistake::wrong(fault.words(PROXY)).with_text(text.as_ref())),
            }
        }
        self
    }

    /// How many proxies stand in front, whatever their addresses, in the place of [`trusted_proxies`](Self::trusted_proxies).
    ///
    /// Whoever connects is then believed: only where no client can reach the server but through all of them.
    pub fn trusted_hops(mut self, hops: u8) -> Self {
        self.code.hops = Some(hops);
        self
    }

    /// Tells paths apart that differ by slashes alone: `//a`, `/a/` and `/a` are three, as `rate_limit_paths: "exact"` says it.
    ///
    /// Only where no `NormalizePath` is inside of the budget, or a client chooses its account by the slashes that it writes.
    pub fn exact_paths(mut self) -> Self {
        self.code.paths = Some(Paths::Exact);
        self
    }

    /// Takes letters of any case for one in paths: `/LOGIN` and `/login`, as `rate_limit_paths: "any_case"` says it.
    ///
    /// For an application that does so itself, behind a proxy or by a layer inside of the budget: actix's own router does not.
    /// Rules, keys by path and parameters of routes are then in lower case, but not what [`normal_path`](crate::normal_path) gives.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let login = TimeBudget::rule("login", "10 per hour").path("/login");
    /// let budget = TimeBudget::rules([login]).paths_in_any_case().build()?;
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn paths_in_any_case(mut self) -> Self {
        self.code.paths = Some(Paths::AnyCase);
        self
    }

    /// Tells who the client of a request is: see [`TimeBudget::identify`]. Rules of files may ask for it, where it is said here.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::HttpMessage as _;
    /// use timebudget::{Component, Identity, TimeBudget};
    ///
    /// struct Session { user: String }
    ///
    /// let budget = TimeBudget::builder()
    ///     .identify(|request| request.extensions().get::<Session>().map(|session| Identity::new(&session.user)))
    ///     .rule(TimeBudget::rule("each", "60s per hour").key(Component::User))
    ///     .build()?;
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn identify(
        mut self,
        identity: impl Fn(&ServiceRequest) -> Option<Identity> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.identity = Some(Arc::new(identity));
        self
    }

    /// Tells an observer of each decision and each settlement: see [`Observe`].
    ///
    /// It is told by the [engine](Self::engine), so of budgets as well that are built on the same engine afterwards.
    pub fn observe(mut self, observer: impl Observe) -> Self {
        self.observers.0.push(Arc::new(observer));
        self
    }

    /// Reads a directory of sites in bench's layout, `common_site_config.json` and `<host>/site_config.json`: each answers for
    /// its hosts.
    ///
    /// What code says holds for every one of them: its rules come after those of the files, and where one of its names is
    /// a file's, the file's rule holds. A site whose own file is wrong has its last rules, or none that is known; the others go on.
    pub fn sites(self, directory: impl AsRef<Path>) -> Self {
        self.files(RulesFrom::Directory(directory.as_ref().to_owned()))
    }

    /// Reads a site file, for every host.
    pub fn site_file(self, file: impl AsRef<Path>) -> Self {
        self.files(RulesFrom::File(file.as_ref().to_owned()))
    }

    /// Reads the text of a site file, for every host; messages call it `site_config.json`.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let text = r#"{ "time_zone": "Europe/Paris", "rate_limit": "600s per hour" }"#;
    /// let budget = TimeBudget::builder().site_text(text).rule(TimeBudget::rule("login", "10 per hour")).build()?;
    /// let site = budget.limiter().site().clone();
    /// assert_eq!(site.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["site", "login"]);
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn site_text(self, text: impl Into<String>) -> Self {
        self.files(RulesFrom::Text(text.into()))
    }

    /// What is said in another place than code and files, and lies below both: rules, tiers, users and API keys that people
    /// change while the budget is in force. By default nothing.
    ///
    /// [`Reloader::set_layer`](crate::Reloader::set_layer) replaces it, with files and without: a budget that is given a layer, be it an empty one, has a
    /// [reloader](TimeBudget::reloader). Where there are no files, the layer's rules come after those of the
    /// [site](Self::site), and before those of [`rule`](Self::rule); where a name is code's, code's rule holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// use timebudget::config::{Layer, Ruleset};
    ///
    /// let budget = TimeBudget::builder().layer(Layer::new("database")).build()?;
    /// let plans = Ruleset::parse("ruleset plans", r#"[{ "name": "export", "limits": "60s per hour" }]"#)?;
    /// let reloader = budget.reloader().expect("a budget with a layer has one");
    /// reloader.set_layer(Layer::new("database").with_rules([plans]))?;
    /// assert_eq!(budget.limiter().site().rules[0].name, "export");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layer = Some(layer);
        self
    }

    /// What stands above the files, such as the environment of the process; nothing by default.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Looks every so often whether the files have changed, on a thread of its own, while a clone of the budget exists.
    ///
    /// By default they are read once, and again by [`TimeBudget::reload`]. What is wrong leaves the rules in force
    /// alone, and the log says it.
    pub fn watch(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    fn files(mut self, place: RulesFrom) -> Self {
        if self.files.replace(place).is_some() {
            self.wrong(Mistake::wrong("files of two places; expected one directory or one file"));
        }
        self
    }

    pub(crate) fn wrong(&mut self, mistake: Mistake) {
        self.found.push(Finding::of_site(mistake));
    }
}
