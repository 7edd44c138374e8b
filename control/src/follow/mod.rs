//! A node's side: what is in force here, kept like what the database holds.

mod copy;
mod feed;
mod health;
mod listen;
mod node;
mod place;
mod start;
mod write;

pub use health::Health;
pub(crate) use health::Standing;
pub(crate) use listen::listen;
pub(crate) use node::Node;
pub(crate) use place::Place;
pub(crate) use write::{Order, Outcome, Recorded};
