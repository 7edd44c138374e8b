//! A store that keeps everything: every request with the intervals in which it ran.

use timebudget::store::{Charge, Claim, Counts, Verdict};
use timebudget::{Now, Period, Window, Zone};

/// What an account of the naive store has spent, what its running requests hold, what its waiting ones are expected to
/// cost, and how many it has admitted.
pub(crate) type Sum = (u64, u64, u64, u32);

/// One book's windows, cut as the calendar promises: by the wall clock, and for their length by the even clock.
#[derive(Clone, Copy, Debug)]
struct Windows {
    period: Option<Period>,
    start: i64,
    edge: i64,
    edge_utc: i64,
    sequence: u32,
}

/// An amount that was charged at once.
#[derive(Debug)]
struct Amount {
    account: (usize, Claim),
    sequence: u32,
    amount: i64,
}

#[derive(Debug)]
struct Request {
    charged: Vec<(usize, Claim, u32)>,
    intervals: Vec<(i64, Option<i64>)>,
    settled: bool,
}

/// The naive store: claims come with the number of their book.
#[derive(Debug)]
pub(crate) struct Naive {
    windows: Vec<Windows>,
    requests: Vec<Request>,
    amounts: Vec<Amount>,
}

impl Naive {
    pub(crate) fn new(periods: &[Option<Period>]) -> Self {
        let unseen =
            |&period| Windows { period, start: i64::MIN, edge: i64::MIN, edge_utc: i64::MIN, sequence: 0 };
        Self { windows: periods.iter().map(unseen).collect(), requests: Vec::new(), amounts: Vec::new() }
    }

    /// Must be told of every moment at which something can happen.
    pub(crate) fn observe(&mut self, now: Now) {
        for windows in &mut self.windows {
            windows.observe(now);
        }
    }

    pub(crate) fn sum(&self, book: usize, claim: &Claim, now: Now) -> Sum {
        let windows = self.windows[book];
        let mine = |other: &(usize, Claim)| other.0 == book && other.1.ask.key == claim.ask.key;
        let once = self.amounts.iter().filter(|a| mine(&a.account) && a.sequence == windows.sequence);
        let mut spent: i64 = once.map(|a| a.amount).sum();
        let (mut hold, mut waiting, mut running, mut admitted) = (0, 0, 0, 0);
        for request in &self.requests {
            let Some((_, own, _)) = request.charged.iter().find(|c| mine(&(c.0, c.1))) else { continue };
            match own.ask.charge {
                Charge::Time { expected } => {
                    spent += request.ran(windows.start, now);
                    let part = expected.0 + request.ran(i64::MIN, now) as u64;
                    match (request.settled, request.runs()) {
                        (true, _) => {}
                        (false, true) => (hold, running) = (hold + part, running + 1),
                        (false, false) => waiting += part,
                    }
                    admitted += u32::from(!request.settled);
                }
                Charge::Place => admitted += u32::from(!request.settled),
                Charge::Requests { .. } => {}
            }
        }
        if claim.ask.charge == Charge::Place {
            spent = i64::from(admitted);
        }
        let left = (windows.edge_utc - now.utc.0).max(0) as u64;
        (spent as u64, hold.min(left.saturating_mul(running)), waiting, admitted)
    }

    /// Decides over claims of rules with one claim each; returns the request's number.
    pub(crate) fn admit(&mut self, claims: &[(usize, Claim)], now: Now) -> (Verdict, usize) {
        let fits: Vec<_> = claims.iter().map(|(book, claim)| self.fits(*book, claim, now)).collect();
        let refused = claims.iter().zip(&fits).any(|((_, claim), fits)| !fits && !claim.ask.shadow);
        let mut charged = Vec::new();
        for ((book, claim), _) in claims.iter().zip(fits).filter(|(_, fits)| *fits) {
            let sequence = self.windows[*book].sequence;
            if let Charge::Requests { cost } = claim.ask.charge
                && (!refused || claim.ask.counts == Counts::All)
            {
                self.amounts.push(Amount { account: (*book, *claim), sequence, amount: cost as i64 });
            }
            charged.push((*book, *claim, sequence));
        }
        if refused {
            return (Verdict::Refused, 0);
        }
        self.requests.push(Request { charged, intervals: vec![(now.tick.0, None)], settled: false });
        (Verdict::Admitted, self.requests.len() - 1)
    }

    pub(crate) fn cost(&self, request: usize, now: Now) -> u64 {
        self.requests[request].ran(i64::MIN, now) as u64
    }

    pub(crate) fn pause(&mut self, request: usize, now: Now) {
        if let Some((_, end @ None)) = self.requests[request].intervals.last_mut() {
            *end = Some(now.tick.0);
        }
    }

    pub(crate) fn resume(&mut self, request: usize, now: Now) {
        self.requests[request].intervals.push((now.tick.0, None));
    }

    /// Ends a request with so much time and so many requests on top.
    pub(crate) fn settle(&mut self, request: usize, on_top: (i64, u64), returned: bool, now: Now) {
        self.pause(request, now);
        let ended = &mut self.requests[request];
        ended.settled = true;
        for &(book, claim, charged_in) in &ended.charged {
            let sequence = self.windows[book].sequence;
            let amount = match claim.ask.charge {
                Charge::Time { .. } if on_top.0 < 0 => {
                    -on_top.0.abs().min(ended.ran(self.windows[book].start, now))
                }
                Charge::Time { .. } => on_top.0,
                Charge::Requests { cost } if returned && sequence == charged_in => {
                    on_top.1 as i64 - cost as i64
                }
                Charge::Requests { .. } => on_top.1 as i64,
                Charge::Place => 0,
            };
            self.amounts.push(Amount { account: (book, claim), sequence, amount });
        }
    }

    fn fits(&self, book: usize, claim: &Claim, now: Now) -> bool {
        let (spent, hold, waiting, _) = self.sum(book, claim, now);
        match claim.ask.charge {
            Charge::Time { .. } => {
                let most = (claim.ask.quota / 10).min(claim.ask.quota.saturating_sub(spent) / 2);
                spent + hold + waiting.min(hold + most) < claim.ask.quota
            }
            Charge::Requests { cost } => spent + cost.max(1) <= claim.ask.quota,
            Charge::Place => spent < claim.ask.quota,
        }
    }
}

impl Windows {
    fn observe(&mut self, now: Now) {
        let Some(period) = self.period else {
            self.edge_utc = i64::MAX;
            return;
        };
        if now.utc.0 < self.edge_utc {
            return;
        }
        let window = Window::containing(&Zone::utc(), period, now.wall());
        let since_start = now.wall().0 - window.start.0;
        self.start = (now.tick.0 - since_start).max(self.edge);
        let left = window.end.0 - now.wall().0;
        (self.edge, self.edge_utc) = (now.tick.0 + left, now.utc.0 + left);
        self.sequence += 1;
    }
}

impl Request {
    fn runs(&self) -> bool {
        matches!(self.intervals.last(), Some((_, None)))
    }

    /// How long it has run since a tick.
    fn ran(&self, since: i64, now: Now) -> i64 {
        let piece =
            |&(start, end): &(i64, Option<i64>)| (end.unwrap_or(now.tick.0) - start.max(since)).max(0);
        self.intervals.iter().map(piece).sum()
    }
}
