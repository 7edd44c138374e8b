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
