//! The middleware itself: a budget that is wrapped around an application, a scope or a resource.

use std::future::{Ready, ready};
use std::panic::Location;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::config::{Errors, Loaded};
use crate::limiter::{ChargeError, Engine, Limiter, Refusal, Reservation};
use crate::middleware::body::BudgetBody;
use crate::middleware::built::Built;
use crate::middleware::closures::{Hooks, under_scope};
use crate::middleware::request::BudgetService;
use crate::middleware::rule_builder::Limits;
use crate::middleware::worker::{Worker, answering};
use crate::model::wording::EXEMPTS_ALL;
use crate::model::{Component, Finding, Identity, Key, Mistake, RateError, Rule, Site, is_certain};
use crate::sites::{Reloader, Sites, Watcher};

/// Middleware that spends a time budget: wraps an `App`, a `Scope` or a `Resource`.
///
/// It is built once, outside the application's factory, and cloned into it: all workers draw on the same accounts.
/// Two that are built apart share nothing.
#[derive(Clone, Debug)]
pub struct TimeBudget {
    pub(crate) sites: Arc<Sites>,
    pub(crate) hooks: Arc<Hooks>,
    built: Arc<Built>,
    /// Where its rules are from files.
    reloader: Option<Arc<Reloader>>,
    /// What looks at them every so often, while it exists.
    watcher: Option<Watcher>,
}

impl TimeBudget {
    /// A budget that all clients share, as a [rate string](crate::parse_rates), in UTC.
    ///
    /// # Errors
    ///
    /// What is wrong with the rate string.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let budget = TimeBudget::per_site("600s per hour; 20 concurrent")?;
    /// assert_eq!(budget.limiter().site().rules[0].key.to_string(), "site");
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    #[track_caller]
    pub fn per_site(limits: impl Into<Limits>) -> Result<Self, RateError> {
        Self::keyed(Component::Site, &limits.into())
    }

    /// A budget for each client address, as a [rate string](crate::parse_rates), in UTC.
    ///
    /// # Errors
    ///
    /// What is wrong with the rate string.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// assert!(TimeBudget::per_ip("200 per day; 50 per hour").is_ok());
    /// let error = TimeBudget::per_ip("50 per hr").unwrap_err();
    /// assert_eq!(error.meant(), Some("50 per hour"));
    /// ```
    #[track_caller]
    pub fn per_ip(limits: impl Into<Limits>) -> Result<Self, RateError> {
        Self::keyed(Component::Ip, &limits.into())
    }

    /// The rules of one site for every host, on an engine that may be shared.
    #[track_caller]
    pub fn of_site(site: Site, engine: Engine) -> Self {
        let built = Built::by_code(Location::caller(), Vec::new());
        Self::new(Arc::new(Sites::single(site, engine)), Hooks::default(), built)
    }

    /// The rules of a loaded configuration, in memory, by the machine's clocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// use timebudget::config::{Configuration, Options};
    /// let read = Configuration::from_text(r#"{ "rate_limit": "600s per hour" }"#, &Options::default())?;
    /// let budget = TimeBudget::of_config(read.loaded);
    /// assert_eq!(budget.limiter().site().rules.len(), 1);
    /// # Ok::<(), timebudget::config::Errors>(())
    /// ```
    #[track_caller]
    pub fn of_config(loaded: Loaded) -> Self {
        Self::of_sites(Arc::new(Sites::new(loaded, Engine::in_memory())))
    }

    /// The rules of many sites, by the request's host; they can be replaced while they are in force.
    #[track_caller]
    pub fn of_sites(sites: Arc<Sites>) -> Self {
        Self::new(sites, Hooks::default(), Built::by_files(Location::caller()))
    }

    pub(crate) fn new(sites: Arc<Sites>, hooks: Hooks, built: Built) -> Self {
        Self { sites, hooks: Arc::new(hooks), built: Arc::new(built), reloader: None, watcher: None }
    }

    /// The same over other sites, and without a word to anybody.
    pub(crate) fn over(self, sites: Arc<Sites>) -> Self {
        let hooks = Arc::new(self.hooks.silent());
        Self { sites, hooks, reloader: None, watcher: None, ..self }
    }

    /// The same, whose rules are from files.
    pub(crate) fn kept_by(self, reloader: Arc<Reloader>, watcher: Option<Watcher>) -> Self {
        Self { reloader: Some(reloader), watcher, ..self }
    }

    /// Tells who the client of a request is, for rules that ask.
    ///
    /// The code runs at most once for each request, before the request is decided, and not at all where no rule needs to
    /// know; once more for a refused request that is served another page, since its time is charged anew. What authenticates the client stands outside of this middleware and leaves its result in the request's
    /// extensions. Where the code says `None`, the headers of the site's `rate_limit_identity` are read, if it has any.
    ///
    /// ```
    /// use actix_web::HttpMessage as _;
    /// use timebudget::Identity;
    /// use timebudget::{Engine, Site, TimeBudget, config};
    ///
    /// struct Session { user: String }
    ///
    /// let options = config::Options::default().with_identity_in_code();
    /// let text = r#"{"rate_limit_rules": [{"name": "each", "key": "user", "limits": "60s per hour"}]}"#;
    /// let (site, _) = options.parse_site("demo.example", text)?;
    /// let budget = TimeBudget::of_site(site, Engine::in_memory())
    ///     .identify(|request| request.extensions().get::<Session>().map(|session| Identity::new(&session.user)));
    /// # let _ = budget;
    /// # Ok::<(), config::Errors>(())
    /// ```
    #[must_use]
    pub fn identify(
        mut self,
        identity: impl Fn(&ServiceRequest) -> Option<Identity> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.hooks).identity = Some(Arc::new(identity));
        self
    }

    /// Tells of each refusal, before it is answered; [`Refusal::rule`] says by which rule. A rule's own closure is told
    /// first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// use timebudget::TimeBudget;
    ///
    /// let refusals = Arc::new(AtomicU64::new(0));
    /// let counted = Arc::clone(&refusals);
    /// let budget = TimeBudget::per_ip("50 per hour")?.on_refusal(move |_, _| {
    ///     counted.fetch_add(1, Relaxed);
    /// });
    /// # let _ = budget;
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    #[must_use]
    pub fn on_refusal(mut self, told: impl Fn(&ServiceRequest, &Refusal) + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.hooks).of_all.told = Some(Arc::new(told));
        self
    }

    /// What refusals say, by a closure, where a rule has none of its own.
    #[must_use]
    pub fn message_by(
        mut self,
        message: impl Fn(&ServiceRequest, &Refusal) -> String + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.hooks).of_all.message = Some(Arc::new(message));
        self
    }

    /// Answers refused requests, by a closure, where a rule has none of its own.
    #[must_use]
    pub fn respond_with(
        mut self,
        respond: impl Fn(&ServiceRequest, &Refusal) -> HttpResponse + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.hooks).of_all.respond = Some(Arc::new(respond));
        self
    }

    /// Leaves a scope inside alone, such as one whose own budget is to replace this one: see [`RuleBuilder::except`](crate::RuleBuilder::except).
    ///
    /// # Panics
    ///
    /// On a pattern that is none, as a scope of it would.
    #[must_use]
    pub fn except(mut self, scope: &str) -> Self {
        Arc::make_mut(&mut self.hooks).except.push(under_scope(scope));
        self
    }

    /// Tells clients at a path where they stand: by each limit that they may meet at this site what it grants, what is left
    /// and when it is granted anew, as JSON.
    ///
    /// Such a request is free: nothing is decided over it, nothing is charged for it, and no observer is told. A client is
    /// told of its own accounts and of those that all share, never of others'. Rules in shadow are not told of, and neither
    /// are those that keep accounts by path, route, method or query. The path is compared as the client has written it.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_web::{App, HttpResponse, test, web};
    /// use timebudget::TimeBudget;
    ///
    /// # actix_web::rt::System::new().block_on(async {
    /// let budget = TimeBudget::per_ip("100 per hour")?.tell_at("/.well-known/rate-limits");
    /// let app = test::init_service(App::new().wrap(budget).route("/", web::to(HttpResponse::Ok))).await;
    /// let get = |path| test::TestRequest::get().peer_addr(([192, 0, 2, 1], 80).into()).uri(path).to_request();
    ///
    /// test::call_service(&app, get("/")).await;
    /// for _ in 0..2 {
    ///     let told: serde_json::Value = test::call_and_read_body_json(&app, get("/.well-known/rate-limits")).await;
    ///     assert_eq!(told["limits"][0]["limit"], "100 per hour");
    ///     assert_eq!(told["limits"][0]["remaining"], 99);
    /// }
    /// # Ok::<(), timebudget::RateError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn tell_at(mut self, path: &str) -> Self {
        Arc::make_mut(&mut self.hooks).told_at = Some(path.into());
        self
    }

    /// The limiter in force for hosts without one of their own, to [charge](Limiter::charge) what is no request.
    ///
    /// After a reload it is another one, on the same accounts.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::TimeBudget;
    /// let budget = TimeBudget::per_ip("50 per hour")?;
    /// assert_eq!(budget.limiter().site().rules[0].limits[0].to_string(), "50 per hour");
    /// # Ok::<(), timebudget::RateError>(())
    /// ```
    pub fn limiter(&self) -> Arc<Limiter> {
        self.sites.limiter(None)
    }

    /// The limiter in force that answers for a request: that of its host, as the middleware chooses it.
    ///
    /// For handlers whose answer depends on the site: [`Limiter::site`] has its upstreams, and whom it trusts. After a reload
    /// that the request has seen begin, it is already the new one.
    pub fn limiter_of(&self, request: &HttpRequest) -> Arc<Limiter> {
        Arc::clone(&answering(&self.sites.table(), request).limiter)
    }

    /// The limiters of all sites.
    pub const fn sites(&self) -> &Arc<Sites> {
        &self.sites
    }

    /// The engine: the accounts and the clock.
    pub fn engine(&self) -> Engine {
        self.sites.engine().clone()
    }

    /// Reads the files of the rules again and puts in force what they say now, with the rules of code. Without files there is
    /// nothing to do.
    ///
    /// # Errors
    ///
    /// All that is wrong with the files; the rules in force stay then.
    ///
    /// [`watcher`](Self::watcher) does it by itself; this is for a signal or a button.
    pub fn reload(&self) -> Result<(), Errors> {
        self.reloader.as_ref().map_or(Ok(()), |reloader| reloader.reload())
    }

    /// What reads the files of the rules again and replaces the [layer](crate::BudgetBuilder::layer) below them, if there is either.
    pub const fn reloader(&self) -> Option<&Arc<Reloader>> {
        self.reloader.as_ref()
    }

    /// What looks at the files every so often, if the builder was told to [watch](crate::BudgetBuilder::watch) them. It can be told to
    /// look at once, as on a signal.
    pub const fn watcher(&self) -> Option<&Watcher> {
        self.watcher.as_ref()
    }

    /// What can be built but may not be meant: rules that never apply, keys that clients can change at will, costs that
    /// no limit counts, rules that ask who clients are where nobody tells it.
    ///
    /// They are the words that [a site file's loader](crate::config::Loaded::warnings) has for them, with the file where one is
    /// to blame. They are logged: those of files when they are read, the others once, when the budget is wrapped around something.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, Identity, TimeBudget};
    ///
    /// let budget = TimeBudget::rule("each", "5 per minute").key(Component::User).build()?;
    /// let warning = budget.warnings()[0].to_string();
    /// assert!(warning.starts_with("the rule each: nobody tells who clients are; expected identify"), "{warning}");
    /// assert!(budget.identify(|_| Some(Identity::new("alice"))).warnings().is_empty());
    /// # Ok::<(), timebudget::RuleError>(())
    /// ```
    pub fn warnings(&self) -> Vec<Finding> {
        let of_sites = match &self.reloader {
            Some(reloader) => of_files(reloader).chain(self.untold()).collect(),
            None => self.of_limiters(|site| site.check(self.tells_who())),
        };
        let exempts_all = self.hooks.except.iter().any(is_certain).then(|| Mistake::suspect(EXEMPTS_ALL));
        let own = self.built.warnings.iter().cloned();
        own.chain(of_sites).chain(exempts_all.map(Finding::of_site)).collect()
    }

    /// Logs those that no loader has told, once for all clones of a budget.
    fn log_warnings(&self) {
        self.built.told.call_once(|| {
            let warnings = match (&self.reloader, self.built.is_loaded) {
                (Some(_), _) => self.built.warnings.iter().cloned().chain(self.untold()).collect(),
                (None, true) => self.untold(),
                (None, false) => self.warnings(),
            };
            for warning in warnings {
                log::warn!("{warning} (the budget that is built at {})", self.built.at);
            }
        });
    }

    /// What the rules of files need to know of clients, where code has promised the loader to tell it.
    fn untold(&self) -> Vec<Finding> {
        self.of_limiters(|site| site.check_needs(self.tells_who()))
    }

    fn of_limiters<F: IntoIterator<Item = Finding>>(&self, found: impl Fn(&Site) -> F) -> Vec<Finding> {
        let table = self.sites.table();
        table.limiters().flat_map(|limiter| found(limiter.site())).collect()
    }

    fn tells_who(&self) -> bool {
        self.hooks.identity.is_some()
    }

    /// Charges a block of code, by that limiter: see [`Limiter::charge`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Component, TimeBudget};
    ///
    /// # actix_web::rt::System::new().block_on(async {
    /// let jobs = TimeBudget::rule("jobs", "2 concurrent").key(Component::User).build()?;
    /// let first = jobs.charge("jobs", "alice").await?;
    /// let second = jobs.charge("jobs", "alice").await?;
    /// assert!(jobs.charge("jobs", "alice").await.is_err());
    /// drop(first); // Its work is done, and its place is free again.
    /// assert!(jobs.charge("jobs", "alice").await.is_ok());
    /// # drop(second);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub async fn charge(&self, rule: &str, key: impl Into<Key>) -> Result<Reservation, ChargeError> {
        self.limiter().charge(rule, key).await
    }

    #[track_caller]
    fn keyed(component: Component, limits: &Limits) -> Result<Self, RateError> {
        let rule = Rule::new("budget", component, limits.read()?);
        let site = Site { rules: vec![rule], ..Site::unlimited("*") };
        Ok(Self::of_site(site, Engine::in_memory()))
    }
}

fn of_files(reloader: &Reloader) -> impl Iterator<Item = Finding> {
    let warnings = reloader.warnings().into_iter();
    warnings.map(|problem| Finding::of_site(Mistake::suspect(problem.to_string())))
}

impl<S, B> Transform<S, ServiceRequest> for TimeBudget
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BudgetBody<B>>;
    type Error = Error;
    type Transform = BudgetService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        self.log_warnings();
        let Self { sites, hooks, built, .. } = self;
        let worker = Worker::new(Arc::clone(sites), Arc::clone(hooks), Arc::clone(built));
        ready(Ok(BudgetService::new(service, worker)))
    }
}
