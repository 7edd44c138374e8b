//! What became of all requests, counted: by rule, route and client, in one world or in two that are compared.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use timebudget::{Cause, Refusal};

use crate::replay::bounded::{Bounded, Row};
use crate::replay::past::Past;
use crate::replay::routes;
use crate::replay::world::Outcome;

/// What became of all requests.
#[derive(Default)]
pub struct Tally {
    /// How many there were.
    pub requests: u64,
    /// The time that they took, in microseconds.
    pub micros: u64,
    /// When the first began, in microseconds since 1970.
    pub first: i64,
    /// When the last did.
    pub last: i64,
    /// What became of them in each world.
    pub worlds: [OfWorld; 2],
    /// How many both refuse.
    pub both: u64,
    /// How many were refused when they were logged.
    pub refused_then: u64,
    /// By method and path, in which what tells one thing from another is left out.
    pub routes: Bounded<String>,
    /// By client.
    pub clients: Bounded<Who>,
    /// The route of the request at hand.
    route: String,
}

/// A client: an address, or a network of IPv6 with its length. `None` for one without an address.
pub type Who = Option<(IpAddr, u8)>;

/// What became of them in one world.
#[derive(Default)]
pub struct OfWorld {
    /// How many are refused.
    pub refused: u64,
    /// The time that those took, in microseconds.
    pub refused_micros: u64,
    /// How many are exempt.
    pub exempt: u64,
    /// How many nobody could decide over, since their site's rules are not known.
    pub undecided: u64,
    /// Of those that were refused when they were logged, how many are served.
    pub served_now: u64,
    rules: HashMap<(Arc<str>, Arc<str>), OfRule>,
}

/// What a rule refuses.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfRule {
    /// How many requests.
    pub refused: u64,
    /// The time that they took, in microseconds.
    pub micros: u64,
    /// Of them, those that the other world serves.
    pub only_here: u64,
    /// Those that only what runs stands in the way of.
    pub by_running: u64,
    /// When the first of them began, in microseconds since 1970.
    pub first: i64,
    /// When the last did.
    pub last: i64,
}

/// What a world has said of a request.
pub enum Said {
    /// What becomes of it.
    Decided(Outcome),
    /// Nobody knows the rules of its site.
    Undecided,
}

impl Said {
    /// The refusal, if it is one.
    pub const fn refusal(&self) -> Option<&Refusal> {
        if let Self::Decided(Outcome::Refused(refusal)) = self { Some(refusal) } else { None }
    }
}

impl Tally {
    /// Finds the route of a request, and what those of it have cost so far in the middle, in microseconds.
    pub fn meet(&mut self, past: &impl Past) -> u64 {
        routes::write(past.method(), past.path(), &mut self.route);
        if !past.was_refused() {
            return 0;
        }
        let known = self.routes.get(&self.route[..]).map_or(0, |row| row.micros / row.requests.max(1));
        if known > 0 { known } else { self.micros / self.requests.max(1) }
    }

    /// Counts a request that was [met](Self::meet), and what each world has said of it.
    pub fn add(
        &mut self,
        start: i64,
        was_refused: bool,
        cost: u64,
        site: &Arc<str>,
        who: Who,
        said: &[Said],
    ) {
        if self.requests == 0 {
            self.first = start;
        }
        self.last = self.last.max(start);
        self.requests += 1;
        self.micros = self.micros.saturating_add(cost);
        self.refused_then += u64::from(was_refused);
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
                    of_world.refuse(refusal, site, start, cost, is_only_here);
                }
            }
            of_world.served_now += u64::from(was_refused && refusals[world].is_none());
        }
        self.both += u64::from(refusals.iter().all(Option::is_some));
        self.routes.add(&self.route[..], &row);
        self.clients.add(&who, &row);
    }
}

/// A client in words.
pub fn name_of(who: &Who) -> String {
    match who {
        None => "without an address".to_owned(),
        Some((ip, 32 | 128)) => ip.to_string(),
        Some((ip, length)) => format!("{ip}/{length}"),
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
    pub fn rules(&self) -> Vec<(&str, &str, OfRule)> {
        let named = self.rules.iter().map(|((site, rule), of_rule)| (&**site, &**rule, *of_rule));
        let mut rules: Vec<_> = named.collect();
        rules.sort_by(|one, other| {
            other.2.refused.cmp(&one.2.refused).then_with(|| (one.0, one.1).cmp(&(other.0, other.1)))
        });
        rules
    }
}
