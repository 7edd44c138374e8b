//! Rate limiting by server time.

pub mod calendar;
pub mod clock;
pub mod model;
pub mod store;

pub use clock::{Clock, ManualClock, SystemClock};
pub use model::limit::Limit;
pub use model::now::Now;
pub use model::units::{Micros, Tick, Unit, UnixMicros};
pub use model::window::{Period, Window};
