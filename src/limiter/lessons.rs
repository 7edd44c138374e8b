//! What has been learned of the rules of an engine, by the names of their sites and their own: a reload forgets nothing, and what no
//! limiter has any more is forgotten in the end.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::limiter::expectations::Expectations;
use crate::model::{Expectation, Learned, Micros, Tick};

/// How long what was learned outlives the last limiter that has the rule: one that was taken out by mistake comes back to it.
const KEPT: Micros = Micros::from_secs(3_600);

/// What has been learned of every rule that limiters of an engine have, or have had of late.
#[derive(Debug)]
pub(crate) struct Lessons(Mutex<HashMap<(String, String), Lesson>>);

/// What has been learned of one rule. Each limiter that has the rule has a share in it.
#[derive(Debug, Default)]
struct Lesson {
    expectations: Arc<Expectations>,
    /// Whether a limiter of this process has had the rule: what none has had is not written down again.
    is_asked: bool,
    /// Since when no limiter has the rule, as far as somebody has looked.
    idle_since: Option<Tick>,
}

impl Lessons {
    /// What an earlier process has learned.
    pub(crate) fn new(learned: Vec<Learned>) -> Self {
        let known = learned.into_iter().map(|learned| {
            let lesson = Lesson::default();
            lesson.expectations.take_over(learned.overall, &learned.routes);
            ((learned.site, learned.rule), lesson)
        });
        Self(Mutex::new(known.collect()))
    }

    /// What is expected of a rule's requests, for a limiter that has the rule.
    pub(crate) fn of(&self, site: &str, rule: &str) -> Arc<Expectations> {
        let mut all = self.0.lock();
        let lesson = all.entry((site.to_owned(), rule.to_owned())).or_default();
        (lesson.is_asked, lesson.idle_since) = (true, None);
        Arc::clone(&lesson.expectations)
    }

    /// What was learned of the rules that this process has, or has had of late.
    pub(crate) fn learned(&self) -> Vec<Learned> {
        let all = self.0.lock();
        let asked = all.iter().filter(|(_, lesson)| lesson.is_asked);
        let learned = asked.map(|((site, rule), lesson)| {
            let (overall, routes) = lesson.expectations.learned();
            Learned { site: site.clone(), rule: rule.clone(), overall, routes }
        });
        learned.filter(|learned| learned.overall != Expectation::UNKNOWN).collect()
    }

    /// Forgets the rules that no limiter has had for an hour: names that come and go would else be kept for ever, in memory and in the
    /// snapshot.
    pub(crate) fn forget(&self, at: Tick) {
        let mut all = self.0.lock();
        all.retain(|_, lesson| lesson.is_kept(at));
        let room = 2 * all.len();
        all.shrink_to(room);
    }
}

impl Lesson {
    fn is_kept(&mut self, at: Tick) -> bool {
        if Arc::strong_count(&self.expectations) > 1 {
            self.idle_since = None;
            return true;
        }
        at.since(*self.idle_since.get_or_insert(at)) < KEPT
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::limiter::samples::rule;
    use crate::limiter::{Engine, Limiter};
    use crate::model::{Site, UnixMicros};
    use crate::store::memory::Memory;

    /// An engine on which limiters come and go.
    struct Inn {
        clock: Arc<ManualClock>,
        engine: Engine,
    }

    impl Inn {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_699_999_200)));
            Self { engine: Engine::new(Memory::default(), Arc::clone(&clock)), clock }
        }

        /// A limiter of a site with one rule, of which a request has cost a second.
        fn guest(&self, site: &str, name: &str) -> Limiter {
            let limiter = Limiter::new(
                Site { rules: vec![rule(name, "60s/day")], ..Site::unlimited(site) },
                &self.engine,
            );
            limiter.rules[0].expectations.record(1, Micros::from_secs(1));
            limiter
        }

        fn pass(&self, span: Duration) {
            self.clock.advance(span);
            self.engine.shared().forget();
        }

        fn known(&self) -> Vec<String> {
            let mut known: Vec<_> =
                self.engine.shared().lessons.learned().into_iter().map(|learned| learned.rule).collect();
            known.sort_unstable();
            known
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    /// Every name that was ever loaded was kept, and written down every ten seconds.
    #[test]
    fn names_that_come_and_go_are_forgotten_an_hour_later() {
        let inn = Inn::new();
        let stays = inn.guest("shop", "stays");
        for at in 0..1_000 {
            drop(inn.guest(&format!("site{at}"), &format!("rule{at}")));
        }
        inn.pass(Duration::ZERO);
        inn.pass(59 * MINUTE);
        assert_eq!(inn.known().len(), 1_001);
        inn.pass(MINUTE);
        assert_eq!(inn.known(), ["stays"]);
        assert!(inn.engine.shared().lessons.0.lock().capacity() < 10);
        assert_eq!(inn.engine.shared().rosters.sites(), 1);
        drop(stays);
    }

    #[test]
    fn a_rule_that_comes_back_within_an_hour_is_what_it_was() {
        let inn = Inn::new();
        drop(inn.guest("shop", "export"));
        for _ in 0..3 {
            inn.pass(50 * MINUTE);
            let again = inn.guest("shop", "export");
            assert_eq!(again.rules[0].expectations.expected(1), Some(Micros::from_secs(1)));
            inn.pass(100 * MINUTE);
        }
        assert_eq!(inn.known(), ["export"], "an hour begins when somebody looks and nobody has it");
    }

    #[test]
    fn what_an_earlier_process_has_learned_waits_an_hour_for_its_rule_and_is_not_written_down_before() {
        let old = Lessons::new(Vec::new());
        old.of("shop", "export").record(1, Micros::from_secs(1));
        let new = Lessons::new(old.learned());
        assert!(new.learned().is_empty());
        new.forget(Tick(0));
        new.forget(Tick(KEPT.0 as i64 - 1));
        assert!(new.of("shop", "export").expected(1).is_some());
        new.forget(Tick(KEPT.0 as i64));
        new.forget(Tick(2 * KEPT.0 as i64));
        assert!(new.of("shop", "export").expected(1).is_none());
    }
}
