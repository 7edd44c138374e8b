//! The Redis store, over real servers that the tests start.

mod batched;
mod clocks;
mod exact;
mod faults;
mod journal;
mod process;
mod server;
mod uris;
