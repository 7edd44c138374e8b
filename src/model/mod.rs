//! Floor 0: the model. Pure: no clock, no I/O, no async, no actix.

pub mod client_address;
pub mod condition;
pub(crate) mod decimal;
pub(crate) mod excerpt;
pub mod expectation;
pub mod facts;
pub mod glob;
pub mod header_policy;
pub mod key;
pub mod ledger;
pub mod limit;
pub mod line;
pub mod method;
pub(crate) mod nearest;
pub mod network;
pub mod now;
pub mod period;
pub mod rate;
pub mod rate_error;
pub mod rule;
pub mod share;
pub mod site;
pub mod text;
pub mod units;
pub mod window;
pub mod zone;
