//! Run-time control for [`timebudget`]: what people see and change while the limiter runs.
//!
//! [`Control`] holds what people have decided, in a database that several nodes may share, and keeps it in force: every
//! change is checked against the whole configuration, stored with who made it and why, and followed by every node.

mod api;
pub mod audit;
mod control;
mod db;
mod follow;
mod live;
pub mod noting;
mod pages;
mod recent;
pub mod replay;
pub mod thing;

pub use api::Visitor;
pub use control::{
    Actor, ChangeError, Control, Expect, Idempotency, IfMatch, NotGoverned, OpenError, Options, Receipt,
    Session, Unavailable,
};
pub use follow::Health;
pub use live::Observer;
pub use recent::Recording;
