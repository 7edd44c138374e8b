//! The API over real sockets: the whole application on a port of its own, a group of routes a file.

mod accounts;
mod client;
mod events;
mod overview;
mod rulesets;
mod usage;
mod world;
