//! A world: a clock that stands, and an engine whose store tells what it does.

use std::sync::Arc;
use std::time::Duration;

use timebudget::RuleBuilder;
use timebudget::store::Standing;
use timebudget::{
    Clock as _, Component, Engine, ManualClock, Rule, Site, TimeBudget, UnixMicros, config, parse_rates,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::soon;
use super::spy::{Event, Spy};

/// 2023-11-14, 22:00:00 UTC: the beginning of an hour.
const TEN_O_CLOCK: UnixMicros = UnixMicros::from_secs(1_699_999_200);

pub(crate) struct World {
    clock: Arc<ManualClock>,
    engine: Engine,
    spy: Spy,
    events: UnboundedReceiver<Event>,
}

impl World {
    /// It is ten o'clock, and nothing has been spent.
    pub(crate) fn new() -> Self {
        Self::by(Arc::new(ManualClock::at(TEN_O_CLOCK)))
    }

    /// Other accounts, by the same clock.
    pub(crate) fn beside(other: &Self) -> Self {
        Self::by(Arc::clone(&other.clock))
    }

    fn by(clock: Arc<ManualClock>) -> Self {
        let (sender, events) = unbounded_channel();
        let spy = Spy::new(sender);
        let engine = Engine::new(spy.clone(), Arc::clone(&clock));
        Self { clock, engine, spy, events }
    }

    /// A budget that all clients share.
    pub(crate) fn budget(&self, rates: &str) -> TimeBudget {
        self.keyed(Component::Site, rates)
    }

    /// A budget for each client.
    pub(crate) fn budget_per_ip(&self, rates: &str) -> TimeBudget {
        self.keyed(Component::Ip, rates)
    }

    /// The budget that a site file describes.
    pub(crate) fn budget_of(&self, site_file: &str) -> TimeBudget {
        TimeBudget::of_site(site("test", site_file), self.engine())
    }

    /// The budget of a rule that code describes.
    #[track_caller]
    pub(crate) fn build(&self, rule: RuleBuilder) -> TimeBudget {
        rule.engine(&self.engine).build().expect("a rule")
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    pub(crate) fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Where the first account of the last decision stands.
    pub(crate) fn account(&self) -> Standing {
        self.accounts()[0]
    }

    /// Where all accounts of the last decision stand.
    pub(crate) fn accounts(&self) -> Vec<Standing> {
        self.spy.standings(self.clock.now())
    }

    /// What that account has spent.
    pub(crate) fn spent(&self) -> u64 {
        self.account().spent
    }

    /// Fails unless everything is settled and costs `cost` in all.
    #[track_caller]
    pub(crate) fn assert_settled_at(&self, cost: u64) {
        let Standing { spent, hold, admitted, .. } = self.account();
        assert_eq!((spent, hold, admitted), (cost, 0, 0), "spent, held and admitted");
        self.advance(Duration::from_secs(60));
        assert_eq!(self.spent(), cost, "and it stays so");
    }

    /// Has the next account that is seen to be spent reset in the moment after.
    pub(crate) fn reset_what_is_spent(&self) {
        self.spy.reset_what_is_spent();
    }

    /// Waits until the store has been asked that.
    pub(crate) async fn saw(&mut self, event: Event) {
        let asked = async { while self.events.recv().await.expect("the store lives") != event {} };
        soon(asked).await;
    }

    /// Waits until so many requests have been decided; returns how many of them were admitted.
    pub(crate) async fn decisions(&mut self, count: usize) -> usize {
        let mut admitted = 0;
        let mut decided = 0;
        while decided < count {
            let event = soon(self.events.recv()).await.expect("the store lives");
            admitted += usize::from(event == Event::Admitted);
            decided += usize::from(matches!(event, Event::Admitted | Event::Refused));
        }
        admitted
    }

    /// Waits until the store is asked nothing any more: the server waits for the network.
    pub(crate) async fn is_quiet(&mut self) {
        while timeout(Duration::from_millis(300), self.events.recv()).await.is_ok() {}
    }

    /// How often the store has been asked that since it was last told of.
    pub(crate) fn count(&mut self, event: Event) -> usize {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        events.filter(|seen| *seen == event).count()
    }

    fn keyed(&self, component: Component, rates: &str) -> TimeBudget {
        let rule = Rule::new("budget", component, parse_rates(rates).expect("a rate string"));
        let site = Site { rules: vec![rule], ..Site::unlimited("test") };
        TimeBudget::of_site(site, self.engine())
    }
}

pub(crate) fn site(name: &str, site_file: &str) -> Site {
    config::parse_site(name, site_file).expect("a site file").0
}
