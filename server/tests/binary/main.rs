//! The binary as its users have it: over real sockets, with real files, signals and clocks.

mod access_log;
mod admin;
mod answer;
mod budget;
mod check;
mod commands;
mod config;
mod credentials;
mod demo;
mod environment;
mod explain;
mod floods;
#[allow(dead_code, reason = "shared with the tests of the gateway")]
mod frames;
mod front;
mod grants;
mod health;
mod hostile;
mod limits;
mod listening;
mod many_sites;
mod metrics;
mod monitored;
mod queries;
mod redis;
mod reload;
mod replay;
mod running;
mod scratch;
mod shutdown;
mod snapshot;
mod start;
mod zone;
