//! The Redis store, over real servers that the tests start.

mod exact;
mod faults;
mod journal;
mod process;
mod server;
