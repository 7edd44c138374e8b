//! The binary as its users have it: over real sockets, with real files, signals and clocks.

mod admin;
mod answer;
mod budget;
mod check;
mod commands;
mod config;
mod demo;
mod environment;
mod explain;
mod front;
mod grants;
mod hostile;
mod limits;
mod many_sites;
mod redis;
mod reload;
mod replay;
mod running;
mod scratch;
mod shutdown;
mod snapshot;
mod start;
mod zone;
