//! Floor 0: the model. Pure: no clock, no I/O, no async, no actix.

pub(crate) mod decimal;
pub(crate) mod excerpt;
pub mod limit;
pub(crate) mod nearest;
pub mod now;
pub mod period;
pub mod rate;
pub mod rate_error;
pub mod units;
pub mod window;
pub mod zone;
