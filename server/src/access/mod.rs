//! The access log: one line of JSON for each request.

// Until the log is written.
#[cfg_attr(not(test), allow(dead_code))]
mod line;

#[allow(unused_imports)]
pub(crate) use line::Line;
