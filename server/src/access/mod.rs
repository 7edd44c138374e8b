//! The access log: one line of JSON for each request, written by a thread of its own.

mod args;
mod line;
mod log;
mod service;

pub(crate) use args::AccessArgs;
// Read by whoever replays a log.
#[allow(unused_imports)]
pub(crate) use line::Line;
pub(crate) use log::Log;
pub(crate) use service::Access;
