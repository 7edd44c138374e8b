//! The access log: one line of JSON for each request, written by a thread of its own.

mod args;
mod line;
mod log;
mod service;

pub(crate) use args::AccessArgs;
pub(crate) use line::Line;
pub(crate) use log::Log;
pub(crate) use service::Access;
