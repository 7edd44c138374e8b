//! What control promises of its database: one suite, held to on SQLite and on PostgreSQL.

mod changes;
mod copy;
mod nodes;
mod postgres;
mod world;
