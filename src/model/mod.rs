//! Floor 0: the model. Pure: no clock, no I/O, no async, no actix.

pub mod key;
pub mod ledger;
pub mod limit;
pub(crate) mod nearest;
pub mod now;
pub mod period;
pub mod units;
pub mod window;
pub mod zone;
