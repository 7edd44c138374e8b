//! The admin listener: run-time control, metrics and health beside what is served, on an address of its own.

mod gate;
mod listener;
mod opened;
mod readiness;
mod upstreams;

pub(crate) use listener::Admin;
pub(crate) use opened::{is_own, open};
pub(crate) use readiness::{Readiness, State};
