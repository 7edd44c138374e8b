//! The probe: whether this process may do what it will want to.
//!
//! Without it a process that may beat and not exchange would heal with each connection and fail with each request.

use super::{Arguments, FORMAT};

/// The script's text.
pub(crate) const SCRIPT: &str = include_str!("probe.lua");

/// What the script answers, as the connection hands it over.
pub(crate) type Reply = i64;

/// Writes a call; in a cluster a script sees the keys of one hash tag only.
pub(crate) fn arguments(prefix: &str, process: [u8; 8], is_clustered: bool) -> Arguments {
    let tags = if is_clustered { &["probe"][..] } else { &["probe", "another"] };
    let mut arguments = Arguments::default();
    for tag in tags {
        arguments.push_key(format!("{prefix}{FORMAT}:{{{tag}}}").as_bytes());
    }
    arguments.push_bytes(&process);
    arguments
}
