//! The API over real sockets: the whole application on a port of its own, a group of routes a file.

mod accounts;
mod bad_input;
mod client;
mod down;
mod events;
mod gateways;
mod in_force;
mod lists;
mod logs;
mod overview;
#[allow(dead_code, reason = "the suite of the database treats servers worse")]
#[path = "../db/postgres.rs"]
mod postgres;
mod replay;
mod reports;
mod roles;
mod rulesets;
mod session;
mod shared;
mod sites;
mod usage;
mod visitors;
mod world;
mod writes;
