//! The API over real sockets: the whole application on a port of its own, a group of routes a file.

mod bad_input;
mod client;
mod roles;
mod rulesets;
mod session;
mod world;
mod writes;
