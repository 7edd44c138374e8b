//! When a hard budget is spent, and what wakes a request then.
//!
//! Where the lines of what runs meet the quota is computed, not watched: at `(quota − spent) ÷ running` microseconds from now. One timer
//! per request waits for that, and is set anew when others of the account begin or end. It is set only for rules that
//! [cut](crate::Overrun::Cut), so nobody else pays for it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use crate::clock::Sleep;
use crate::limiter::Limiter;
use crate::limiter::alarms::Bound;
use crate::limiter::engine::Shared;
use crate::limiter::event::Ended;
use crate::limiter::holding::Holding;
use crate::limiter::refusal::Refused;
use crate::limiter::told::Told;
use crate::limiter::untold::Untold;
use crate::model::{Micros, Overrun, Rule, Tick};
use crate::store::{Charge, Claim};

/// When a timer has rung that has not been set anew.
const RUNG: Tick = Tick(i64::MIN);

/// What wakes one request when it is to be cut.
pub(crate) struct Alarm {
    engine: Arc<Shared>,
    bounds: SmallVec<[Bound; 1]>,
    number: u64,
    /// What is taken off the quotas, since the request is charged it on top.
    extra: u64,
    /// Whether it is among those who run.
    runs: bool,
    /// Whether others know what it has cost, for it has not run since they were told.
    rests: bool,
    /// Its timer, until it has rung.
    timer: Option<(Tick, Sleep)>,
}

impl Alarm {
    /// That of a request on these accounts, if there are any.
    pub(crate) fn new(engine: &Arc<Shared>, bounds: impl Iterator<Item = Bound>) -> Option<Self> {
        let bounds: SmallVec<_> = bounds.collect();
        if bounds.is_empty() {
            return None;
        }
        let (engine, number) = (Arc::clone(engine), engine.alarms.next_number());
        Some(Self { engine, bounds, number, extra: 0, runs: false, rests: false, timer: None })
    }

    /// Hears what the request is charged on top so far: as if its quotas were smaller by that.
    pub(crate) fn hear_extra(&mut self, extra: u64) {
        if extra == self.extra {
            return;
        }
        if self.runs {
            let _ = self.rest();
        }
        for bound in &mut self.bounds {
            bound.quota = bound.quota.saturating_add_unsigned(self.extra).saturating_sub_unsigned(extra);
        }
        self.extra = extra;
    }

    /// Ready when the request, which runs, is to be cut. `cut_in` looks how long that is from now.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut cut_in: impl FnMut() -> Option<Micros>,
    ) -> Poll<()> {
        loop {
            // Read before what is left is looked at: time that passes between the two has the timer ring early, and never late.
            let now = self.engine.clock.tick();
            match cut_in() {
                None => return self.rest(),
                Some(Micros::ZERO) => return self.ring(),
                Some(span) => self.set(now, span, cx.waker()),
            }
            if self.timer.as_mut().is_none_or(|(_, timer)| timer.as_mut().poll(cx).is_pending()) {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }

    /// The request is to be cut, and so are others on its accounts, who look for themselves.
    pub(crate) fn ring(&self) -> Poll<()> {
        self.engine.alarms.wake_all(&self.bounds);
        Poll::Ready(())
    }

    /// The request does not run any more, or not now.
    ///
    /// One that has done its work without ever waiting was not among those who run, so that nobody knows yet what it has cost.
    pub(crate) fn rest(&mut self) -> Poll<()> {
        let rings_at = self.timer.take().map_or(RUNG, |(rings_at, _)| rings_at);
        match std::mem::take(&mut self.runs) {
            true => self.engine.alarms.leave(&self.bounds, self.number, rings_at),
            false => self.bounds.iter().for_each(|bound| self.engine.alarms.tell(bound.account)),
        }
        self.rests = true;
        Poll::Pending
    }

    /// Sets the timer to ring so long after `now`, unless it rings by then.
    fn set(&mut self, now: Tick, span: Micros, waker: &Waker) {
        let clock = &self.engine.clock;
        let span = self.engine.store.hears_every().map_or(span, |news| span.min(news));
        let at = Tick(now.0.saturating_add_unsigned(span.0));
        if self.timer.as_ref().is_none_or(|(rings_at, _)| at < *rings_at) {
            self.timer = Some((at, clock.sleep_until(at)));
        }
        let rings_at = self.timer.as_ref().map_or(at, |(rings_at, _)| *rings_at);
        (self.runs, self.rests) = (true, false);
        self.engine.alarms.join(&self.bounds, self.number, waker, rings_at);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if !self.rests {
            let _ = self.rest();
        }
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rings_at = self.timer.as_ref().map(|(at, _)| *at);
        f.debug_struct("Alarm").field("rings_at", &rings_at).finish_non_exhaustive()
    }
}

impl Holding {
    /// How long the request can go on, at the present pace, until the first of its budgets of time is spent.
    pub(crate) fn time_left(&mut self, limiter: &Limiter) -> Option<Micros> {
        self.first_spent(limiter, |_| true)
    }

    /// How long until the first budget is spent whose rule cuts what runs.
    pub(crate) fn cut_in(&mut self, limiter: &Limiter) -> Option<Micros> {
        if self.may_be_cut { self.first_spent(limiter, cuts) } else { None }
    }

    fn first_spent(&mut self, limiter: &Limiter, is_about: impl Fn(&Rule) -> bool) -> Option<Micros> {
        if self.is_over() {
            return None;
        }
        self.look(limiter);
        let extra = self.extra();
        let claims = self.claims.iter().filter(|claim| limiter.spends_time_of(claim, &is_about));
        claims.map(|claim| claim.lasts(extra)).min()
    }

    /// What the request is charged on top when it ends.
    pub(crate) fn extra(&self) -> u64 {
        u64::try_from(self.settlement.extra_micros).unwrap_or(0)
    }

    /// Ends the request, of which [a budget is spent](Self::cut_in), and says so as a refusal does.
    pub(crate) fn cut(&mut self, limiter: &Limiter, untold: &mut Untold) -> Refused {
        let extra = self.extra();
        let is_spent = |claim: &Claim| limiter.spends_time_of(claim, cuts) && claim.lasts(extra).0 == 0;
        let spent: Vec<bool> = self.claims.iter().map(is_spent).collect();
        self.now = limiter.now();
        self.is_typical &= self.has_outrun_expectations();
        self.is_cut = true;
        self.settle_at(limiter, self.now, untold);
        // Told as it was settled, for from now on it says what a refusal does.
        untold.copied(Told { ended: Ended::AtOnce, ..self.told() }, self.now, &self.claims, &self.settlement);
        for (claim, is_spent) in self.claims.iter_mut().zip(spent) {
            claim.standing.refuses = is_spent;
        }
        self.why_refused(limiter)
    }

    /// Whether the request has taken longer than was expected. Of one that is cut before, nobody knows how long it would have
    /// taken: nothing is learned from it.
    fn has_outrun_expectations(&self) -> bool {
        let ran = self.meter.read(self.now.tick);
        self.claims.iter().all(|claim| match claim.ask.charge {
            Charge::Time { expected } => expected < ran,
            Charge::Requests { .. } | Charge::Place => true,
        })
    }

    /// What wakes the request when it is to be cut; `None` if no rule may cut it.
    pub(crate) fn alarm(&self, limiter: &Limiter) -> Option<Alarm> {
        if !self.may_be_cut {
            return None;
        }
        let claims = self.claims.iter().filter(|claim| limiter.spends_time_of(claim, cuts));
        let bound = |claim: &Claim| {
            let account = (claim.ask.book, claim.ask.key);
            Bound { account, quota: i64::try_from(claim.ask.quota).unwrap_or(i64::MAX) }
        };
        Alarm::new(&limiter.engine, claims.map(bound))
    }
}

impl Limiter {
    /// Whether a claim is charged the time that its request takes now, by such a rule that is not in shadow.
    fn spends_time_of(&self, claim: &Claim, is_such: impl Fn(&Rule) -> bool) -> bool {
        claim.run.is_on && claim.ask.is_timed() && !claim.ask.shadow && is_such(self.rule_at(claim.ask.rule))
    }
}

fn cuts(rule: &Rule) -> bool {
    rule.overrun == Overrun::Cut
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;
    use std::task::Wake;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock::ManualClock;
    use crate::limiter::{Admission, Decision, Holding, Limiter, Reservation, samples};
    use crate::model::{Computed, LimitSet, Overrun, Rule, Site, UnixMicros, parse_rates};
    use crate::store::memory::Memory;

    const SECOND: Micros = Micros::from_secs(1);

    /// A site whose requests have 60 s per hour between them, and not a moment more.
    struct Street {
        clock: Arc<ManualClock>,
        limiter: Arc<Limiter>,
    }

    /// A request, and how often it was woken.
    struct Walker {
        holding: Holding,
        alarm: Alarm,
        woken: Arc<Woken>,
    }

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    impl Street {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_699_999_200)));
            let engine = crate::limiter::Engine::new(Memory::default(), Arc::clone(&clock));
            let limits = parse_rates("60s per hour").unwrap();
            let of_plan = Computed::new(|facts| match facts.header("x-plan") {
                Some(b"gold") => Some(LimitSet::from(parse_rates("600s per hour").unwrap())),
                _ => None,
            });
            let rule = Rule {
                overrun: Overrun::Cut,
                limits_by: Some(of_plan),
                ..Rule::new("all", crate::model::Component::Site, limits)
            };
            let site = Site { rules: vec![rule], ..Site::unlimited("street") };
            Self { clock, limiter: Arc::new(Limiter::new(site, &engine)) }
        }

        /// One who begins, and waits for its end.
        fn walker(&self) -> Walker {
            self.walker_as(&samples::PLAIN)
        }

        /// One who may spend ten times as much on the same account.
        fn gold(&self) -> Walker {
            self.walker_as(&samples::Request { header: Some("gold"), ..samples::PLAIN })
        }

        fn walker_as(&self, request: &samples::Request) -> Walker {
            let mut holding = Holding::vacant();
            let decided = holding.admit(&self.limiter, request, &mut Untold::new()).unwrap();
            assert!(matches!(decided, Decision::Admitted));
            let alarm = holding.alarm(&self.limiter).expect("the rule cuts");
            let mut walker = Walker { holding, alarm, woken: Arc::default() };
            assert!(!self.is_cut(&mut walker));
            walker
        }

        fn is_cut(&self, walker: &mut Walker) -> bool {
            let Walker { holding, alarm, woken } = walker;
            let waker = Waker::from(Arc::clone(woken));
            alarm.hear_extra(holding.extra());
            alarm.poll(&mut Context::from_waker(&waker), || holding.cut_in(&self.limiter)).is_ready()
        }

        fn leaves(&self, mut walker: Walker) {
            walker.holding.settle(&self.limiter, &mut Untold::new());
        }

        fn pass(&self, secs: u64) {
            self.clock.advance(Duration::from_secs(secs));
        }

        fn spent(&self, walker: &mut Walker) -> bool {
            walker.holding.cut_in(&self.limiter) == Some(Micros::ZERO)
        }
    }

    impl Walker {
        fn was_woken(&self) -> bool {
            self.woken.0.swap(0, Relaxed) > 0
        }
    }

    #[test]
    fn time_that_passes_while_what_is_left_is_looked_at_makes_it_no_later() {
        let street = Street::new();
        let Walker { mut holding, mut alarm, woken } = street.walker();
        let _ = alarm.rest();
        let look = || {
            let left = holding.cut_in(&street.limiter);
            street.clock.advance(Duration::from_secs(60));
            left
        };
        let waker = Waker::from(woken);
        assert!(alarm.poll(&mut Context::from_waker(&waker), look).is_ready());
    }

    #[test]
    fn who_is_alone_is_woken_when_the_budget_is_spent_and_not_before() {
        let street = Street::new();
        let mut only = street.walker();
        street.pass(59);
        assert!(!only.was_woken());
        street.pass(1);
        assert!(only.was_woken() && street.is_cut(&mut only));
    }

    #[test]
    fn who_begins_later_wakes_all_when_the_steeper_line_meets_the_quota() {
        let street = Street::new();
        let mut all: Vec<_> = (0..5).map(|_| street.walker()).collect();
        street.pass(12);
        let last = all.iter_mut().rev().find(|walker| walker.was_woken()).expect("the last has the timer");
        assert!(street.is_cut(last));
        for walker in &mut all[..4] {
            assert!(walker.was_woken() && street.spent(walker));
        }
    }

    /// Its timer was the only one that was early enough, and went with it.
    #[test]
    fn who_ends_leaves_its_timer_to_another() {
        let street = Street::new();
        let (mut first, second) = (street.walker(), street.walker());
        street.pass(20);
        street.leaves(second);
        assert!(first.was_woken() && !street.is_cut(&mut first));
        street.pass(19);
        assert!(!first.was_woken());
        street.pass(1);
        assert!(first.was_woken() && street.is_cut(&mut first), "40 s and 20 s are 60 s");
    }

    #[test]
    fn who_stops_does_as_well_and_begins_again_with_a_timer_of_its_own() {
        let street = Street::new();
        let (mut first, mut second) = (street.walker(), street.walker());
        street.pass(10);
        second.holding.pause(&street.limiter);
        let _ = second.alarm.rest();
        assert!(first.was_woken() && !street.is_cut(&mut first));
        street.pass(20);
        second.holding.resume(&street.limiter);
        assert!(!street.is_cut(&mut second));
        street.pass(10);
        assert!(second.was_woken() && street.is_cut(&mut second));
        assert!(first.was_woken() && street.is_cut(&mut first));
    }

    #[test]
    fn a_window_that_ends_gives_what_runs_a_budget_again() {
        let street = Street::new();
        street.pass(3_590);
        let mut only = street.walker();
        assert_eq!(only.holding.cut_in(&street.limiter), Some(Micros(70 * SECOND.0)));
        street.pass(60);
        assert!(!street.spent(&mut only));
        street.pass(10);
        assert!(only.was_woken() && street.is_cut(&mut only));
    }

    /// A way in by which what begins has no timer of its own.
    type WayIn = fn(&Arc<Limiter>, &mut Walker) -> Reservation;

    fn admitted(limiter: &Arc<Limiter>, request: &samples::Request) -> Reservation {
        match limiter.admit(request).unwrap() {
            Admission::Admitted(reservation) => reservation,
            other => panic!("{other:?}"),
        }
    }

    const WITHOUT_A_TIMER: [(&str, WayIn); 4] = [
        ("a request that somebody else serves", |limiter, _| admitted(limiter, &samples::PLAIN)),
        ("a preflight", |limiter, _| {
            admitted(limiter, &samples::Request { preflight: true, ..samples::PLAIN })
        }),
        ("a block", |limiter, _| limiter.charge("all", ()).now_or_never().unwrap().unwrap()),
        ("detached work", |limiter, first| Reservation::detached(limiter, first.holding.detached())),
    ];

    /// A block, and a request of `Limiter::admit`, told nobody: 2.0 of a budget were spent.
    #[test]
    fn what_has_no_timer_has_another_set_its_own_anew_however_it_has_come_in() {
        for (way, enters) in WITHOUT_A_TIMER {
            let street = Street::new();
            let mut first = street.walker();
            street.pass(10);
            let second = enters(&street.limiter, &mut first);
            assert_eq!(first.woken.0.swap(0, Relaxed), 1, "{way}");
            assert!(!street.is_cut(&mut first), "{way}");
            street.pass(25);
            assert!(first.was_woken() && street.is_cut(&mut first), "{way}: 35 s and 25 s are 60 s");
            drop(second);
        }
    }

    #[test]
    fn what_has_no_timer_and_runs_again_does_as_well() {
        for (way, enters) in WITHOUT_A_TIMER {
            let street = Street::new();
            let mut first = street.walker();
            let mut second = enters(&street.limiter, &mut first);
            second.pause();
            street.pass(20);
            assert!(!street.is_cut(&mut first));
            first.was_woken();
            second.resume();
            assert!(first.was_woken() && !street.is_cut(&mut first), "{way}");
            street.pass(20);
            assert!(first.was_woken() && street.is_cut(&mut first), "{way}: 40 s and 20 s are 60 s");
        }
    }

    /// What may not be cut told nobody when the middleware let it run again, such as a preflight that its handler had paused.
    #[test]
    fn what_may_not_be_cut_and_runs_again_does_as_well() {
        let street = Street::new();
        let mut preflight = Holding::vacant();
        let request = samples::Request { preflight: true, ..samples::PLAIN };
        assert!(matches!(
            preflight.admit(&street.limiter, &request, &mut Untold::new()),
            Ok(Decision::Admitted)
        ));
        preflight.pause(&street.limiter);
        let mut first = street.walker();
        street.pass(40);
        preflight.resume(&street.limiter);
        assert!(first.was_woken() && !street.is_cut(&mut first));
        street.pass(10);
        assert!(first.was_woken() && street.is_cut(&mut first), "50 s and 10 s are 60 s");
        preflight.settle(&street.limiter, &mut Untold::new());
    }

    /// Those who may spend more had timers by their own quota: nine of them began, and who was to be cut first ran 45 s too long.
    #[test]
    fn who_may_spend_less_than_others_of_its_account_is_cut_when_that_is_spent() {
        let street = Street::new();
        let mut free = street.walker();
        let mut gold: Vec<_> = (0..9).map(|_| street.gold()).collect();
        assert!(free.was_woken() && !street.is_cut(&mut free));
        street.pass(6);
        assert!(free.was_woken() && street.is_cut(&mut free));
        street.leaves(free);
        for one in &mut gold {
            one.was_woken();
            assert!(!street.is_cut(one));
        }
        street.pass(60);
        assert!(gold.iter_mut().all(|one| one.was_woken() && street.is_cut(one)), "9 times 60 s are 540 s");
    }

    /// What it is to be charged on top is as good as a smaller quota.
    #[test]
    fn who_is_to_be_charged_more_is_cut_the_earlier_whoever_begins_beside_it() {
        let street = Street::new();
        let (mut other, mut charged) = (street.walker(), street.walker());
        charged.holding.charge(Micros::from_secs(30));
        assert!(!street.is_cut(&mut charged) && !street.is_cut(&mut other));
        let _last = street.walker();
        assert!(charged.was_woken() && !street.is_cut(&mut charged));
        street.pass(10);
        assert!(charged.was_woken() && street.is_cut(&mut charged), "thrice 10 s and 30 s are 60 s");
    }

    /// Who was to look anew ended instead, and nobody else had an early timer.
    #[test]
    fn who_is_told_and_ends_has_another_told() {
        let street = Street::new();
        let mut others: Vec<_> = (0..4).map(|_| street.walker()).collect();
        let _gold: Vec<_> = (0..6).map(|_| street.gold()).collect();
        for _ in 0..3 {
            let first = others.remove(0);
            street.leaves(first);
        }
        let mut last = others.remove(0);
        assert!(last.was_woken() && !street.is_cut(&mut last));
        street.pass(9);
        assert!(last.was_woken() && street.is_cut(&mut last));
    }

    #[test]
    fn who_is_charged_more_than_it_has_run_does_as_well() {
        let street = Street::new();
        let (mut first, mut second) = (street.walker(), street.walker());
        first.holding.charge(Micros::from_secs(30));
        street.leaves(first);
        assert!(second.was_woken() && !street.is_cut(&mut second));
        street.pass(30);
        assert!(second.was_woken() && street.is_cut(&mut second));
    }

    /// It was never polled a second time, so it had no timer to leave to anybody: of 5 ms each, a thousand were unknown to the first.
    #[test]
    fn who_ends_without_ever_having_waited_does_as_well() {
        let street = Street::new();
        let mut first = street.walker();
        for _ in 0..2 {
            let mut holding = Holding::vacant();
            assert!(matches!(
                holding.admit(&street.limiter, &samples::PLAIN, &mut Untold::new()),
                Ok(Decision::Admitted)
            ));
            let alarm = holding.alarm(&street.limiter);
            street.pass(10);
            holding.settle(&street.limiter, &mut Untold::new());
            drop(alarm);
            assert!(first.was_woken() && !street.is_cut(&mut first));
        }
        street.pass(20);
        assert!(first.was_woken() && street.is_cut(&mut first), "40 s and twice 10 s are 60 s");
    }

    #[test]
    fn nobody_is_kept_who_has_ended() {
        let street = Street::new();
        let all: Vec<_> = (0..3).map(|_| street.walker()).collect();
        assert_eq!(street.limiter.engine.alarms.accounts(), 1);
        all.into_iter().for_each(|walker| street.leaves(walker));
        assert_eq!(street.limiter.engine.alarms.accounts(), 0);
    }
}
