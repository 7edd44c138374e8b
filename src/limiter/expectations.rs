//! What is expected of the requests of a rule, by route.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::model::{Expectation, Micros};

/// How many places there are for routes, which suffice for most applications. A power of two, as the next.
const FEW: usize = 64;

/// How many there are besides where those do not suffice.
const MORE: usize = 1024;

/// In so many places of either a route may have its own.
const NEIGHBOURS: usize = 8;

/// What is expected of the requests of one rule, by route.
///
/// Each place belongs to one route, by its number: what a report costs is never expected of a cheap route. A route without
/// a place, or of which no request has ended, is expected to cost what the rule's requests do. Routes are as many as an
/// application has patterns and methods, so the places suffice; if they do not, the routes of full neighbourhoods take
/// each other's places in turn.
///
/// It is shared by all limiters that a rule has had on the engine, so a reload forgets nothing, and read and written without a lock.
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    /// Of all requests of the rule.
    overall: AtomicU64,
    few: OnceLock<Box<[OfRoute; FEW]>>,
    more: OnceLock<Box<[OfRoute; MORE]>>,
    /// Counts routes that took another's place.
    displaced: AtomicUsize,
}

/// What is learned of one route, and what follows from it.
#[derive(Debug)]
struct OfRoute {
    /// The route's number and 1; 0 in a place that is free.
    route: AtomicU64,
    learned: AtomicU64,
    /// In microseconds, worked out once for each request that ends: then nobody waits for the answer. 0 until one has.
    expected: AtomicU64,
}

impl Expectations {
    /// What a request on a route is expected to cost; `None` if no request of the rule has ended.
    #[inline]
    pub(crate) fn expected(&self, route: u32) -> Option<Micros> {
        match self.place(route).map_or(0, |place| place.expected.load(Relaxed)) {
            0 => self.expected_of_any(),
            known => Some(Micros(known)),
        }
    }

    /// Learns from a request that has ended. Two that end at one instant may be learned from as one.
    #[inline]
    pub(crate) fn record(&self, route: u32, cost: Micros) {
        self.place(route).unwrap_or_else(|| self.take_place(route)).record(cost);
        let mut overall = Expectation::from_bits(self.overall.load(Relaxed));
        overall.record(cost);
        self.overall.store(overall.to_bits(), Relaxed);
    }

    /// What was learned of all requests, and of each route.
    pub(crate) fn learned(&self) -> (Expectation, Vec<(u32, Expectation)>) {
        let few = self.few.get().into_iter().flat_map(|places| places.iter());
        let more = self.more.get().into_iter().flat_map(|places| places.iter());
        let routes = few.chain(more).filter_map(OfRoute::learned).collect();
        (Expectation::from_bits(self.overall.load(Relaxed)), routes)
    }

    /// Takes over what an earlier process has learned.
    pub(crate) fn take_over(&self, overall: Expectation, routes: &[(u32, Expectation)]) {
        self.overall.store(overall.to_bits(), Relaxed);
        for (route, learned) in routes {
            self.place(*route).unwrap_or_else(|| self.take_place(*route)).set(*learned);
        }
    }

    #[cold]
    fn expected_of_any(&self) -> Option<Micros> {
        let overall = Expectation::from_bits(self.overall.load(Relaxed));
        (overall != Expectation::UNKNOWN).then(|| overall.expected())
    }

    /// The place of a route, if it has one: mostly the first that it may have.
    #[inline]
    fn place(&self, route: u32) -> Option<&OfRoute> {
        let few = self.few.get()?;
        let home = &few[route as usize % FEW];
        if home.is_of(route) { Some(home) } else { self.search(few, route) }
    }

    #[cold]
    fn search<'a>(&'a self, few: &'a [OfRoute; FEW], route: u32) -> Option<&'a OfRoute> {
        let more = self.more.get().into_iter().flat_map(|more| neighbourhood(more, route));
        neighbourhood(few, route).chain(more).find(|place| place.is_of(route))
    }

    /// A place for a route that has none: a free one, else another's.
    #[cold]
    fn take_place(&self, route: u32) -> &OfRoute {
        let few = self.few.get_or_init(places);
        if let Some(free) = neighbourhood(few, route).find(|place| place.is_taken_for(route)) {
            return free;
        }
        let more = self.more.get_or_init(places);
        let free = neighbourhood(more, route).find(|place| place.is_taken_for(route));
        free.unwrap_or_else(|| self.displace(more, route))
    }

    /// Gives a route the place of another.
    #[cold]
    fn displace<'a>(&self, more: &'a [OfRoute; MORE], route: u32) -> &'a OfRoute {
        let turn = self.displaced.fetch_add(1, Relaxed) % NEIGHBOURS;
        let place = &more[(route as usize + turn) % MORE];
        place.set(Expectation::UNKNOWN);
        place.route.store(tag(route), Relaxed);
        place
    }
}

impl OfRoute {
    const fn free() -> Self {
        Self { route: AtomicU64::new(0), learned: AtomicU64::new(0), expected: AtomicU64::new(0) }
    }

    fn is_of(&self, route: u32) -> bool {
        self.route.load(Relaxed) == tag(route)
    }

    /// Takes the place for a route if it is free, or was just taken for the same one.
    fn is_taken_for(&self, route: u32) -> bool {
        let taken = self.route.compare_exchange(0, tag(route), Relaxed, Relaxed);
        taken.is_ok() || taken == Err(tag(route))
    }

    #[inline(always)]
    fn record(&self, cost: Micros) {
        let mut learned = Expectation::from_bits(self.learned.load(Relaxed));
        learned.record(cost);
        self.set(learned);
    }

    fn set(&self, learned: Expectation) {
        self.learned.store(learned.to_bits(), Relaxed);
        self.expected.store(learned.expected().0, Relaxed);
    }

    fn learned(&self) -> Option<(u32, Expectation)> {
        let route = self.route.load(Relaxed).checked_sub(1)?;
        let learned = Expectation::from_bits(self.learned.load(Relaxed));
        (learned != Expectation::UNKNOWN).then_some((route as u32, learned))
    }
}

/// The places that a route may have among some.
fn neighbourhood<const N: usize>(places: &[OfRoute; N], route: u32) -> impl Iterator<Item = &OfRoute> {
    (0..NEIGHBOURS).map(move |at| &places[(route as usize + at) % N])
}

fn places<const N: usize>() -> Box<[OfRoute; N]> {
    Box::new([const { OfRoute::free() }; N])
}

const fn tag(route: u32) -> u64 {
    route as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Micros = Micros::from_millis(1);
    const REPORT: Micros = Micros::from_secs(10);

    /// Routes had 64 places between them, by their numbers alone: of ten, two often shared one.
    #[test]
    fn a_cheap_route_is_never_expected_to_cost_what_a_report_does() {
        let expectations = Expectations::default();
        for _ in 0..100 {
            expectations.record(7, REPORT);
            (1..NEIGHBOURS as u32).for_each(|n| expectations.record(7 + 64 * n, CHEAP));
        }
        assert!(expectations.expected(7).unwrap().0.abs_diff(REPORT.0) < 10);
        for cheap in 1..NEIGHBOURS as u32 {
            let expected = expectations.expected(7 + 64 * cheap).unwrap();
            assert!(expected.0.abs_diff(CHEAP.0) <= 1, "{expected}");
        }
    }

    #[test]
    fn five_hundred_routes_are_told_apart() {
        let (expectations, numbers) =
            (Expectations::default(), (0..500_u32).map(|n| n.wrapping_mul(0x9e37_79b1)));
        for _ in 0..3 {
            numbers.clone().for_each(|route| expectations.record(route, Micros(u64::from(route % 997 + 1))));
        }
        for route in numbers {
            assert_eq!(expectations.expected(route), Some(Micros(u64::from(route % 997 + 1))), "{route}");
        }
    }

    #[test]
    fn a_new_route_is_expected_to_cost_what_the_rule_does() {
        let expectations = Expectations::default();
        assert_eq!(expectations.expected(1), None);
        expectations.record(1, REPORT);
        assert_eq!(expectations.expected(2), Some(REPORT));
    }

    #[test]
    fn more_routes_than_places_take_each_others_in_turn_and_the_rule_is_expected_of_those_that_lost_theirs() {
        let expectations = Expectations::default();
        let crowd = || (0..40_u32).map(|n| n * 1024);
        crowd().for_each(|route| expectations.record(route, CHEAP));
        let (_, routes) = expectations.learned();
        assert_eq!(routes.len(), 2 * NEIGHBOURS);
        crowd().for_each(|route| assert_eq!(expectations.expected(route), Some(CHEAP)));
    }

    #[test]
    fn what_was_learned_is_taken_over() {
        let (old, new) = (Expectations::default(), Expectations::default());
        for route in 0..200 {
            old.record(route, Micros(u64::from(route) * 10 + 1));
        }
        let (overall, routes) = old.learned();
        new.take_over(overall, &routes);
        assert_eq!(new.learned(), (overall, routes));
        assert_eq!(
            (0..201).map(|r| new.expected(r)).collect::<Vec<_>>(),
            (0..201).map(|r| old.expected(r)).collect::<Vec<_>>()
        );
    }
}
