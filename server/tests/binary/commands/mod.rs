//! The commands for a limiter that runs, against one that does: what a reader sees, wrong input included.

mod audit;
mod clients;
mod desk;
mod rules;
mod spent;
