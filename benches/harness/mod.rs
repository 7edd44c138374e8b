//! What all benchmarks of requests share: one harness, so that ours and the peers are measured by the same code.
//!
//! A *subject* is an app that says hello behind some limiter; a [`Task`](task::Task) is what a child process does
//! with it. Each measurement runs in a process of its own, so that no subject meets another's heap or caches.

pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod estimate;
pub(crate) mod instructions;
pub(crate) mod load;
pub(crate) mod ours;
pub(crate) mod stats;
pub(crate) mod target;
pub(crate) mod task;
pub(crate) mod traffic;
