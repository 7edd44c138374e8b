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
//! **What is charged** is the server's time: from the moment the middleware sees the request to the last chunk of the
//! response's body, less the time spent waiting for the client to send its body or to take the next chunk. An upgraded
//! connection (101) is charged up to its head only.
//!
//! **Where to wrap.** The last `.wrap()` is outermost. What is outside is not charged. CORS goes outside, or a browser
//! cannot read the 429; so does authentication, where it decides whose account is charged.
//!
//! **Two budgets on one path** both charge what they serve; headers describe the tighter one. What the inner one refuses
//! costs the outer one nothing, or a client that is refused could drain what all share.

mod body;
mod current;
mod error;
mod explain;
mod extract;
mod facts;
mod future;
mod payload;
mod refusal;
mod rewrite;
mod running;
mod service;
mod standard;
mod told;
mod wire;
mod worker;

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};

pub use self::body::BudgetBody;
pub use self::error::LimitedError;
pub use self::extract::Budget;
pub use self::service::BudgetService;
use self::worker::Worker;
use crate::config::Loaded;
use crate::limiter::Engine;
use crate::model::rate::parse_rates;
use crate::model::rate_error::RateError;
use crate::model::rule::{Component, Rule, tightest};
use crate::model::site::Site;
use crate::sites::Sites;

/// Middleware that spends a time budget: wraps an `App`, a `Scope` or a `Resource`.
///
/// It is built once, outside the application's factory, and cloned into it: all workers draw on the same accounts.
/// Two that are built apart share nothing.
#[derive(Clone, Debug)]
pub struct TimeBudget {
    sites: Arc<Sites>,
}

impl TimeBudget {
    /// A budget that all clients share, as a [rate string](crate::parse_rates), in UTC.
    ///
    /// # Errors
    ///
    /// What is wrong with the rate string.
    pub fn per_site(rates: &str) -> Result<Self, RateError> {
        Self::keyed(Component::Site, rates)
    }

    /// A budget for each client address, as a [rate string](crate::parse_rates), in UTC.
    ///
    /// # Errors
    ///
    /// What is wrong with the rate string.
    pub fn per_ip(rates: &str) -> Result<Self, RateError> {
        Self::keyed(Component::Ip, rates)
    }

    /// The rules of one site for every host, on an engine that may be shared.
    pub fn of_site(site: Site, engine: Arc<Engine>) -> Self {
        Self::sites(Arc::new(Sites::single(site, engine)))
    }

    /// The rules of a loaded configuration, in memory, by the machine's clocks.
    pub fn of_config(loaded: Loaded) -> Self {
        Self::sites(Arc::new(Sites::new(loaded, Engine::in_memory())))
    }

    /// The rules of many sites, by the request's host; they can be replaced while they are in force.
    pub const fn sites(sites: Arc<Sites>) -> Self {
        Self { sites }
    }

    fn keyed(component: Component, rates: &str) -> Result<Self, RateError> {
        let rule = Rule::new("budget", component, tightest(parse_rates(rates)?));
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
        ready(Ok(BudgetService::new(service, Worker::new(Arc::clone(&self.sites)))))
    }
}
