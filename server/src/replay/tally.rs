//! What became of all requests, counted: by rule, route and client, in one world or in two that are compared.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use timebudget::{Cause, Refusal};

use crate::replay::bounded::{Bounded, Row};
use crate::replay::request::Request;
use crate::replay::routes;
use crate::replay::world::Outcome;

/// What became of all requests.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// The time that they took, in microseconds.
    pub(crate) micros: u64,
    /// When the first began, and when the last did; in microseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) worlds: [OfWorld; 2],
    /// How many both refuse.
    pub(crate) both: u64,
    /// How many were refused when they were logged.
    pub(crate) refused_then: u64,
    pub(crate) routes: Bounded<String>,
    pub(crate) clients: Bounded<Who>,
    /// The route of the request at hand.
    route: String,
}

/// A client: an address, or a network of IPv6 with its length. `None` for one without an address.
pub(crate) type Who = Option<(IpAddr, u8)>;

/// What became of them in one world.
#[derive(Default)]
pub(crate) struct OfWorld {
    pub(crate) refused: u64,
    pub(crate) refused_micros: u64,
    pub(crate) exempt: u64,
    /// How many nobody could decide over, since their site's rules are not known.
    pub(crate) undecided: u64,
    /// Of those that were refused when they were logged, how many are served.
    pub(crate) served_now: u64,
    rules: HashMap<(Arc<str>, Arc<str>), OfRule>,
}

/// What a rule refuses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OfRule {
    pub(crate) refused: u64,
    pub(crate) micros: u64,
    /// Of them, those that the other world serves.
    pub(crate) only_here: u64,
    /// Those that only what runs stands in the way of.
    pub(crate) by_running: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// What a world has said of a request.
pub(crate) enum Said {
    Decided(Outcome),
    /// Nobody knows the rules of its site.
    Undecided,
}

impl Said {
    const fn refusal(&self) -> Option<&Refusal> {
        if let Self::Decided(Outcome::Refused(refusal)) = self { Some(refusal) } else { None }
    }
}

impl Tally {
    /// Finds the route of a request, and what those of it have cost so far in the middle, in microseconds.
    pub(crate) fn meet(&mut self, request: &Request) -> u64 {
        routes::write(request.method(), request.path(), &mut self.route);
        if !request.was_refused {
            return 0;
        }
        let known = self.routes.get(&self.route[..]).map_or(0, |row| row.micros / row.requests.max(1));
        if known > 0 { known } else { self.micros / self.requests.max(1) }
    }

    /// Counts a request that was [met](Self::meet), and what each world has said of it.
    pub(crate) fn add(&mut self, request: &Request, cost: u64, site: &Arc<str>, who: Who, said: &[Said]) {
        if self.requests == 0 {
            self.first = request.start;
        }
        self.last = self.last.max(request.start);
        self.requests += 1;
        self.micros = self.micros.saturating_add(cost);
        self.refused_then += u64::from(request.was_refused);
        let mut row = Row { requests: 1, micros: cost, ..Row::default() };
        let refusals = [0, 1].map(|world| said.get(world).and_then(Said::refusal));
        for (world, said) in said.iter().enumerate() {
            let of_world = &mut self.worlds[world];
            match said {
                Said::Undecided => of_world.undecided += 1,
                Said::Decided(Outcome::Exempt) => of_world.exempt += 1,
                Said::Decided(Outcome::Served) => {}
                Said::Decided(Outcome::Refused(refusal)) => {
                    (row.refused[world], row.refused_micros[world]) = (1, cost);
                    let is_only_here = refusals[1 - world].is_none();
                    of_world.refuse(refusal, site, request.start, cost, is_only_here);
                }
            }
            of_world.served_now += u64::from(request.was_refused && refusals[world].is_none());
        }
        self.both += u64::from(refusals.iter().all(Option::is_some));
        self.routes.add(&self.route[..], &row);
        self.clients.add(&who, &row);
    }
}

impl OfWorld {
    fn refuse(&mut self, refusal: &Refusal, site: &Arc<str>, at: i64, cost: u64, is_only_here: bool) {
        self.refused += 1;
        self.refused_micros = self.refused_micros.saturating_add(cost);
        let rule = (Arc::clone(site), Arc::clone(&refusal.rule));
        let of_rule = self.rules.entry(rule).or_insert(OfRule { first: at, ..OfRule::default() });
        of_rule.refused += 1;
        of_rule.micros = of_rule.micros.saturating_add(cost);
        of_rule.only_here += u64::from(is_only_here);
        of_rule.by_running += u64::from(matches!(refusal.cause, Cause::Held | Cause::Crowded));
        of_rule.last = at;
    }

    /// The rules that refuse something, the most first.
    pub(crate) fn rules(&self) -> Vec<(&str, &str, OfRule)> {
        let named = self.rules.iter().map(|((site, rule), of_rule)| (&**site, &**rule, *of_rule));
        let mut rules: Vec<_> = named.collect();
        rules.sort_by(|one, other| {
            other.2.refused.cmp(&one.2.refused).then_with(|| (one.0, one.1).cmp(&(other.0, other.1)))
        });
        rules
    }
}
