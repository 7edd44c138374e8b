//! What control promises of its database: one suite, held to on SQLite and on PostgreSQL.

mod changes;
mod child;
mod copy;
mod faults;
mod force;
mod kills;
mod nodes;
mod postgres;
mod world;
