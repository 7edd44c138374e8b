//! How long a request has run, without its pauses.

use crate::model::{Micros, Tick};
use crate::store::Progress;

/// How long a request has run, without its pauses.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    /// When it began to run, or ran again; `None` while it is paused.
    pub(crate) since: Option<Tick>,
    /// How long it had run before that.
    pub(crate) before: Micros,
}

impl Meter {
    /// That of a request which has not begun.
    pub(crate) const UNUSED: Self = Self { since: None, before: Micros::ZERO };

    /// Stops it.
    pub(crate) fn pause(&mut self, at: Tick) {
        self.before = self.read(at);
        self.since = None;
    }

    /// How long the request has run.
    pub(crate) fn read(&self, at: Tick) -> Micros {
        let running = self.since.map_or(Micros::ZERO, |since| at.since(since));
        Micros(self.before.0 + running.0)
    }

    /// How far the request has come.
    pub(crate) fn progress(&self, at: Tick) -> Progress {
        Progress { cost: self.read(at), paused: self.since.is_none() }
    }
}
