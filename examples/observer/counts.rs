//! Counts by rule and route, in a table that grows no further than an application has routes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use timebudget::{Event, Observe, ObservedLimit, Route, Unit};

/// How many pairs of rule and route are told apart; what comes later is counted together. A power of two.
const LINES: usize = 1 << 10;

/// Requests, refusals and microseconds, by rule and route.
pub(crate) struct Counts {
    lines: Box<[Line; LINES]>,
    /// What the lines are called, by their position.
    names: Mutex<BTreeMap<usize, (String, Route)>>,
}

#[derive(Default)]
struct Line {
    /// The rule and the route; 0 for a line without any.
    key: AtomicU64,
    served: AtomicU64,
    refused: AtomicU64,
    in_shadow: AtomicU64,
    micros: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        let lines: Box<[Line]> = (0..LINES).map(|_| Line::default()).collect();
        Self {
            lines: lines.try_into().unwrap_or_else(|_| unreachable!("so many were made")),
            names: Mutex::default(),
        }
    }
}

impl Observe for Counts {
    /// Requests are counted when they end.
    fn hears_admissions(&self) -> bool {
        false
    }

    fn refused(&self, event: &Event<'_>) {
        if let Some(limit) = event.refusing() {
            let line = self.line(&limit, event.route());
            let count = if event.is_shadow() { &line.in_shadow } else { &line.refused };
            count.fetch_add(1, Relaxed);
        }
    }

    fn settled(&self, event: &Event<'_>) {
        let mut counted = 0;
        for limit in event.limits() {
            let line = self.line(&limit, event.route());
            // Once for each rule, however many limits it has.
            let number = limit.rule_number();
            if number != counted {
                line.served.fetch_add(1, Relaxed);
                counted = number;
            }
            if limit.unit() == Unit::Time {
                line.micros.fetch_add(limit.cost(), Relaxed);
            }
        }
    }
}

impl Counts {
    /// The line of a rule and a route. Numbers make one key, which mostly is found where it was first looked for.
    #[inline]
    fn line(&self, limit: &ObservedLimit<'_>, route: Route) -> &Line {
        let route_number = u64::from(route.number()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = (limit.rule_number() ^ route_number) | 1;
        let line = &self.lines[key as usize % LINES];
        if line.key.load(Relaxed) == key { line } else { self.other_line(key, limit, route) }
    }

    /// The same where another line stands in the way, or where the key is new: then names are asked for.
    #[cold]
    fn other_line(&self, key: u64, limit: &ObservedLimit<'_>, route: Route) -> &Line {
        for step in 0..LINES {
            let at = (key as usize + step) % LINES;
            let line = &self.lines[at];
            match line.key.load(Relaxed) {
                found if found == key => return line,
                0 => {
                    let claimed = line.key.compare_exchange(0, key, Relaxed, Relaxed);
                    if claimed.is_ok() {
                        self.name(at, limit, route);
                    }
                    if claimed.is_ok() || claimed == Err(key) {
                        return line;
                    }
                }
                _ => {}
            }
        }
        &self.lines[0]
    }

    #[cold]
    fn name(&self, at: usize, limit: &ObservedLimit<'_>, route: Route) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(at, (limit.rule().name.clone(), route));
    }
}

impl fmt::Display for Counts {
    /// Writes a line for each rule and route, such as `site GET /users/{id} served 2 refused 0 in shadow 0 micros 145`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, (rule, route)) in &*names {
            let Line { served, refused, in_shadow, micros, .. } = &self.lines[*at];
            let route = route.name().unwrap_or_else(|| "?".into());
            writeln!(
                f,
                "{rule} {route} served {} refused {} in shadow {} micros {}",
                served.load(Relaxed),
                refused.load(Relaxed),
                in_shadow.load(Relaxed),
                micros.load(Relaxed)
            )?;
        }
        Ok(())
    }
}
