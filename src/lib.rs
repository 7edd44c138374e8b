//! Rate limiting by server time.

pub mod calendar;
pub mod clock;
pub mod config;
pub mod engine;
pub mod limiter;
pub mod middleware;
pub mod model;
pub mod sites;
pub mod store;
pub mod tzdata;

pub use clock::{Clock, ManualClock, SystemClock};
pub use engine::Engine;
pub use limiter::{Admission, Cause, Limiter, Refusal, Report, Reservation};
pub use middleware::TimeBudget;
pub use model::limit::Limit;
pub use model::now::Now;
pub use model::rate::parse_rates;
pub use model::rate_error::{RateError, RateFault};
pub use model::site::Site;
pub use model::units::{Micros, Tick, Unit, UnixMicros};
pub use model::window::{Period, Window};
pub use model::zone::{Transition, Zone, ZoneSource};
pub use sites::Sites;
