//! The builder of a budget: what code says of sites, and where files say more.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServiceRequest;

use crate::clock::SystemClock;
use crate::config::{Configuration, Environment, Errors, Files, Layer, Options};
use crate::limiter::{Engine, Observe, Observers};
use crate::middleware::built::Built;
use crate::middleware::closures::{Hooks, OnRefusal};
use crate::middleware::rule_builder::{Limits, RuleBuilder};
use crate::middleware::time_budget::TimeBudget;
use crate::model::wording::{NO_RULE, PROXY};
use crate::model::{Condition, Finding, HeaderPolicy, Identity, Mistake, Paths, Site};
use crate::sites::{Code, Reloader, Sites};
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
    site: Option<Site>,
    rules: Vec<RuleBuilder>,
    code: Code,
    engine: Option<Engine>,
    hooks: Hooks,
    observers: Observers,
    files: Option<RulesFrom>,
    layer: Option<Layer>,
    environment: Environment,
    every: Option<Duration>,
    found: Vec<Finding>,
}

/// Where the rules are said that are not added to others.
#[derive(Clone, Debug)]
enum RulesFrom {
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

    /// The budget of this rule alone, in UTC, in memory, by the machine's clocks.
    ///
    /// # Errors
    ///
    /// All that is wrong with the rule.
    #[track_caller]
    pub fn build(self) -> Result<TimeBudget, RuleError> {
        TimeBudget::rules([self]).build()
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
    /// [`Reloader::set_layer`] replaces it, with files and without: a budget that is given a layer, be it an empty one, has a
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

    /// The budget.
    ///
    /// What can be built but may not be meant is in its [warnings](TimeBudget::warnings).
    ///
    /// # Errors
    ///
    /// All that is wrong with the rules and the files, in the words of a site file's loader; or that the store of the files
    /// cannot be opened.
    #[track_caller]
    pub fn build(mut self) -> Result<TimeBudget, RuleError> {
        let at = Location::caller();
        let of_rule = take_rules(std::mem::take(&mut self.rules), &mut self.code, &mut self.found);
        self.hooks.of_rule = of_rule;
        match (self.files.take(), &self.layer) {
            (None, None) => self.build_of_code(at),
            (None, Some(_)) => {
                let site = self.site.take().unwrap_or_else(any_host);
                self.build_of_files(&RulesFrom::Code(Box::new(site)), at)
            }
            (Some(place), _) => self.build_of_files(&place, at),
        }
    }

    fn build_of_code(mut self, at: &'static Location<'static>) -> Result<TimeBudget, RuleError> {
        let site = self.code.of_site(self.site.unwrap_or_else(any_host));
        // Whether code tells who clients are is known when it has had the occasion.
        RuleError::of(self.found.iter().cloned().chain(site.check(true)))?;
        self.found.extend(site.suspect_terms());
        self.found.extend(site.check_hosts());
        self.found.extend(site.rules.is_empty().then(|| Finding::of_site(Mistake::suspect(NO_RULE))));
        let engine = self.engine.unwrap_or_else(Engine::in_memory).observed_by(self.observers);
        let sites = Arc::new(Sites::single(site, engine));
        Ok(TimeBudget::new(sites, self.hooks, Built::by_code(at, self.found)))
    }

    fn build_of_files(
        mut self,
        place: &RulesFrom,
        at: &'static Location<'static>,
    ) -> Result<TimeBudget, RuleError> {
        self.code.name = self.name_beside(place);
        // The rules of code are right or wrong by themselves, whatever the files say.
        let own = self.code.of_site(place.site());
        self.found.extend(own.check(true));
        if let RulesFrom::Code(_) = place {
            self.found.extend(own.check_hosts());
        }
        let mut files = place.open(&self.options(place));
        let read = match (files.read(), RuleError::of(self.found.iter().cloned())) {
            (Ok(read), Ok(())) => read,
            (Ok(_), Err(error)) => return Err(error),
            (Err(errors), found) => return Err(RuleError::of_files(&errors, found.err())),
        };
        let engine = self.engine.take().map_or_else(|| engine_of(&read), Ok)?;
        let engine = engine.observed_by(std::mem::take(&mut self.observers));
        let loaded = self.code.of_files(&read);
        self.found.extend(self.code.shadowed(&read.loaded).map(|(site, rule)| shadowed(site, rule)));
        let sites = Arc::new(Sites::new(loaded, engine));
        let reloader = Arc::new(Reloader::new(Arc::clone(&sites), self.code, files, read));
        let watched = self.every.map(|every| reloader.watch(Some(every), || {}));
        let watcher = watched.transpose().map_err(|error| RuleError::of_text(format!("watch: {error}")))?;
        let budget = TimeBudget::new(sites, self.hooks, Built::by_code(at, self.found));
        Ok(budget.kept_by(reloader, watcher))
    }

    fn options(&self, place: &RulesFrom) -> Options {
        let options = Options {
            // Whether code tells who clients are is known when it has had the occasion.
            identity_in_code: self.hooks.identity.is_some() || matches!(place, RulesFrom::Code(_)),
            rules_in_code: self.code.rules.iter().map(|rule| rule.name.clone()).collect(),
            environment: self.environment.clone(),
            ..Options::default()
        };
        options.with_layer(self.layer.clone().unwrap_or_default())
    }

    /// The name of the site of a file: all that code can say of it.
    fn name_beside(&mut self, place: &RulesFrom) -> Option<String> {
        let site = self.site.take()?;
        if let RulesFrom::Directory(_) = place {
            self.wrong(Mistake::wrong(
                "a site beside a directory of sites, which names its own; expected none",
            ));
        } else if site != Site::unlimited(&site.name) {
            self.wrong(Mistake::wrong("a site beside its file, which describes it; expected its name"));
        }
        Some(site.name)
    }

    fn files(mut self, place: RulesFrom) -> Self {
        if self.files.replace(place).is_some() {
            self.wrong(Mistake::wrong("files of two places; expected one directory or one file"));
        }
        self
    }

    fn wrong(&mut self, mistake: Mistake) {
        self.found.push(Finding::of_site(mistake));
    }
}

impl RulesFrom {
    /// The site that lies below what code says.
    fn site(&self) -> Site {
        if let Self::Code(site) = self { (**site).clone() } else { any_host() }
    }

    fn open(&self, options: &Options) -> Files {
        match self {
            Self::Code(site) => Files::from_site((**site).clone(), options),
            Self::Directory(directory) => Files::from_dir(directory, options),
            Self::File(file) => Files::from_file(file, options),
            Self::Text(text) => Files::from_text(text, options),
        }
    }
}

fn any_host() -> Site {
    Site::unlimited("*")
}

/// Gives code its rules, and returns what is done in the application's own way when they refuse.
fn take_rules(
    rules: Vec<RuleBuilder>,
    code: &mut Code,
    found: &mut Vec<Finding>,
) -> HashMap<String, OnRefusal> {
    let mut of_rule = HashMap::new();
    for finished in rules.into_iter().map(RuleBuilder::finish) {
        found.extend(finished.found);
        let Some(rule) = finished.rule else { continue };
        if !finished.hooks.is_none() {
            of_rule.insert(rule.name.clone(), finished.hooks);
        }
        code.rules.push(rule);
    }
    of_rule
}

fn engine_of(read: &Configuration) -> Result<Engine, RuleError> {
    let opened = read.store.open().map_err(|error| RuleError::of_text(format!("store: {error}")))?;
    Ok(Engine::over(opened, SystemClock::new()))
}

fn shadowed(site: &str, rule: &str) -> Finding {
    let fault =
        format!("the files of {site} have a rule of this name, which holds there; expected another name");
    Finding::of_rule(rule, Mistake::suspect(fault))
}

/// All that is wrong with a budget, at least one mistake.
///
/// Displays as a line for each: `the rule ban: counts refusals, which take no time; expected limits of requests`. The
/// words are those that a site file's loader has for it; what is wrong with files comes first, with the file and the place in
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(Vec<Finding>);

impl RuleError {
    /// The mistakes, rule by rule.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// The error that findings are, unless none of them is more than suspect.
    fn of(findings: impl IntoIterator<Item = Finding>) -> Result<(), Self> {
        let wrong: Vec<_> = findings.into_iter().filter(|finding| finding.mistake.is_wrong()).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Self(wrong)) }
    }

    fn of_files(errors: &Errors, code: Option<Self>) -> Self {
        let of_files = errors.problems().iter().map(|problem| wrong(problem.to_string()));
        Self(of_files.chain(code.into_iter().flat_map(|code| code.0)).collect())
    }

    fn of_text(text: String) -> Self {
        Self(vec![wrong(text)])
    }
}

fn wrong(text: String) -> Finding {
    Finding::of_site(Mistake::wrong(text))
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.0.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            write!(f, "{newline}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleError {}
