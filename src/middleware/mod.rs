//! The middleware: the only floor that knows actix.
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use timebudget::TimeBudget;
//!
//! // Ten minutes of server time per hour, for the whole application.
//! let budget = TimeBudget::per_site("600s per hour")?;
//! let app = App::new().wrap(budget.clone()).route("/", web::get().to(HttpResponse::Ok));
//! # let _ = app;
//! # Ok::<(), timebudget::RateError>(())
//! ```
//!
//! A rule for a scope is one line, and its key, its cost, its limits and its refusals can be closures; `docs/in-rust.md`
//! has all of them:
//!
//! ```
//! use actix_web::{HttpResponse, web};
//! use timebudget::TimeBudget;
//!
//! let exports = TimeBudget::rule("exports", "20 per hour").cost_by(|request| request.query_string().len() as u64).build()?;
//! let scope = web::scope("/export").wrap(exports.clone()).default_service(web::to(HttpResponse::Ok));
//! # let _ = scope;
//! # Ok::<(), timebudget::RuleError>(())
//! ```
//!
//! **What is charged** is the server's time: from the moment the middleware sees the request to the last chunk of the
//! response's body, less the time spent waiting for the client to send its body or to take the next chunk. An upgraded
//! connection (101) is charged up to its head only.
//!
//! **Where to wrap.** The last `.wrap()` is outermost. What is outside is not charged. CORS goes outside, or a browser
//! cannot read the 429; so does authentication, where it decides whose account is charged.
//!
//! **Two budgets on one path** both charge what they serve; headers describe the tighter one, as the outer one spells them. What the inner one refuses
//! costs the outer one nothing, or a client that is refused could drain what all share. Where an inner one is to replace the
//! outer one, the outer one leaves out its scope: [`TimeBudget::except`].

mod body;
mod budget_builder;
mod built;
mod built_anew;
mod closures;
mod current;
mod detached;
mod digits;
mod doubles;
mod error;
mod explain;
mod extract;
mod facts;
mod future;
mod hooks;
mod inner;
mod parameters;
mod payload;
mod refusal;
mod rewrite;
mod route;
mod routes;
mod rule_builder;
mod rule_error;
mod running;
mod service;
mod standard;
mod told;
mod unbelieved;
mod watch;
mod wire;
mod worker;

use std::future::{Ready, ready};
use std::panic::Location;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpResponse};

pub use self::body::BudgetBody;
pub use self::budget_builder::BudgetBuilder;
use self::built::Built;
pub use self::closures::{component_by, condition_by, of_request};
pub use self::detached::Detached;
pub use self::error::LimitedError;
pub use self::extract::Budget;
use self::hooks::Hooks;
pub use self::parameters::route_parameter;
pub use self::route::normal_path;
pub use self::rule_builder::RuleBuilder;
pub use self::rule_error::RuleError;
pub use self::service::BudgetService;
pub use self::watch::{Watch, Watched};
use self::worker::Worker;
use crate::config::Loaded;
use crate::limiter::{ChargeError, Engine, Limiter, Refusal, Reservation};
use crate::model::{Component, Identity, Key, RateError, Rule, Site, parse_rates};
use crate::sites::Sites;

/// Middleware that spends a time budget: wraps an `App`, a `Scope` or a `Resource`.
///
/// It is built once, outside the application's factory, and cloned into it: all workers draw on the same accounts.
/// Two that are built apart share nothing.
#[derive(Clone, Debug)]
pub struct TimeBudget {
    sites: Arc<Sites>,
    hooks: Arc<Hooks>,
    built: Arc<Built>,
}

impl TimeBudget {
    /// A budget that all clients share, as a [rate string](crate::parse_rates), in UTC.
    ///
    /// # Errors
    ///
    /// What is wrong with the rate string.
    #[track_caller]
    pub fn per_site(rates: &str) -> Result<Self, RateError> {
        Self::keyed(Component::Site, rates)
    }

    /// A budget for each client address, as a [rate string](crate::parse_rates), in UTC.
    ///
    /// # Errors
    ///
    /// What is wrong with the rate string.
    #[track_caller]
    pub fn per_ip(rates: &str) -> Result<Self, RateError> {
        Self::keyed(Component::Ip, rates)
    }

    /// The rules of one site for every host, on an engine that may be shared.
    #[track_caller]
    pub fn of_site(site: Site, engine: Engine) -> Self {
        let built = Built::by_code(Location::caller(), Vec::new());
        Self { built: Arc::new(built), ..Self::sites(Arc::new(Sites::single(site, engine))) }
    }

    /// The rules of a loaded configuration, in memory, by the machine's clocks.
    #[track_caller]
    pub fn of_config(loaded: Loaded) -> Self {
        Self::sites(Arc::new(Sites::new(loaded, Engine::in_memory())))
    }

    /// The rules of many sites, by the request's host; they can be replaced while they are in force.
    #[track_caller]
    pub fn sites(sites: Arc<Sites>) -> Self {
        Self { sites, hooks: Arc::default(), built: Arc::new(Built::by_files(Location::caller())) }
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

    /// A rule of a name, by its [rate string](crate::parse_rates); what else there is to say follows.
    pub fn rule(name: &str, rates: &str) -> RuleBuilder {
        RuleBuilder::new(name, rates)
    }

    /// Several rules, in their order: a request is served only if all that apply to it admit it.
    pub fn rules(rules: impl IntoIterator<Item = RuleBuilder>) -> BudgetBuilder {
        BudgetBuilder::new(rules)
    }

    /// Tells of each refusal, before it is answered; [`Refusal::rule`] says by which rule. A rule's own closure is told
    /// first.
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

    /// Leaves a scope inside alone, such as one whose own budget is to replace this one: see [`RuleBuilder::except`].
    ///
    /// # Panics
    ///
    /// On a pattern that is none, as a scope of it would.
    #[must_use]
    pub fn except(mut self, scope: &str) -> Self {
        Arc::make_mut(&mut self.hooks).except.push(closures::under_scope(scope));
        self
    }

    /// The limiter in force for hosts without one of their own, to [charge](Limiter::charge) what is no request.
    ///
    /// After a reload it is another one, on the same accounts.
    pub fn limiter(&self) -> Arc<Limiter> {
        self.sites.limiter(None)
    }

    /// Charges a block of code, by that limiter: see [`Limiter::charge`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn charge(&self, rule: &str, key: impl Into<Key>) -> Result<Reservation, ChargeError> {
        self.limiter().charge(rule, key).await
    }

    #[track_caller]
    fn keyed(component: Component, rates: &str) -> Result<Self, RateError> {
        let rule = Rule::new("budget", component, parse_rates(rates)?);
        let site = Site { rules: vec![rule], ..Site::unlimited("*") };
        Ok(Self::of_site(site, Engine::in_memory()))
    }
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
        let Self { sites, hooks, built } = self;
        let worker = Worker::new(Arc::clone(sites), Arc::clone(hooks), Arc::clone(built));
        ready(Ok(BudgetService::new(service, worker)))
    }
}
