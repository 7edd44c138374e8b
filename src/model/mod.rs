//! Floor 0: the model. Pure: no clock, no I/O, no async, no actix.

pub mod expectation;
pub mod limit;
pub mod now;
pub mod units;
pub mod window;
pub mod zone;
