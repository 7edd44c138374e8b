//! A trial: requests of the past under one configuration, or under two that are compared.

use timebudget::config::Loaded;

use crate::replay::Past;
use crate::replay::tally::{Said, Tally, Who};
use crate::replay::world::{Answering, World};

/// Requests of the past under one configuration, or under two that are compared.
#[derive(Default)]
pub struct Trial {
    /// The configurations, until the first request says when the worlds begin.
    loaded: Vec<Loaded>,
    /// A limiter of each configuration, once there was a request.
    pub worlds: Vec<World>,
    /// What has become of all so far.
    pub tally: Tally,
    /// What the worlds have said of the request at hand.
    said: Vec<Said>,
}

/// What has become of a request.
pub struct Passed<'a> {
    /// The site that answers, in the first world.
    pub site: &'a Answering,
    /// Its client.
    pub who: Who,
    /// What it has cost.
    pub cost: u64,
    /// What each world has said of it.
    pub said: &'a [Said],
}

impl Trial {
    /// A trial of one or two configurations.
    pub fn new(loaded: Vec<Loaded>) -> Self {
        Self { loaded, ..Self::default() }
    }

    /// Lets a request pass through all worlds. Requests come in the order in which they began.
    ///
    /// `host` is what the request asked for, or nothing where only one site is there.
    pub fn pass(&mut self, past: &impl Past, host: &str) -> Option<Passed<'_>> {
        let times = past.times();
        if self.worlds.is_empty() {
            self.worlds = self.loaded.drain(..).map(|loaded| World::new(loaded, times.start)).collect();
        }
        let expected = self.tally.meet(past);
        let runs = if past.was_refused() { expected } else { times.runs };
        self.said.clear();
        for world in &mut self.worlds {
            let arrived = world.arrive(past, times, host, runs);
            self.said.push(arrived.map_or(Said::Undecided, Said::Decided));
        }
        let (site, who) = self.worlds.first().and_then(World::met)?;
        let cost = if times.free_after.is_some() { 0 } else { runs + times.extra };
        self.tally.add(times.start, past.was_refused(), cost, site.name(), who, &self.said);
        Some(Passed { site, who, cost, said: &self.said })
    }

    /// Lets all end that still runs.
    pub fn finish(&mut self) {
        self.worlds.iter_mut().for_each(World::finish);
    }
}
