//! The task that stands at the desk: a thread with a runtime of its own, which tells the desk what happens and does what
//! it says.
//!
//! ```text
//! requests' threads ──queue, letters──▶ task ──events──▶ desk
//!        ▲                               ▲ │                │
//!        └──────── decisions ────────────│─┴──◀─commands────┘
//!                                        └── link: calls, answers
//! ```
//!
//! The thread has a tokio runtime for itself, so a worker whose handler blocks keeps no line from being published. If the desk or the
//! client panics, everything that waits is decided without the server, and after 50 ms the task begins again with a new desk; what was
//! spent is in the ledgers, and is published once more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::desk::{Candidate, Command, Desk, Event, Greeting, Queue};
use super::ledger::Ledgers;
use super::link::Link;
use super::script::{Account, Names, beat};
use super::trouble::Trouble;
use crate::model::Tick;

/// Events that are heard at once at most: between two times that many it is done what is due.
const MOST_EVENTS: usize = 256;

/// How long a task that has panicked does nothing before it begins again.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What reaches the task.
///
/// Letters are heard in the order in which they are sent, 256 at once at most.
enum Letter {
    /// The desk is to hear of it.
    Event(Event),
    /// Somebody waits in the queue.
    Look,
    /// Somebody wants to know which accounts the servers have.
    Scan(Names, oneshot::Sender<Result<Vec<Account>, Trouble>>),
    /// A connection was made, and has answered its first beat.
    Linked(Link, Tick, beat::Reply),
    /// End.
    Stop,
}

/// The way to the desk, for whoever has something to tell it.
///
/// A clone leads to the same desk. Sending never waits; what the desk cannot keep up with, its deadline decides.
#[derive(Clone)]
pub(crate) struct Inbox {
    letters: UnboundedSender<Letter>,
    queue: Arc<Queue>,
}

impl Inbox {
    /// Has the desk decide over a request.
    ///
    /// Whoever brings a request wakes the desk only if no account of it is busy: else the answer that is under way wakes it.
    pub(crate) fn ask(&self, candidate: Candidate) {
        if self.queue.bring(candidate) {
            // A task that has ended has closed the queue before.
            let _ = self.letters.send(Letter::Look);
        }
    }

    /// Tells the desk; says whether it will hear of it.
    pub(crate) fn tell(&self, event: Event) -> bool {
        self.letters.send(Letter::Event(event)).is_ok()
    }

    /// Asks which accounts of some names the servers have.
    pub(crate) async fn scan(&self, names: Names) -> Result<Vec<Account>, Trouble> {
        let (reply, found) = oneshot::channel();
        let _ = self.letters.send(Letter::Scan(names, reply));
        found.await.unwrap_or(Err(Trouble::Gone))
    }

    /// Ends the task.
    pub(crate) fn stop(&self) {
        // Where the task has ended, there is nothing to do.
        let _ = self.letters.send(Letter::Stop);
    }
}

/// Starts the task; `started` is told once it is known whether the server answers.
pub(crate) fn start(ledgers: Arc<Ledgers>, seed: u64, started: mpsc::Sender<()>) -> std::io::Result<Inbox> {
    let (inbox, mut letters) = unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (own, queue) = (inbox.clone(), Arc::<Queue>::default());
    let (shared, waiting) = (Arc::clone(&ledgers), Arc::clone(&queue));
    let mut stand = move |seed| {
        let (ledgers, own) = (Arc::clone(&shared), own.clone());
        let (queue, now) = (Arc::clone(&waiting), ledgers.now());
        let desk = Desk::new(Arc::clone(&ledgers), queue, now, seed, started.clone());
        runtime.block_on(Task { ledgers, desk, letters: &mut letters, own, link: None }.run());
    };
    let ending = Arc::clone(&queue);
    thread::Builder::new().name("timebudget-redis".into()).spawn(move || {
        for seed in seed.. {
            // What has broken is dropped, with the requests that waited there, which decides about them; the ledgers
            // stay, and are published again.
            match catch_unwind(AssertUnwindSafe(|| stand(seed))) {
                Ok(()) => return ending.close(),
                Err(_) => log::error!("redis: the task that speaks to it has panicked, and begins again"),
            }
            ledgers.degrade();
            thread::sleep(BEGIN_AGAIN_AFTER);
        }
    })?;
    Ok(Inbox { letters: inbox, queue })
}

/// It is the only place where the desk meets time and sockets. Everything it does follows from a command, and whatever comes of a
/// command is an event: so the desk's tests, which play the task, meet the same desk.
struct Task<'a> {
    ledgers: Arc<Ledgers>,
    desk: Desk,
    letters: &'a mut UnboundedReceiver<Letter>,
    /// Where the calls send what becomes of them.
    own: UnboundedSender<Letter>,
    link: Option<Link>,
}

impl Task<'_> {
    /// Works until it is told to stop.
    ///
    /// Each round hears what has come, does what the desk says, and sleeps until something comes or is due.
    async fn run(mut self) {
        let mut letters = Vec::with_capacity(MOST_EVENTS);
        let mut events = Vec::with_capacity(MOST_EVENTS);
        loop {
            for letter in letters.drain(..) {
                match letter {
                    Letter::Event(event) => events.push(event),
                    Letter::Look => (),
                    Letter::Scan(names, reply) => self.scan(names, reply),
                    Letter::Linked(link, sent_at, reply) => {
                        self.link = Some(link);
                        events.push(Event::Linked(sent_at, Ok(reply)));
                    }
                    Letter::Stop => return,
                }
            }
            for command in self.desk.handle(self.ledgers.now(), events.drain(..)) {
                self.run_command(command);
            }
            let idle = self.desk.idle_for(self.ledgers.now().tick);
            // Nothing happens for so long; then what is due is done.
            let _ = tokio::time::timeout(idle, self.letters.recv_many(&mut letters, MOST_EVENTS)).await;
        }
    }

    fn run_command(&mut self, command: Command) {
        match (command, self.link.clone()) {
            (Command::Exchange(number, arguments), Some(mut link)) => {
                self.ledgers.note_call();
                let promise = self.promise(Event::Answered(number, Err(Trouble::Gone)));
                tokio::spawn(async move {
                    let answer = link.exchange(&arguments).await;
                    promise.keep(Letter::Event(Event::Answered(number, answer)));
                });
            }
            (Command::Beat(sent_at, arguments), Some(mut link)) => {
                self.ledgers.note_call();
                let promise = self.promise(Event::Beaten(sent_at, Err(Trouble::Gone)));
                tokio::spawn(async move {
                    let reply = link.beat(&arguments).await;
                    promise.keep(Letter::Event(Event::Beaten(sent_at, reply)));
                });
            }
            (Command::Connect(pause, greeting), _) => {
                self.link = None;
                let ledgers = Arc::clone(&self.ledgers);
                let promise = self.promise(Event::Linked(ledgers.now().tick, Err(Trouble::Gone)));
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    promise.keep(connect(&ledgers, &greeting).await);
                });
            }
            // The desk calls over a connection only.
            (Command::Exchange(..) | Command::Beat(..), None) => {}
        }
    }

    fn scan(&self, names: Names, reply: oneshot::Sender<Result<Vec<Account>, Trouble>>) {
        // Without a connection it is dropped, and with that answered.
        if let Some(mut link) = self.link.clone() {
            tokio::spawn(async move {
                // Who has stopped waiting does not want to know.
                let _ = reply.send(link.scan(&names).await);
            });
        }
    }

    fn promise(&self, broken: Event) -> Promise {
        Promise { own: self.own.clone(), broken: Some(broken) }
    }
}

/// That the desk hears what becomes of a call. If the client of the servers panics, it hears that the call has failed: it
/// would wait for the answer, or for a connection, for ever.
struct Promise {
    own: UnboundedSender<Letter>,
    /// What is told unless the promise is kept.
    broken: Option<Event>,
}

impl Promise {
    fn keep(mut self, letter: Letter) {
        self.broken = None;
        // A task that has ended waits for no answer.
        let _ = self.own.send(letter);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(broken) = self.broken.take() {
            let _ = self.own.send(Letter::Event(broken));
        }
    }
}

/// Makes a connection, proves it, and sends the first beat over it.
async fn connect(ledgers: &Ledgers, greeting: &Greeting) -> Letter {
    match greet(ledgers, greeting).await {
        Ok((link, sent_at, reply)) => Letter::Linked(link, sent_at, reply),
        Err(trouble) => Letter::Event(Event::Linked(ledgers.now().tick, Err(trouble))),
    }
}

async fn greet(ledgers: &Ledgers, greeting: &Greeting) -> Result<(Link, Tick, beat::Reply), Trouble> {
    let mut link = Link::open(&ledgers.settings).await?;
    link.probe(&greeting.probe).await?;
    let sent_at = ledgers.now().tick;
    let reply = link.beat(&greeting.beat).await?;
    Ok((link, sent_at, reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it the desk never connected again, or never beat again.
    #[tokio::test]
    async fn of_a_call_that_panics_the_desk_hears_that_it_has_failed() {
        let (own, mut letters) = unbounded_channel();
        let promise =
            |number| Promise { own: own.clone(), broken: Some(Event::Answered(number, Err(Trouble::Gone))) };
        let (broken, kept) = (promise(1), promise(2));
        let panicked = tokio::spawn(async move {
            let _promise = broken;
            panic!("as a client might")
        });
        assert!(panicked.await.is_err());
        kept.keep(Letter::Event(Event::Answered(2, Ok(Vec::new()))));
        let mut heard = || match letters.try_recv() {
            Ok(Letter::Event(Event::Answered(number, answer))) => Some((number, answer.is_ok())),
            _ => None,
        };
        assert_eq!((heard(), heard(), heard()), (Some((1, false)), Some((2, true)), None));
    }
}
