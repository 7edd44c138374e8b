//! The API over real sockets: the whole application on a port of its own, a group of routes a file.

mod client;
mod rulesets;
mod world;
