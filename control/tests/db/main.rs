//! What control promises of its database: one suite, held to on SQLite and on PostgreSQL.

mod audit;
mod bodies;
mod changes;
mod child;
mod copy;
mod faults;
mod force;
mod kills;
mod layers;
mod members;
mod nodes;
mod once;
mod postgres;
mod world;
