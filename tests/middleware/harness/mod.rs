//! What the tests share: a world with its clock, a server, a client, and gates to stop handlers at.

#[path = "../../kit/app.rs"]
mod app;
mod bench;
mod client;
mod gate;
mod lower_case;
mod server;
mod spy;
mod world;

pub(crate) use bench::{Bench, PAGE};
pub(crate) use client::{Answer, Client};
pub(crate) use gate::{Gate, Spout, Tap, slow};
pub(crate) use lower_case::in_lower_case;
pub(crate) use server::{Listening, serve, serve_h2c};
pub(crate) use spy::{Broken, Event};
pub(crate) use world::{World, site};

use std::time::Duration;

/// A second's worth of microseconds.
pub(crate) const SECOND: u64 = 1_000_000;

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Waits for what must happen, and fails where it does not.
pub(crate) async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(secs(20), event).await.expect("it did not happen within 20 seconds")
}
