//! Who did what, when, from where and why: a row for each change, of which each holds the digest of the one before. Pure.

mod entry;
mod export;
mod verify;

pub use entry::{Entry, Filter, Page};
pub use export::{csv, csv_head, jsonl};
pub use verify::{Chain, Mark, NoMark, Verified};

pub(crate) use entry::Draft;
