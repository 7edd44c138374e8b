//! A store over a real server, for tests that move all clocks and wait for nobody.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use timebudget::Unit;
use timebudget::store::{
    Answering, Book, BookSpec, Census, Charge, Claim, Fault, Listed, Mode, Progress, Relief, Settlement,
    SharedOut, Store, Tally, Verdict, open,
};
use timebudget::store::{KeyHash, KeyHasher};
use timebudget::{Micros, Now, Period, Tick, UnixMicros, Zone};

use crate::journal;
use crate::moved::ServerClock;

/// A store whose decisions are waited for, with the server that it asks.
pub(crate) struct Asking<S> {
    store: Box<dyn Store>,
    now: Arc<Mutex<Now>>,
    server_clock: ServerClock,
    /// When the server's clock was last heard.
    heard: Mutex<Now>,
    _server: S,
}

impl<S> Asking<S> {
    pub(crate) fn new(uri: &str, server_clock: ServerClock, server: S) -> Self {
        let store = open(uri).unwrap();
        let start = Now { tick: Tick(0), utc: server_clock.read(), step: 0 };
        let now = Arc::new(Mutex::new(start));
        let read = Arc::clone(&now);
        store.begin(Box::new(move || *read.lock().unwrap()));
        let heard = Mutex::new(start);
        let asking = Self { store, now, server_clock, heard, _server: server };
        asking.wait_until(Self::asks);
        asking
    }

    /// Lets everybody's clock be at `now`; the server's is the wall clock.
    ///
    /// Where that was set, it was so early that it is heard of before a window ends: within a second.
    pub(crate) fn at(&self, now: Now) -> Now {
        const SECOND: i64 = 1_000_000;
        let mut heard = self.heard.lock().unwrap();
        let is_audible = now.tick.0 - heard.tick.0 >= SECOND;
        if is_audible && now.step != heard.step {
            let soon = Now { tick: Tick(heard.tick.0 + SECOND), utc: heard.utc.plus(SECOND), step: now.step };
            self.turn_to(soon);
            *heard = self.hear(soon);
        }
        self.turn_to(now);
        if now.tick.0 - heard.tick.0 >= SECOND {
            *heard = self.hear(now);
        }
        now
    }

    fn turn_to(&self, now: Now) {
        // In this order: whoever hears of the time here must not be told an older one there.
        self.server_clock.set(now.wall());
        *self.now.lock().unwrap() = now;
    }

    fn hear(&self, now: Now) -> Now {
        self.wait_until(|asking| asking.wall(now) == now.wall());
        now
    }

    fn wait_until(&self, so: impl Fn(&Self) -> bool) {
        let late = Instant::now() + Duration::from_secs(60);
        while !so(self) {
            assert!(Instant::now() < late, "the store never heard of its server: {:#?}", journal::lines());
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn decide(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        match self.store.admit(claims, mode, now)? {
            Verdict::Open => {
                let (verdict, decided) = wait_for(self.store.ask(claims, mode, now))?;
                claims.copy_from_slice(&decided);
                Ok(verdict)
            }
            decided => Ok(decided),
        }
    }

    fn asks(&self) -> bool {
        let mut claims = [self.stranger()];
        self.store.admit(&mut claims, Mode::Decide, *self.now.lock().unwrap()) == Ok(Verdict::Open)
    }

    /// What the store takes for the wall clock: from where a window begins that nobody has looked at yet.
    fn wall(&self, now: Now) -> UnixMicros {
        let mut claims = [self.stranger()];
        self.store.look(&mut claims, Progress::default(), now);
        let standing = claims[0].standing;
        standing.window.end.plus(-(standing.left.0 as i64))
    }

    /// A claim in a book of its own, with windows of a length of their own.
    fn stranger(&self) -> Claim {
        static LENGTH: AtomicU32 = AtomicU32::new(3_601);
        let length = NonZeroU32::new(LENGTH.fetch_add(1, Ordering::Relaxed)).map(Period::Seconds);
        let (tally, zone) = (Tally::Charged(Unit::Requests), Arc::new(Zone::utc()));
        let book = BookSpec { site: "stranger", rule: "stranger", tally, period: length, zone: &zone };
        let key = KeyHasher::new(*b"nobody in the st").hash(b"");
        Claim::new(self.store.open(&book), key, 1, Charge::Requests { cost: 1 })
    }
}

impl<S: Send + Sync + 'static> timebudget::store::sealed::Sealed for Asking<S> {}

impl<S: Send + Sync + 'static> Store for Asking<S> {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        self.store.open(spec)
    }

    /// What was decided without the server, because this machine is busy, is taken back and decided again.
    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        let (now, asked) = (self.at(now), claims.to_vec());
        loop {
            let before = self.store.census().degraded;
            let verdict = self.decide(claims, mode, now)?;
            if self.store.census().degraded == before {
                return Ok(verdict);
            }
            self.store.settle(claims, &Settlement { returned: true, ..Settlement::default() }, now);
            claims.copy_from_slice(&asked);
            self.wait_until(Self::asks);
        }
    }

    fn pause(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.store.pause(claims, cost, self.at(now));
    }

    fn resume(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.store.resume(claims, cost, self.at(now));
    }

    fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        self.store.look(claims, progress, self.at(now));
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        self.store.settle(claims, settlement, self.at(now));
    }

    fn tidy(&self, now: Now) {
        self.store.tidy(self.at(now));
    }

    fn census(&self) -> Census {
        self.store.census()
    }

    fn list(&self, books: &[Book], most: usize, now: Now) -> Answering<Vec<Listed>> {
        self.store.list(books, most, self.at(now))
    }

    fn read(&self, book: Book, key: KeyHash, now: Now) -> Answering<Listed> {
        self.store.read(book, key, self.at(now))
    }

    fn read_shares(&self, book: Book, key: KeyHash, client: KeyHash, now: Now) -> Answering<SharedOut> {
        self.store.read_shares(book, key, client, self.at(now))
    }

    fn relieve(&self, book: Book, key: KeyHash, relief: Relief, now: Now) -> Answering<Listed> {
        self.store.relieve(book, key, relief, self.at(now))
    }
}

/// Runs a future on this thread, whatever runs on it.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
