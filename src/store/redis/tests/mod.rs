//! Tests that need no server: on a model of one, by clocks that they move.

mod accounts;
mod certain;
mod contact;
mod counting;
mod due;
mod fidelity;
mod model;
mod overflow;
mod overshoot;
mod process;
mod schedules;
mod stalled;
mod task;
mod troubles;
mod world;
