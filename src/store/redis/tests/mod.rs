//! Tests that need no server: on a model of one, by clocks that they move.

mod counting;
mod fidelity;
mod ledger;
mod model;
mod overshoot;
mod schedules;
mod told;
mod troubles;
mod world;
