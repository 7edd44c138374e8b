//! The limiters that the table compares, each on one account.

use timebudget::model::expectation::Expectation;
use timebudget::model::units::Micros;

/// How long a model asks to wait if the budget is not spent; what it spends hardly depends on it.
const ROOM_SOON: u64 = 10_000_000;

/// A limiter on one account; times are microseconds on the virtual clock.
pub(crate) trait Model: Clone {
    /// A request like those to come has ended before the run.
    fn seen_before(&mut self, _cost: u64) {}
    /// A window begins.
    fn window(&mut self, start: u64, end: u64, quota: u64);
    /// Admits, or says after how many microseconds to ask again.
    fn admit(&mut self, now: u64) -> Result<Ticket, u64>;
    /// An admitted request has ended.
    fn finish(&mut self, now: u64, ticket: Ticket);
}

/// What a model wants to know again when the request ends.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    start: u64,
    expected: u64,
}

/// The usual way: a request is charged when it has ended.
#[derive(Clone, Default)]
pub(crate) struct ChargingAtTheEnd {
    spent: u64,
    quota: u64,
    end: u64,
}

impl Model for ChargingAtTheEnd {
    fn window(&mut self, _start: u64, end: u64, quota: u64) {
        *self = Self { spent: 0, quota, end };
    }

    fn admit(&mut self, now: u64) -> Result<Ticket, u64> {
        let ticket = Ticket { start: now, expected: 0 };
        if self.spent < self.quota { Ok(ticket) } else { Err(self.end - now) }
    }

    fn finish(&mut self, now: u64, ticket: Ticket) {
        self.spent += now - ticket.start;
    }
}

/// Admits only what could not overspend, except that somebody is served while nothing runs and budget is left.
#[derive(Clone, Default)]
pub(crate) struct MostCautious(Timebudget);

impl Model for MostCautious {
    fn window(&mut self, start: u64, end: u64, quota: u64) {
        self.0.window(start, end, quota);
    }

    fn admit(&mut self, now: u64) -> Result<Ticket, u64> {
        let hold = self.0.running * (self.0.end - now) as i64;
        self.0.decide(now, hold, 0)
    }

    fn finish(&mut self, now: u64, ticket: Ticket) {
        self.0.finish(now, ticket);
    }
}

/// Stands in for the limiter until it can be driven by a virtual clock: the same two lines, b + n·t and h + n·t.
#[derive(Clone, Default)]
pub(crate) struct Timebudget {
    learned: u64,
    base: i64,
    hold: i64,
    running: i64,
    start: u64,
    end: u64,
    quota: u64,
}

impl Timebudget {
    fn decide(&mut self, now: u64, hold: i64, expected: u64) -> Result<Ticket, u64> {
        let t = (now - self.start) as i64;
        let spent = self.base + self.running * t;
        if spent + hold >= self.quota as i64 {
            let reset = self.end - now;
            return Err(if spent < self.quota as i64 { reset.min(ROOM_SOON) } else { reset });
        }
        self.base -= t;
        self.hold += expected as i64 - t;
        self.running += 1;
        Ok(Ticket { start: now, expected })
    }
}

impl Model for Timebudget {
    fn seen_before(&mut self, cost: u64) {
        let mut expectation = Expectation::from_bits(self.learned);
        expectation.record(Micros(cost));
        self.learned = expectation.to_bits();
    }

    fn window(&mut self, start: u64, end: u64, quota: u64) {
        self.hold += self.running * (start - self.start) as i64;
        (self.base, self.start, self.end, self.quota) = (0, start, end, quota);
    }

    fn admit(&mut self, now: u64) -> Result<Ticket, u64> {
        let line = self.hold + self.running * (now - self.start) as i64;
        let hold = line.min(self.running * (self.end - now) as i64);
        let expected = Expectation::from_bits(self.learned).expected().0;
        self.decide(now, hold, expected)
    }

    fn finish(&mut self, now: u64, ticket: Ticket) {
        let t = (now - self.start) as i64;
        let cost = now - ticket.start;
        self.base += t;
        self.hold += t - (ticket.expected + cost) as i64;
        self.running -= 1;
        self.seen_before(cost);
    }
}
