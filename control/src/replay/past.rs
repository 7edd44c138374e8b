//! Requests of the past, as a replay is given them.

use actix_web::http::StatusCode;
use timebudget::{Facts, Site};

use crate::replay::Lacking;

/// A request of the past: when it ran, and what rules may see of it.
pub trait Past {
    /// What rules see of it.
    type Seen<'a>: Facts
    where
        Self: 'a;

    /// As its client sent it.
    fn method(&self) -> &str;

    /// The path as the router sees it, without the query.
    fn path(&self) -> &str;

    /// What was answered; 0 where nothing was.
    fn status(&self) -> u16;

    /// Whether it was refused in life, so that nobody knows what it would have cost.
    fn was_refused(&self) -> bool;

    /// When it began, and how long it ran.
    fn times(&self) -> Times;

    /// The request as the rules of a site see it, which know the host that it was for by this name. What they ask for
    /// that is not known is noted.
    fn seen<'a>(&'a self, site: &'a Site, host: &'a str, lacking: &'a Lacking) -> Self::Seen<'a>;
}

/// When a request began, and how long its time ran; in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// When it began, since 1970.
    pub start: i64,
    /// How long its time ran from then on.
    pub runs: u64,
    /// How long after its start it ended; in between it waited for its client.
    pub ends_after: u64,
    /// What it is charged beside the time that ran.
    pub extra: u64,
    /// How long after its start it was made free, if it was.
    pub free_after: Option<u64>,
}

impl Times {
    /// Those of a request that took so long, and was charged so much of it, where that is known.
    ///
    /// A request that goes on in another protocol is over with its head: of how long it was open nothing is charged.
    pub fn new(start: i64, elapsed: u64, charged: Option<u64>, status: u16) -> Self {
        let is_tunnel = StatusCode::SWITCHING_PROTOCOLS == status;
        let charged = charged.unwrap_or(if is_tunnel { 0 } else { elapsed });
        let ends_after = if is_tunnel { charged } else { elapsed };
        let runs = charged.min(ends_after);
        Self { start, runs, ends_after, extra: charged - runs, free_after: None }
    }

    /// The same of a request that was made free so long after its start: up to then it ran, and it cost nothing.
    #[must_use]
    pub const fn made_free_after(self, micros: u64) -> Self {
        Self { free_after: Some(micros), ..self }
    }

    /// The same of a request that begins later than it did. What it ran before is charged beside.
    #[must_use]
    pub fn beginning_at(self, start: i64) -> Self {
        let missed = start.abs_diff(self.start);
        let before = missed.min(self.runs);
        Self {
            start,
            runs: self.runs - before,
            ends_after: self.ends_after.saturating_sub(missed),
            extra: self.extra + before,
            free_after: self.free_after.map(|free| free.saturating_sub(missed)),
        }
    }

    /// What it cost.
    pub const fn cost(&self) -> u64 {
        if self.free_after.is_some() { 0 } else { self.runs + self.extra }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_charged_beyond_its_time_is_charged_beside() {
        let longer = Times::new(5, 100, Some(130), 200);
        assert_eq!((longer.runs, longer.ends_after, longer.extra, longer.cost()), (100, 100, 30, 130));
        let waited = Times::new(5, 100, Some(20), 200);
        assert_eq!((waited.runs, waited.ends_after, waited.extra), (20, 100, 0));
    }

    #[test]
    fn a_tunnel_is_over_with_its_head() {
        assert_eq!(Times::new(5, 100, None, 101).ends_after, 0);
        assert_eq!(Times::new(5, 100, Some(7), 101).ends_after, 7);
    }

    #[test]
    fn what_was_made_free_has_run_and_cost_nothing() {
        let free = Times::new(5, 100, None, 200).made_free_after(40);
        assert_eq!((free.runs, free.ends_after, free.cost()), (100, 100, 0));
        assert_eq!(free.beginning_at(15).free_after, Some(30));
    }

    #[test]
    fn one_that_begins_late_is_charged_all_of_it() {
        let late = Times::new(0, 100, None, 200).beginning_at(30);
        assert_eq!((late.start, late.runs, late.ends_after, late.extra), (30, 70, 70, 30));
        assert_eq!(late.cost(), 100);
    }
}
