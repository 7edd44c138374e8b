//! Meters: how long requests run.

use crate::model::{Micros, Tick};
use crate::store::Progress;

/// How long a request has run, without its pauses.
#[derive(Debug)]
pub(super) struct Meter {
    /// When it was admitted.
    pub(super) began: Tick,
    /// When it began to run, or ran again; `None` while it is paused.
    pub(super) since: Option<Tick>,
    /// How long it had run before that.
    pub(super) before: Micros,
}

impl Meter {
    /// That of a request which has not begun.
    pub(super) const UNUSED: Self = Self { began: Tick(0), since: None, before: Micros::ZERO };

    /// Stops it.
    pub(super) fn pause(&mut self, at: Tick) {
        self.before = self.read(at);
        self.since = None;
    }

    /// How long the request has run.
    pub(super) fn read(&self, at: Tick) -> Micros {
        let running = self.since.map_or(Micros::ZERO, |since| at.since(since));
        Micros(self.before.0 + running.0)
    }

    /// How far the request has come.
    pub(super) fn progress(&self, at: Tick) -> Progress {
        Progress { cost: self.read(at), paused: self.since.is_none() }
    }
}
