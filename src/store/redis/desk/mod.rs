//! The desk: through which everything goes to the servers, without a socket, a clock or a thread of its own.
//!
//! It is told what happens and when, and says what is to be done. So everything that goes wrong between a process and
//! its servers can be tried without either.
//!
//! While a call is under way its accounts are *busy*: requests that arrive for one of them, and publications of its
//! line, wait for the answer and then share the next call. So this process's lines reach the server in order, and its
//! requests are decided one after another however many arrive at once.
//!
//! # The way of a request
//!
//! 1. Its thread brings a [`Candidate`] to the [`Queue`], and waits.
//! 2. [`Desk::handle`] takes it in. While an account of it is busy, or no connection is there, it waits here, or is decided without
//!    the server.
//! 3. [`Desk::dispatch`] puts it into a call with others, and the call's lines are read from the ledgers at that moment.
//! 4. The answer says what was decided; the ledgers charge it, and the thread goes on.
//! 5. If the answer has not come by the request's deadline, it is decided without the server, and what comes later corrects the lines.
//!
//! # Invariants
//!
//! - An account is in one call at a time at most; it is busy from [`Queue::begin`] to [`Queue::end`].
//! - Every candidate is decided once, also when the desk is dropped with some in it.
//! - Nothing here waits, and nothing reads a clock: whatever happens follows from the events of one [`Desk::handle`] and its `now`.

mod calls;
mod candidate;
mod errand;
mod health;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use self::calls::Call;
#[cfg(test)]
pub(crate) use self::candidate::Answered;
pub(crate) use self::candidate::{Candidate, Queue};
use self::errand::Flush;
pub(crate) use self::errand::{Awaited, Errand};
use self::health::Health;
use crate::model::{Micros, Now, Tick};
use crate::store::Fault;
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::{Arguments, beat};
use crate::store::redis::trouble::Trouble;

/// How often it is looked for lines to publish, in microseconds.
const LOOK_EVERY: Micros = Micros(10_000);

/// What the desk is told.
pub(crate) enum Event {
    /// The call of that number has been answered, or has failed.
    Answered(u64, Result<Vec<i64>, Trouble>),
    /// A beat that was sent at that tick has been answered, or has failed.
    Beaten(Tick, Result<beat::Reply, Trouble>),
    /// A connection has been made, and was sent a first beat at that tick; or none could be made.
    Linked(Tick, Result<beat::Reply, Trouble>),
    /// Somebody wants something of accounts.
    Errand(Errand),
    /// Publish what is not published yet, and say when it is.
    Flush(mpsc::Sender<Result<(), Fault>>),
}

/// What is to be done.
pub(crate) enum Command {
    /// Call the exchange; the answer belongs to that number.
    Exchange(u64, Arguments),
    /// Call the beat; the answer belongs to that tick.
    Beat(Tick, Arguments),
    /// Give up the connection, if there is one, and after a while make one that begins so.
    Connect(Duration, Greeting),
}

/// What a connection begins with.
pub(crate) struct Greeting {
    /// What proves that the server does what the desk will want of it.
    pub(crate) probe: Arguments,
    /// The first beat.
    pub(crate) beat: Arguments,
}

/// Everything that goes to the servers, and what waits to go.
///
/// Its parts are written by what they do: `calls` sends and concludes, `errand` does what is wanted beside requests, `health` knows
/// whether anybody answers.
pub(crate) struct Desk {
    ledgers: Arc<Ledgers>,
    /// The moment of what is being handled.
    now: Now,
    /// Whether there is a connection.
    is_linked: bool,
    health: Health,
    /// The requests that have not been looked at, and the accounts of the calls under way.
    queue: Arc<Queue>,
    waiting: VecDeque<Candidate>,
    /// What is wanted of accounts, and waits until they are not busy.
    errands: Vec<Errand>,
    /// The calls under way, by number.
    calls: HashMap<u64, Call>,
    /// Those who wait until lines are stored.
    flushes: Vec<Flush>,
    /// When it was last looked for lines to publish.
    looked_at: Tick,
    commands: Vec<Command>,
}

impl Desk {
    /// A desk that begins at `now` and tells `started` once it is known whether the server answers; `seed` is what its
    /// random numbers come from.
    pub(crate) fn new(
        ledgers: Arc<Ledgers>,
        queue: Arc<Queue>,
        now: Now,
        seed: u64,
        started: mpsc::Sender<()>,
    ) -> Self {
        queue.end_all();
        // One that begins after another has broken does not know what that had to tell.
        let has_returned = ledgers.next_number() > 1;
        let mut desk = Self {
            ledgers,
            now,
            is_linked: false,
            health: Health::new(seed, has_returned, started),
            queue,
            waiting: VecDeque::new(),
            errands: Vec::new(),
            calls: HashMap::new(),
            flushes: Vec::new(),
            looked_at: now.tick,
            commands: Vec::new(),
        };
        desk.connect();
        desk
    }

    /// Hears what has happened by `now`, and says what is to be done.
    ///
    /// Whatever is due by then is done, however much has happened: no crowd of requests keeps a beat from being sent or
    /// a request from being given up.
    pub(crate) fn handle(&mut self, now: Now, events: impl IntoIterator<Item = Event>) -> Vec<Command> {
        self.now = now;
        self.take_in();
        events.into_iter().for_each(|event| self.hear(event));
        // Once more, for who has come to an account that was busy until now has woken nobody.
        self.take_in();
        self.give_up_on_late();
        if now.tick.since(self.looked_at) >= LOOK_EVERY {
            self.look_around();
        }
        self.dispatch();
        std::mem::take(&mut self.commands)
    }

    /// How long there is nothing to do unless something happens.
    ///
    /// Never longer than a request waits: who comes to a busy account is seen when there is something to do again.
    pub(crate) fn idle_for(&self, now: Tick) -> Duration {
        let look = Tick(self.looked_at.0 + LOOK_EVERY.0 as i64);
        let idle: Duration = self.first_due().map_or(look, |due| due.min(look)).since(now).into();
        idle.min(self.ledgers.settings.deadline)
    }

    /// Takes in those who have come.
    fn take_in(&mut self) {
        self.waiting.extend(self.queue.take());
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Answered(number, answer) => self.finish(number, answer),
            Event::Beaten(sent_at, reply) => self.hear_beat(sent_at, reply),
            Event::Linked(sent_at, reply) => self.hear_of_link(sent_at, reply),
            Event::Errand(errand) => self.errands.push(errand),
            Event::Flush(done) => self.flush(done),
        }
    }

    /// Beats and publishes what is due.
    fn look_around(&mut self) {
        self.looked_at = self.now.tick;
        if self.is_linked {
            self.beat();
            self.publish_due();
        }
    }
}
