//! The API: JSON under `/api/v1`, and who may ask for what.
//!
//! [`routes`] is the one table of it: which path and method, who may, and which handler answers. What stands in no row
//! there is not served, and the description in [`openapi`] is held against it by a test.
//!
//! A request meets, in this order: the guard of its row (who is it, may they, does it come from here), the handler's
//! arguments, which are parsed where they are taken, and the handler, which is thin: parse, change, answer.

mod accounts;
mod address;
mod answer;
mod audit;
mod auth;
mod body;
mod caller;
mod csrf;
mod events;
mod explain;
mod forwarded;
mod groups;
mod guard;
mod guesses;
mod keys;
mod members;
mod openapi;
mod overrides;
mod overview;
mod paging;
mod parameters;
mod policy;
mod problem;
mod replay;
mod roles;
mod routes;
mod rulesets;
mod scope;
mod session;
mod sites;
mod tag;
mod tiers;
mod usage;
mod users;
mod write;

pub use caller::Visitor;
pub(crate) use guesses::Guesses;
