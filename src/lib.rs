//! A rate limiter that spends *time* instead of counting requests.
//!
//! An actix-web middleware measures how many microseconds of the server's time each request takes, adds them to a
//! window aligned to the site's time zone, refuses requests once the window's budget is spent, and tells the client
//! where it stands. Counting requests is the same engine with a cost of 1.
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use timebudget::TimeBudget;
//!
//! let budget = TimeBudget::per_site("600s per hour")?;
//! let app = App::new().wrap(budget.clone()).route("/", web::get().to(HttpResponse::Ok));
//! # let _ = app;
//! # Ok::<(), timebudget::RateError>(())
//! ```
//!
//! # Where to go from here
//!
//! - [`TimeBudget`] wraps an `App`, a `Scope` or a `Resource`. [`per_site`](TimeBudget::per_site) and
//!   [`per_ip`](TimeBudget::per_ip) take a [rate string](parse_rates) and no more.
//! - [`TimeBudget::rule`] is a rule in Rust: its key, cost, limits and refusals are values or closures. The methods of
//!   [`RuleBuilder`] are all there is to say.
//! - [`TimeBudget::builder`] joins several rules, of code and of site files, with the site's zone, its proxies and what is
//!   exempt, and keeps them like their files.
//! - [`Budget`] tells a handler where it stands, charges and waives; [`Watch`] tells middleware outside of all budgets;
//!   [`TimeBudget::charge`] is for work that is no request.
//! - [`TimeBudget::identify`] tells who clients are. [`Tiers`] say who may spend more or less, and [`ClientPolicy`] which
//!   headers trusted proxies tell it in.
//! - [`config`] reads Frappe's site files, many sites by `Host`, and the environment; [`Sites`] puts them in force and
//!   replaces them. A [`Layer`](config::Layer) below the files is what people decide while the limiter runs.
//! - [`Engine`] is the accounts and the clock, which budgets can share. [`Memory`](store::memory::Memory) keeps the accounts,
//!   over a restart too with [a snapshot](store::memory::Memory::with_snapshot).
//! - [`Engine::accounts`] lists who has spent most, grants more, and resets.
//! - [`Limiter`] decides without any framework: give it [`Facts`], get an [`Admission`].
//! - [`ManualClock`] is the clock that tests move.
//!
//! [`prelude`] has what most applications need.
//!
//! # Guides
//!
//! - [Rules in Rust](https://github.com/timebudget/timebudget/blob/main/docs/in-rust.md), and [recipes](https://github.com/timebudget/timebudget/blob/main/docs/recipes.md): tests with a clock, caps on
//!   WebSockets
//! - [The site file](https://github.com/timebudget/timebudget/blob/main/docs/site-file.md), and [what is said of mistakes in one](https://github.com/timebudget/timebudget/blob/main/docs/mistakes.md)
//! - [How time is accounted](https://github.com/timebudget/timebudget/blob/main/docs/accounting.md), and [when windows begin](https://github.com/timebudget/timebudget/blob/main/docs/windows.md)
//! - [Hard budgets](https://github.com/timebudget/timebudget/blob/main/docs/hard-budgets.md): what runs is ended when its budget is spent
//! - [Looking after accounts](https://github.com/timebudget/timebudget/blob/main/docs/accounts.md)
//! - [Many processes, one budget: Redis](https://github.com/timebudget/timebudget/blob/main/docs/redis.md)
//! - [In front and behind](https://github.com/timebudget/timebudget/blob/main/docs/in-front-and-behind.md): proxies, health checks, CORS, and what clients do with a refusal
//! - [Coming from](https://github.com/timebudget/timebudget/blob/main/docs/coming-from.md) Frappe, Flask-Limiter, django-smart-ratelimit and Netlify
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | adds |
//! |---|---|
//! | `redis` | accounts that many processes share: `store::open("redis://…")` for [`Engine::over`] |
//! | `geo` | countries by a database in MaxMind's format, for `rate_limit_country`; a header needs no feature |
//!
//! # What is not supported
//!
//! Windows are aligned and fixed: there are no sliding windows and no token buckets. Time is wall-clock time of the
//! request, not processor time. The middleware is for actix-web 4.

mod clock;
pub mod config;
#[cfg(feature = "geo")]
pub mod geo;
mod limiter;
mod middleware;
mod model;
mod parts;
mod sites;
pub mod store;
pub mod tzdata;

pub use clock::{Clock, ManualClock, Sleep, SystemClock};
pub use limiter::{
    AccountError, AccountFilter, AccountId, AccountStanding, Accounts, Admission, Amount, Cause, ChargeError,
    Client, ClientAccounts, Engine, Event, Kind, LimitReport, Limiter, NoAccountId, Observe, ObservedLimit,
    Pending, Prospect, Refusal, Report, Reservation, Route, Share, explanation,
};
pub use middleware::{
    Answered, Asked, Budget, BudgetBody, BudgetBuilder, BudgetService, CutOff, Detached, IntoStatus,
    LimitedError, Limits, NotAsked, Rehearsal, RuleBuilder, RuleError, TimeBudget, Watch, Watched,
    component_by, condition_by, normal_path, of_request, path, prefix, route_parameter,
};
/// Which of many rules a request can fulfil: what a fuzz target holds against the conditions themselves.
#[doc(hidden)]
pub use model::RuleIndex;
pub use model::{
    Action, AddressPolicy, Answer, ApiKey, Assignment, Block, ChargeWhen, ClientPolicy, Component, Computed,
    Condition, Cost, Countries, Country, CountrySource, Counts, DEFAULT_TIER, EXPOSED_HEADERS, EscapedSlash,
    Facts, Finding, Found, Glob, HeaderNames, HeaderPolicy, Hold, Host, HostFault, Identity, IdentityHeaders,
    Judge, Key, KeyDigest, KeySource, KeySpec, KeyValue, Limit, LimitSet, Method, Micros, Missing, Mistake,
    Multiplier, Network, NetworkFault, NoSource, NoUpstream, Now, Override, Overrun, Paths, Pattern,
    PatternError, Period, Proxy, Quota, RateError, RateFault, Region, ResetStyle, Rule, SharedMap,
    SharedTiers, Site, Source, StandardHeaders, StatusSet, Statuses, Term, Text, Tick, Tier, Tiers,
    Transition, Unit, UnixMicros, Until, Upstream, Weight, Window, Zone, ZoneSource, cookie_values,
    parse_rates, query_value, query_values,
};
pub use sites::{Reloader, Reloads, RuleOrigin, SiteInForce, Sites, Watcher, Wrong};

pub mod prelude {
    //! All that most applications need: `use timebudget::prelude::*`.
    //!
    //! ```
    //! use actix_web::{App, HttpResponse, web};
    //! use timebudget::prelude::*;
    //!
    //! let budget = TimeBudget::builder()
    //!     .site("shop")
    //!     .exempt(path("/health"))
    //!     .rule(TimeBudget::rule("exports", Limit::requests(50).per(Period::HOUR)).key(Component::Ip))
    //!     .build()?;
    //! let app = App::new().wrap(budget.clone()).route("/", web::get().to(HttpResponse::Ok));
    //! # let _ = app;
    //! # Ok::<(), RuleError>(())
    //! ```

    pub use crate::limiter::{Cause, ChargeError, Engine, Refusal, Reservation};
    pub use crate::middleware::{
        Budget, BudgetBuilder, RuleBuilder, RuleError, TimeBudget, Watch, component_by, condition_by,
        normal_path, path, prefix, route_parameter,
    };
    pub use crate::model::{
        Component, Condition, Counts, Hold, Identity, Key, KeyValue, Limit, Micros, Missing, Overrun, Period,
        Site, Until,
    };
}
