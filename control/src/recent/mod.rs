//! The requests of the last hour, in bounded memory, for drafts to be tried on.
//!
//! Nothing of it is ever written down, and nothing of a request is kept but when it ran, which rules it met, its method and path without
//! the query, its host as the site's file has it, the client's address, and its name where that was known.

mod hour;
mod names;
mod past;
mod recording;

#[cfg(test)]
pub(crate) use hour::Ended;
pub(crate) use hour::{Hour, Kept};
pub(crate) use past::OfHour;
pub use recording::Recording;
