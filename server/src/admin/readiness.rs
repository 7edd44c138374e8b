//! Whether requests can be served: what `/ready` says, and why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use timebudget::store::Health;
use timebudget::{TimeBudget, Upstream};

use crate::admin::upstreams::{self, Found};

/// What serving depends on.
#[derive(Clone, Default)]
pub(crate) struct Readiness(Arc<Parts>);

#[derive(Default)]
struct Parts {
    is_draining: AtomicBool,
    checks: Mutex<Vec<Check>>,
    /// The upstreams that there are now.
    upstreams: Mutex<Option<Upstreams>>,
    /// What was found of them last, and when; held while they are asked, so that many who ask wait for one answer.
    found: tokio::sync::Mutex<Option<(Instant, Option<Found>)>>,
}

/// For how long what was found of upstreams holds: whoever asks often would have each of them connected to as often.
const HOLDS: Duration = Duration::from_secs(1);

/// How to ask which upstreams there are.
type Upstreams = Box<dyn Fn() -> Vec<Upstream> + Send>;

/// A part, and how to ask how it is.
type Check = (&'static str, Box<dyn Fn() -> State + Send>);

/// How a part is, in a word or a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It works, or what it does not do keeps nobody from being served.
    Ready(String),
    /// Without it no request can be served.
    NotReady(String),
}

impl Readiness {
    /// Of the store and the files of a budget, and of the upstreams of its sites and of others.
    pub(crate) fn of(budget: &TimeBudget, upstreams: &[Upstream]) -> Self {
        let readiness = Self::default();
        let (engine, reloader, sites) =
            (budget.engine(), budget.reloader().cloned(), Arc::clone(budget.sites()));
        readiness.add("store", move || match engine.census().health {
            Health::Up => State::Ready("up".to_owned()),
            Health::Refusing => {
                State::NotReady("its servers do not answer, and on_store_fault is refuse".to_owned())
            }
            _ => State::Ready("its servers do not answer; decided without them".to_owned()),
        });
        readiness.add("files", move || {
            // The rules in force stay, so none of this keeps anybody from being served.
            let is_wrong = reloader.as_ref().is_some_and(|reloader| reloader.errors().is_some());
            State::Ready(match sites.wrong().len() {
                _ if is_wrong => "wrong; older rules are in force".to_owned(),
                0 => "in force".to_owned(),
                1 => "the file of 1 site is wrong".to_owned(),
                wrong => format!("the files of {wrong} sites are wrong"),
            })
        });
        let (told, of_sites) = (upstreams.to_vec(), budget.clone());
        *readiness.0.upstreams.lock() = Some(Box::new(move || upstreams::all(&told, &of_sites)));
        readiness
    }

    /// Asks one more part; the check is called whenever somebody asks, and is to answer at once.
    pub(crate) fn add(&self, part: &'static str, check: impl Fn() -> State + Send + 'static) {
        self.0.checks.lock().push((part, Box::new(check)));
    }

    /// From now on it is not ready: it takes no new connections.
    pub(crate) fn drain(&self) {
        self.0.is_draining.store(true, Relaxed);
    }

    /// How the upstreams are, or were a moment ago.
    async fn of_upstreams(&self) -> Option<Found> {
        let mut found = self.0.found.lock().await;
        if let Some((at, last)) = &*found
            && at.elapsed() < HOLDS
        {
            return last.clone();
        }
        let upstreams = self.0.upstreams.lock().as_ref().map_or_else(Vec::new, |upstreams| upstreams());
        let now = upstreams::look(&upstreams).await;
        *found = Some((Instant::now(), now.clone()));
        now
    }

    /// Whether requests are served, and how each part is. What is not ready has a `reason`, and of upstreams each that is
    /// `unreachable` has one.
    pub(crate) async fn told(&self) -> (bool, Value) {
        let mut states: Vec<_> = self.0.checks.lock().iter().map(|(part, check)| (*part, check())).collect();
        let mut unreachable = Map::new();
        if let Some(found) = self.of_upstreams().await {
            states.push(("upstream", found.state));
            unreachable.extend(found.unreachable.into_iter().map(|(upstream, why)| (upstream, why.into())));
        }
        let draining = self.0.is_draining.load(Relaxed).then(|| "draining".to_owned());
        let reason = draining.or_else(|| {
            states.iter().find_map(|(part, state)| match state {
                State::NotReady(why) => Some(format!("{part}: {why}")),
                State::Ready(_) => None,
            })
        });
        let mut told = Map::new();
        told.insert("ready".to_owned(), reason.is_none().into());
        told.extend(reason.iter().map(|reason| ("reason".to_owned(), reason.as_str().into())));
        told.extend(states.into_iter().map(|(part, state)| match state {
            State::Ready(how) | State::NotReady(how) => (part.to_owned(), how.into()),
        }));
        if !unreachable.is_empty() {
            told.insert("unreachable".to_owned(), unreachable.into());
        }
        (reason.is_none(), Value::Object(told))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(states: [(&'static str, State); 2]) -> Readiness {
        let readiness = Readiness::default();
        for (part, state) in states {
            readiness.add(part, move || state.clone());
        }
        readiness
    }

    fn told(readiness: &Readiness) -> (bool, Value) {
        actix_web::rt::System::new().block_on(readiness.told())
    }

    #[test]
    fn it_is_ready_when_all_parts_are() {
        let up = || State::Ready("up".to_owned());
        let readiness = of([("store", up()), ("upstream", up())]);
        assert_eq!(told(&readiness), (true, json!({ "ready": true, "store": "up", "upstream": "up" })));
    }

    #[test]
    fn a_part_that_is_not_ready_is_the_reason() {
        let (up, down) = (State::Ready("up".to_owned()), State::NotReady("no address answers".to_owned()));
        let readiness = of([("store", up), ("upstream", down)]);
        let (is_ready, told) = told(&readiness);
        assert!(!is_ready);
        assert_eq!(told["reason"], "upstream: no address answers");
    }

    #[test]
    fn while_it_drains_it_is_not_ready() {
        let up = || State::Ready("up".to_owned());
        let readiness = of([("store", up()), ("upstream", up())]);
        readiness.drain();
        assert_eq!(told(&readiness).1["reason"], "draining");
    }
}
