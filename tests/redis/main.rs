//! The Redis store, over real servers that the tests start.

#[path = "../store/acceptance.rs"]
#[expect(dead_code, reason = "the memory store keeps all promises of every store")]
mod acceptance;
mod app;
mod batched;
mod chaos;
mod clocks;
mod cluster;
mod clusters;
#[path = "../store/desk.rs"]
mod desk;
mod exact;
mod faults;
mod journal;
mod process;
mod promises;
mod proxy;
mod restarts;
mod server;
mod topologies;
mod uris;
