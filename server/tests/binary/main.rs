//! The binary as its users have it: over real sockets, with real files, signals and clocks.

mod admin;
mod answer;
mod budget;
mod check;
mod config;
mod demo;
mod environment;
mod explain;
mod front;
mod hostile;
mod limits;
mod many_sites;
mod reload;
mod replay;
mod running;
mod scratch;
mod shutdown;
mod snapshot;
mod start;
mod zone;
