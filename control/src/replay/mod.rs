//! Replay: what rules would have made of requests of the past.
//!
//! Each [request](Past) goes through the real limiter, on a clock that is moved ([`World`]); what becomes of it under one
//! configuration, or under two that are compared, is counted ([`Trial`], [`Tally`], [`Windows`]). Where the requests come from,
//! whoever has them knows: `timebudget replay` reads logs, and the API has the last hour.

mod bounded;
mod cuts;
mod lacking;
mod past;
mod routes;
mod tally;
mod trial;
mod windows;
mod world;

pub use bounded::{Bounded, Row};
pub use lacking::Lacking;
pub use past::{Past, Times};
pub use tally::{OfRule, OfWorld, Said, Tally, Who, name_of};
pub use trial::{Passed, Trial};
pub use windows::{OfLimit, Spent, Windows};
pub use world::{Answering, Outcome, World};
