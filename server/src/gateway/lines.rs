//! A worker's connections to one address: those that are idle, and how many are busy.

use std::cell::{Cell, RefCell};
use std::iter;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use timebudget::Upstream;
use tokio::time::Instant;

use crate::gateway::connect::connect;
use crate::gateway::counts::Counts;
use crate::gateway::failure::Failure;
use crate::gateway::line::Line;
use crate::gateway::timeouts::Timeouts;
use crate::gateway::upstream::{OUT, Standing, choose};

/// How many idle connections a worker keeps to one address.
const KEPT: usize = 256;

/// The addresses of an upstream; each is asked some of its requests.
#[derive(Debug)]
pub(crate) struct Group {
    addresses: Vec<Rc<Address>>,
    turn: Cell<usize>,
}

/// One address, as one worker knows it.
#[derive(Debug)]
pub(crate) struct Address {
    upstream: Upstream,
    /// What it is called in `Host`.
    host: HeaderValue,
    /// The one that was used last is at the end, and is used next: the others have a chance to become too old.
    idle: RefCell<Vec<Idle>>,
    /// What is counted of it, how many are busy included.
    pub(crate) counts: Arc<Counts>,
    out_until: Cell<Option<Instant>>,
}

#[derive(Debug)]
struct Idle {
    line: Box<Line>,
    since: Instant,
}

/// A connection in use; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) line: Box<Line>,
    /// Whether it has carried a request before.
    pub(crate) is_reused: bool,
    seat: Seat,
}

/// A place among the busy connections of an address.
#[derive(Debug)]
pub(crate) struct Seat(Rc<Address>);

impl Group {
    pub(crate) const fn new(addresses: Vec<Rc<Address>>) -> Self {
        Self { addresses, turn: Cell::new(0) }
    }

    /// A connection to one of the addresses, a new one if that is asked for; `now` is when the request has come.
    ///
    /// # Errors
    ///
    /// None of them can be reached, or not in time.
    pub(crate) async fn line(
        &self,
        timeouts: &Timeouts,
        is_new: bool,
        now: Instant,
    ) -> Result<Held, Failure> {
        if let [address] = &self.addresses[..] {
            return address.line(timeouts, is_new, now).await;
        }
        let mut tried = vec![false; self.addresses.len()];
        let mut failed = Failure::Unreachable;
        while let Some(at) = self.next(&tried) {
            let address = &self.addresses[at];
            // Another may have taken its time to fail.
            match address.line(timeouts, is_new, Instant::now()).await {
                Ok(held) => return Ok(held),
                Err(failure) => failed = failure,
            }
            tried[at] = true;
        }
        Err(failed)
    }

    fn next(&self, tried: &[bool]) -> Option<usize> {
        let now = Instant::now();
        let standing = |(address, is_tried): (&Rc<Address>, &bool)| Standing {
            busy: address.counts.busy(),
            is_out: address.out_until.get().is_some_and(|until| now < until),
            is_tried: *is_tried,
        };
        let standings: Vec<_> = self.addresses.iter().zip(tried).map(standing).collect();
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        choose(&standings, turn)
    }
}

impl Address {
    pub(crate) fn new(upstream: Upstream, counts: Arc<Counts>) -> Self {
        let host = match &upstream {
            Upstream::Http { host, port: 80 } if host.contains(':') => format!("[{host}]"),
            Upstream::Http { host, port: 80 } => host.clone(),
            Upstream::Http { .. } => upstream.to_string().split_off("http://".len()),
            _ => "localhost".to_owned(),
        };
        // Nothing but letters, digits and their like stands in the host of an upstream.
        let host = HeaderValue::from_str(&host).unwrap_or(HeaderValue::from_static("localhost"));
        Self { upstream, host, idle: RefCell::default(), counts, out_until: Cell::new(None) }
    }

    /// What it is called in `Host`.
    pub(crate) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    pub(crate) const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    async fn line(self: &Rc<Self>, timeouts: &Timeouts, is_new: bool, now: Instant) -> Result<Held, Failure> {
        let seat = Seat::take(self);
        if !is_new && let Some(line) = self.idle_line(now, timeouts.kept) {
            return Ok(Held { line, is_reused: true, seat });
        }
        // Boxed, since it is large and seldom needed: it would be moved with each request.
        Box::pin(self.new_line(timeouts, seat)).await
    }

    async fn new_line(&self, timeouts: &Timeouts, seat: Seat) -> Result<Held, Failure> {
        match connect(&self.upstream, timeouts).await {
            Ok(socket) => {
                self.is_out_until(None);
                let line = Line::new(socket).await.map_err(|_| Failure::Unreachable)?;
                Ok(Held { line, is_reused: false, seat })
            }
            Err(failure) => {
                self.is_out_until(Some(Instant::now() + OUT));
                self.counts.failed(failure);
                Err(failure)
            }
        }
    }

    fn is_out_until(&self, until: Option<Instant>) {
        self.out_until.set(until);
        self.counts.is_out_until(until);
    }

    fn idle_line(&self, now: Instant, kept: Duration) -> Option<Box<Line>> {
        let mut idle = self.idle.borrow_mut();
        let usable = |Idle { mut line, since }: Idle| {
            let is_usable = now.duration_since(since) < kept && line.is_idle();
            is_usable.then_some(line)
        };
        let found = iter::from_fn(|| idle.pop()).find_map(usable);
        self.counts.keeps(idle.len());
        found
    }

    /// Closes what has been idle for too long, and what the upstream has closed.
    pub(crate) fn tidy(&self, kept: Duration) {
        let mut idle = self.idle.borrow_mut();
        idle.retain_mut(|idle| idle.since.elapsed() < kept && idle.line.is_idle());
        self.counts.keeps(idle.len());
    }

    /// Whether nothing has to do with it.
    pub(crate) fn is_unused(&self) -> bool {
        self.counts.busy() == 0 && self.idle.borrow().is_empty()
    }
}

impl Held {
    /// The address that it goes to.
    pub(crate) fn address(&self) -> &Address {
        &self.seat.0
    }

    /// Lets another request have it, if it can carry one.
    pub(crate) fn keep(self) {
        let Self { mut line, seat, .. } = self;
        let mut idle = seat.0.idle.borrow_mut();
        if line.can_go_on() && idle.len() < KEPT {
            idle.push(Idle { line, since: Instant::now() });
            seat.0.counts.keeps(idle.len());
        }
    }

    /// The line alone, and its place among the busy ones.
    pub(crate) fn into_parts(self) -> (Box<Line>, Seat) {
        (self.line, self.seat)
    }
}

impl Seat {
    fn take(address: &Rc<Address>) -> Self {
        address.counts.takes();
        Self(Rc::clone(address))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counts.gives_back();
    }
}
