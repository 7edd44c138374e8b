//! The Redis store, over real servers that the tests start.

#[path = "../store/acceptance.rs"]
mod acceptance;
mod accounts;
mod acl;
mod app;
#[path = "../kit/asked.rs"]
mod asked;
mod asking;
mod batched;
mod caps;
mod certificates;
mod chaos;
mod clocks;
mod cluster;
mod clusters;
mod codes;
mod defaults;
#[path = "../store/desk.rs"]
mod desk;
mod exact;
mod fair;
mod faults;
mod hard;
#[path = "../kit/journal.rs"]
mod journal;
mod jumps;
mod moved;
mod process;
mod promises;
mod proxy;
mod restarts;
mod returns;
mod server;
mod standing;
mod tls;
mod topologies;
mod uris;
