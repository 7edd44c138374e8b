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
mod budget;
mod budget_builder;
mod build;
mod built;
mod classes;
mod closures;
mod facts;
mod outline;
mod pattern;
mod pausing;
mod prospect_page;
mod refusal;
mod rehearsal;
mod reply;
mod request;
mod route;
mod route_number;
mod rule_builder;
mod rule_error;
mod running;

mod standard;
mod standing;
mod time_budget;
mod told;
mod watch;
mod wire;
mod worker;

pub use self::body::{BudgetBody, CutOff};
pub use self::budget::Budget;
pub use self::budget::Detached;
pub use self::budget_builder::BudgetBuilder;
pub use self::closures::{component_by, condition_by, of_request, path, prefix};

pub use self::rehearsal::{Answered, Asked, NotAsked, Rehearsal};
pub use self::request::BudgetService;
pub use self::route::{normal_path, route_parameter};
pub use self::rule_builder::{IntoStatus, Limits, RuleBuilder};
pub use self::rule_error::RuleError;
pub use self::standing::LimitedError;
pub use self::time_budget::TimeBudget;
pub use self::watch::{Watch, Watched};
