//! How long each step of a request may take, pure: instants come in, and what is late comes out.

use std::time::Duration;

use tokio::time::Instant;

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until a connection is accepted.
    pub(crate) connect: Duration,
    /// Until the head of an answer has come, from when the last of the request was sent.
    pub(crate) head: Duration,
    /// Between two bytes, whoever is to send them.
    pub(crate) idle: Duration,
    /// How long an idle connection is kept.
    pub(crate) kept: Duration,
}

/// Who has not sent in time what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    Client,
    Upstream,
}

impl Timeouts {
    /// By when something has to come of a request whose last byte was moved at `moved`, and who is late if nothing does.
    pub(crate) fn until_head(&self, moved: Instant, waits_for_client: bool) -> (Instant, Late) {
        match waits_for_client {
            true => (moved + self.idle, Late::Client),
            false => (moved + self.head, Late::Upstream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_not_late_while_its_client_uploads() {
        let secs = Duration::from_secs;
        let timeouts = Timeouts { connect: secs(2), head: secs(5), idle: secs(60), kept: secs(4) };
        let moved = Instant::now();
        assert_eq!(timeouts.until_head(moved, true), (moved + secs(60), Late::Client));
        assert_eq!(timeouts.until_head(moved, false), (moved + secs(5), Late::Upstream));
    }
}
