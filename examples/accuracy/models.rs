//! The limiters that the table compares, each on one account.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use timebudget::store::memory::Memory;
use timebudget::{
    Admission, Clock as _, Engine, Limit, Limiter, ManualClock, Micros, Period, Reservation, Site, UnixMicros,
};
use timebudget::{Component, Facts, Overrun, Rule};

/// A limiter on one account; times are microseconds on the virtual clock of a run.
pub(crate) trait Model: Clone {
    /// What a model wants to know again when a request ends.
    type Ticket;
    /// A request like those to come has ended before the run.
    fn seen_before(&mut self, _cost: u64) {}
    /// A window begins.
    fn window(&mut self, start: u64, end: u64, quota: u64);
    /// Admits, or says after how many microseconds to ask again.
    fn admit(&mut self, now: u64) -> Result<Self::Ticket, u64>;
    /// An admitted request begins to wait for its client.
    fn pause(&mut self, now: u64, ticket: &mut Self::Ticket);
    /// It runs again.
    fn resume(&mut self, now: u64, ticket: &mut Self::Ticket);
    /// After how many microseconds a request that runs is cut, at the present pace, if it is ever.
    fn cut_in(&mut self, _now: u64, _ticket: &mut Self::Ticket) -> Option<u64> {
        None
    }
    /// An admitted request has ended, waiting or not.
    fn finish(&mut self, now: u64, ticket: Self::Ticket);
}

/// The usual way: a request is charged when it has ended.
#[derive(Clone, Default)]
pub(crate) struct ChargingAtTheEnd {
    spent: u64,
    quota: u64,
    end: u64,
}

impl Model for ChargingAtTheEnd {
    /// How long the request has run.
    type Ticket = Stopwatch;

    fn window(&mut self, _start: u64, end: u64, quota: u64) {
        *self = Self { spent: 0, quota, end };
    }

    fn admit(&mut self, now: u64) -> Result<Stopwatch, u64> {
        if self.spent < self.quota { Ok(Stopwatch { ran: 0, since: Some(now) }) } else { Err(self.end - now) }
    }

    fn pause(&mut self, now: u64, ticket: &mut Stopwatch) {
        *ticket = Stopwatch { ran: ticket.read(now), since: None };
    }

    fn resume(&mut self, now: u64, ticket: &mut Stopwatch) {
        ticket.since = Some(now);
    }

    fn finish(&mut self, now: u64, ticket: Stopwatch) {
        self.spent += ticket.read(now);
    }
}

/// How long a request has run, and since when it runs.
pub(crate) struct Stopwatch {
    ran: u64,
    since: Option<u64>,
}

impl Stopwatch {
    fn read(&self, now: u64) -> u64 {
        self.ran + self.since.map_or(0, |since| now - since)
    }
}

/// Admits only what could not overspend, except that somebody is served while nothing runs and budget is left.
#[derive(Clone, Default)]
pub(crate) struct MostCautious {
    base: i64,
    running: i64,
    end: i64,
    quota: i64,
}

impl Model for MostCautious {
    /// Whether the request runs.
    type Ticket = bool;

    fn window(&mut self, start: u64, end: u64, quota: u64) {
        *self = Self {
            base: -self.running * start as i64,
            running: self.running,
            end: end as i64,
            quota: quota as i64,
        };
    }

    fn admit(&mut self, now: u64) -> Result<bool, u64> {
        let now = now as i64;
        // At the window's end, if all that runs ran on.
        let worst = self.base + self.running * self.end;
        if worst >= self.quota {
            let spent = self.base + self.running * now;
            let wait = if spent < self.quota { ROOM_SOON } else { i64::MAX };
            return Err(wait.min(self.end - now) as u64);
        }
        self.base -= now;
        self.running += 1;
        Ok(true)
    }

    fn pause(&mut self, now: u64, runs: &mut bool) {
        self.base += now as i64;
        self.running -= 1;
        *runs = false;
    }

    fn resume(&mut self, now: u64, runs: &mut bool) {
        self.base -= now as i64;
        self.running += 1;
        *runs = true;
    }

    fn finish(&mut self, now: u64, mut runs: bool) {
        if runs {
            self.pause(now, &mut runs);
        }
    }
}

/// How long the most cautious model asks to wait if the budget is not spent: 10 s.
const ROOM_SOON: i64 = 10_000_000;

/// The limiter itself, on a clock that the run moves.
#[derive(Clone)]
pub(crate) struct Timebudget {
    engine: Engine,
    clock: Arc<ManualClock>,
    overrun: Overrun,
    seen_before: Vec<u64>,
    /// The run's limiter, and the tick at which the run begins.
    run: Option<(Arc<Limiter>, u64)>,
}

/// Counts runs, since each has a site and so an account of its own.
static RUNS: AtomicUsize = AtomicUsize::new(0);

impl Timebudget {
    /// One whose rule does this with what runs when its budget is spent.
    pub(crate) fn new(overrun: Overrun) -> Self {
        let clock = Arc::new(ManualClock::at(UnixMicros::from_secs(1_700_002_800)));
        let engine = Engine::new(Memory::default(), Arc::clone(&clock));
        Self { engine, clock, overrun, seen_before: Vec::new(), run: None }
    }

    /// Opens the account in the window before the run, where the requests that are known have ended.
    fn begin(&self, period: u64, quota: u64) -> (Arc<Limiter>, u64) {
        let site =
            site(self.overrun, Micros(quota), u32::try_from(period / 1_000_000).expect("periods are short"));
        let limiter = Arc::new(Limiter::new(site, &self.engine));
        let mut tick = self.tick();
        for cost in &self.seen_before {
            let known = admit(&limiter).expect("the window before the run is spent by what is known");
            tick += cost;
            self.move_to(tick);
            drop(known);
            tick = tick.next_multiple_of(period);
            self.move_to(tick);
        }
        (limiter, tick.next_multiple_of(3_600_000_000))
    }

    /// The run's limiter, with the clock moved to `now` of the run.
    fn at(&self, now: u64) -> &Arc<Limiter> {
        let (limiter, origin) = self.run.as_ref().expect("a window has begun");
        self.move_to(origin + now);
        limiter
    }

    fn move_to(&self, tick: u64) {
        self.clock.advance(Duration::from_micros(tick.saturating_sub(self.tick())));
    }

    fn tick(&self) -> u64 {
        self.clock.tick().0.unsigned_abs()
    }
}

impl Model for Timebudget {
    type Ticket = Reservation;

    fn seen_before(&mut self, cost: u64) {
        self.seen_before.push(cost);
    }

    fn window(&mut self, start: u64, end: u64, quota: u64) {
        if self.run.is_none() {
            self.run = Some(self.begin(end - start, quota));
        }
    }

    fn admit(&mut self, now: u64) -> Result<Reservation, u64> {
        admit(self.at(now))
    }

    fn pause(&mut self, now: u64, ticket: &mut Reservation) {
        self.at(now);
        ticket.pause();
    }

    fn resume(&mut self, now: u64, ticket: &mut Reservation) {
        self.at(now);
        ticket.resume();
    }

    fn cut_in(&mut self, now: u64, ticket: &mut Reservation) -> Option<u64> {
        self.at(now);
        ticket.cut_in().map(|span| span.0)
    }

    fn finish(&mut self, now: u64, ticket: Reservation) {
        self.at(now);
        drop(ticket);
    }
}

fn admit(limiter: &Arc<Limiter>) -> Result<Reservation, u64> {
    match limiter.admit(&AnyRequest).expect("the memory store never fails") {
        Admission::Admitted(reservation) => Ok(reservation),
        Admission::Refused(refusal) => Err(refusal.retry_after_secs * 1_000_000),
        Admission::Exempt | Admission::Pending(_) => unreachable!("memory decides at once"),
    }
}

fn site(overrun: Overrun, quota: Micros, period_secs: u32) -> Site {
    let period = Period::seconds(period_secs).expect("a period is not 0");
    let limits = vec![Limit::Time { quota, period }];
    let rule = Rule { overrun, ..Rule::new("budget", Component::Site, limits) };
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    Site { rules: vec![rule], ..Site::unlimited(format!("run {run}")) }
}

struct AnyRequest;

impl Facts for AnyRequest {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        "/"
    }

    fn ip(&self) -> Option<std::net::IpAddr> {
        None
    }
}
