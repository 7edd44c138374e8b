//! The database: SQLite or PostgreSQL, by the same SQL.
//!
//! Every question has a time within which it is answered or given up, and with it the connection it was asked on: a server
//! that is frozen holds nobody.

mod commit;
mod database;
mod migrate;
pub(crate) mod read;
mod sessions;
mod spenders;
mod trouble;
mod uri;
mod usage;

pub(crate) use commit::{Answered, CHANNEL, Commit, Writing};
pub(crate) use database::Database;
pub(crate) use read::{News, State};
pub(crate) use sessions::Kept;
pub(crate) use trouble::Trouble;
pub(crate) use uri::{Engine, Uri};
pub(crate) use usage::{Asked, Grain, Of, Point};
