//! One run: the clients' requests on a virtual clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::loads::{Load, SECOND, Stall, WINDOWS};
use crate::models::Model;
use crate::random::Random;

const OUTLIER: u64 = 600 * SECOND;
/// The outlier's place among the requests served.
const OUTLIER_AT: usize = 10;
const STALL: u64 = 30 * SECOND;

/// One run: the clients' requests on a virtual clock.
pub(crate) struct Run<'a, M: Model> {
    load: &'a Load,
    model: M,
    random: Random,
    served: usize,
    begun: u64,
    spent: [u64; WINDOWS],
    serving: Vec<Option<Served<M::Ticket>>>,
    /// When each client goes on.
    goes_on: Vec<u64>,
}

/// A request that is served.
struct Served<T> {
    ticket: T,
    runs: bool,
    /// The stages before it ends, the next one last: whether it runs in it, and for how long.
    stages: Vec<(bool, u64)>,
}

impl<'a, M: Model> Run<'a, M> {
    pub(crate) fn new(load: &'a Load, mut model: M, seed: u64) -> Self {
        let mut random = Random(seed);
        for _ in 0..load.seen_before {
            model.seen_before(load.durations.draw(&mut random));
        }
        let serving = (0..load.clients).map(|_| None).collect();
        let (served, begun, spent) = (0, 0, [0; WINDOWS]);
        let goes_on = vec![0; load.clients];
        Self { load, model, random, served, begun, spent, serving, goes_on }
    }

    /// What the measured windows have spent when they end.
    pub(crate) fn spends(mut self) -> Vec<u64> {
        let mut wakes: BinaryHeap<_> = (0..self.load.clients).map(|c| Reverse((0, c))).collect();
        let mut cut = None;
        while let Some(Reverse((now, client))) = wakes.pop() {
            if let Some(at) = cut.filter(|at| *at <= now) {
                wakes.push(Reverse((now, client)));
                wakes.extend(self.cut(at).map(|client| Reverse((at, client))));
                cut = None;
                continue;
            }
            if now < self.load.period * WINDOWS as u64 && self.goes_on[client] == now {
                let next = self.wake(now, client);
                self.goes_on[client] = next.unwrap_or(u64::MAX);
                wakes.extend(next.map(|next| Reverse((next, client))));
                cut = self.cut_at(now);
            }
        }
        self.spent[self.load.measured.clone()].to_vec()
    }

    /// When what runs is cut, as the line is now: it is the same for all who run.
    fn cut_at(&mut self, now: u64) -> Option<u64> {
        let mut served = self.serving.iter_mut().flatten();
        let runs = served.find(|served| served.runs)?;
        Some(now + self.model.cut_in(now, &mut runs.ticket)?)
    }

    /// Ends all that run; each of their clients asks again at once.
    fn cut(&mut self, now: u64) -> impl Iterator<Item = usize> {
        let mut cut = Vec::new();
        self.begin_windows(now);
        for client in 0..self.serving.len() {
            if let Some(served) = self.serving[client].take_if(|served| served.runs) {
                self.model.finish(now, served.ticket);
                self.uncharge(now, self.goes_on[client]);
                self.goes_on[client] = now;
                cut.push(client);
            }
        }
        cut.into_iter()
    }

    /// Goes on with the client's request or sends the next, and returns when to wake the client again.
    fn wake(&mut self, now: u64, client: usize) -> Option<u64> {
        self.begin_windows(now);
        if let Some(served) = self.serving[client].take() {
            match self.go_on(now, served, client) {
                None if !self.load.again => return None,
                None => {}
                next => return next,
            }
        }
        match self.model.admit(now) {
            Ok(ticket) => {
                let stages = self.stages(client);
                self.go_on(now, Served { ticket, runs: true, stages }, client)
            }
            Err(wait) => self.load.again.then_some(now + wait.max(1)),
        }
    }

    /// Begins a request's next stage and returns its end; without one, ends the request.
    fn go_on(&mut self, now: u64, mut served: Served<M::Ticket>, client: usize) -> Option<u64> {
        let Some((runs, length)) = served.stages.pop() else {
            self.model.finish(now, served.ticket);
            return None;
        };
        match (served.runs, runs) {
            (true, false) => self.model.pause(now, &mut served.ticket),
            (false, true) => self.model.resume(now, &mut served.ticket),
            _ => {}
        }
        if runs && self.model.cut_in(now, &mut served.ticket) == Some(0) {
            // It has waited for its client, and comes back to a budget that is spent.
            self.model.finish(now, served.ticket);
            return None;
        }
        if runs {
            self.charge(now, now + length);
        }
        self.serving[client] = Some(Served { runs, ..served });
        Some(now + length)
    }

    fn begin_windows(&mut self, now: u64) {
        let Load { period, quota, .. } = *self.load;
        while self.begun * period <= now {
            let start = self.begun * period;
            self.model.window(start, start + period, quota);
            self.begun += 1;
        }
    }

    /// The stages of one more request, the first one last.
    fn stages(&mut self, client: usize) -> Vec<(bool, u64)> {
        self.served += 1;
        let drawn = self.load.durations.draw(&mut self.random);
        let outlier = self.load.outlier && self.served == OUTLIER_AT;
        let run = (true, if outlier { OUTLIER } else { drawn });
        match self.load.stall {
            Stall::Bodies if client % 2 == 1 => vec![run, (false, STALL)],
            Stall::Answers if client % 2 == 1 => vec![(false, STALL), run],
            _ => vec![run],
        }
    }

    /// Adds to each window the time that a request spends in it.
    fn charge(&mut self, start: u64, end: u64) {
        for (spent, inside) in self.spent.iter_mut().zip(shares(self.load.period, start, end)) {
            *spent += inside;
        }
    }

    /// Takes off again what a request does not spend.
    fn uncharge(&mut self, start: u64, end: u64) {
        for (spent, inside) in self.spent.iter_mut().zip(shares(self.load.period, start, end)) {
            *spent -= inside;
        }
    }
}

/// How much of a stretch of time lies in each window.
fn shares(period: u64, start: u64, end: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |window| end.min((window + 1) * period).saturating_sub(start.max(window * period)))
}
