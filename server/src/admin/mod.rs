//! The admin listener: run-time control beside what is served, on an address of its own.

mod listener;
mod opened;

pub(crate) use listener::Admin;
pub(crate) use opened::{is_own, open};
