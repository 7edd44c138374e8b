//! Clocks: the only place that reads one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::model::{Now, Tick, UnixMicros};

/// Where a limiter takes its time from.
///
/// There are two in this crate: [`SystemClock`] for the machine's own, and [`ManualClock`] for tests. Whoever writes a third
/// keeps two promises: ticks never fall, and [`Now::utc`] runs evenly, at the pace of the ticks. Steps of the wall
/// clock belong into [`Now::step`], so that a window in force neither ends early nor begins again.
///
/// It is read once for each decision and once for each settlement, by every worker at once.
///
/// # Examples
///
/// The machine's clock, an hour ahead: for a test of what the next hour brings.
///
/// ```
/// use timebudget::{Clock, Engine, Now, SystemClock, Tick};
/// use timebudget::store::memory::Memory;
///
/// struct Ahead(SystemClock);
///
/// impl Clock for Ahead {
///     fn now(&self) -> Now {
///         let now = self.0.now();
///         Now { utc: now.utc.plus(3_600_000_000), ..now }
///     }
///
///     fn tick(&self) -> Tick {
///         self.0.tick()
///     }
/// }
///
/// let engine = Engine::new(Memory::default(), Ahead(SystemClock::new()));
/// # let _ = engine;
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Both clocks: asked once when a request arrives.
    fn now(&self) -> Now;

    /// The monotonic clock alone: how long something took. It may be cheaper to read than both.
    fn tick(&self) -> Tick {
        self.now().tick
    }

    /// Waits until the monotonic clock reads `at`, or a moment longer.
    ///
    /// Nothing waits so but requests under a [hard budget](crate::Overrun::Cut). Unless a clock says otherwise the
    /// difference is waited for in the machine's time, to a millisecond, on the timer of the tokio runtime that polls. Who
    /// is woken looks at the clock again, so a clock of another pace needs no timer of its own.
    fn sleep_until(&self, at: Tick) -> Sleep {
        let span = Duration::from_micros(at.since(self.tick()).0);
        Box::pin(async move { tokio::time::sleep(span).await })
    }
}

/// A wait for a moment of a clock.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Now {
        (**self).now()
    }

    fn tick(&self) -> Tick {
        (**self).tick()
    }

    fn sleep_until(&self, at: Tick) -> Sleep {
        (**self).sleep_until(at)
    }
}

/// How long a reading of the wall clock may be used before the next.
const SAMPLE_EVERY: i64 = 1_000_000;

/// A deviation of the wall clock that counts as somebody setting it: 250 ms, which no oscillator drifts in a second.
const STEP: i64 = 250_000;

/// What an oscillator may drift: 500 µs a second, the most that `adjtimex` slews.
const DRIFT_PER_SECOND: i64 = 500;

/// The machine's clocks; what an engine has unless it is given others.
///
/// Durations come from the processor's time-stamp counter where it runs at a constant rate, else from
/// `CLOCK_MONOTONIC`. The wall clock is read once a second and told apart into drift, which [`Now::utc`] follows, and
/// steps, which it does not; a step is logged once.
#[derive(Debug)]
pub struct SystemClock {
    counter: quanta::Clock,
    /// The counter's reading at tick 0, in its own unit.
    origin: u64,
    /// So many microseconds are one of that unit, as a fraction of [`SCALE`]: one multiplication instead of a division more.
    scale: u64,
    /// The tick from which on the wall clock is to be read again.
    next_sample: AtomicI64,
    /// Wall clock less tick, without steps.
    offset: AtomicI64,
    /// The sum of all steps.
    step: AtomicI64,
}

impl SystemClock {
    /// A clock that begins at tick 0 now; the counter is calibrated once per process, in a fraction of a second.
    pub fn new() -> Self {
        let counter = quanta::Clock::new();
        let clock = Self {
            origin: counter.raw(),
            scale: scale(&counter),
            counter,
            next_sample: AtomicI64::new(SAMPLE_EVERY),
            offset: AtomicI64::new(0),
            step: AtomicI64::new(0),
        };
        clock.offset.store(clock.wall_less_tick(), Relaxed);
        clock
    }

    fn read_tick(&self) -> Tick {
        // Where the counters of two processors differ, one may read a little less than the other at the start.
        let passed = self.counter.raw().saturating_sub(self.origin);
        Tick(((u128::from(passed) * u128::from(self.scale)) >> SCALE) as i64)
    }

    #[cold]
    fn follow_wall_clock(&self, due: i64, tick: Tick) {
        let claimed = self.next_sample.compare_exchange(due, tick.0 + SAMPLE_EVERY, Relaxed, Relaxed);
        if claimed.is_err() {
            return; // Another thread takes this sample.
        }
        let deviation = self.wall_less_tick() - self.offset.load(Relaxed) - self.step.load(Relaxed);
        let idle_secs = (tick.0 - due) / 1_000_000;
        if deviation.abs() < STEP + idle_secs * DRIFT_PER_SECOND {
            self.offset.fetch_add(deviation, Relaxed);
        } else {
            self.step.fetch_add(deviation, Relaxed);
            log::warn!(
                "the wall clock was set by {:+.3} s; windows in force end when they would have",
                deviation as f64 / 1e6
            );
        }
    }

    /// The wall clock less the tick, from the tightest of three readings, since a thread can be interrupted in between.
    fn wall_less_tick(&self) -> i64 {
        let reading = |_| {
            let before = self.read_tick().0;
            let wall = wall_clock().0;
            let after = self.read_tick().0;
            (after - before, wall - before - (after - before) / 2)
        };
        (0..3).map(reading).min().map_or(0, |(_, difference)| difference)
    }
}

/// The bits of a fraction: enough for a drift below a microsecond a year.
const SCALE: u32 = 56;

/// How many microseconds one unit of a counter is, as a fraction.
fn scale(counter: &quanta::Clock) -> u64 {
    const UNITS: u32 = 50;
    let nanos = counter.delta_as_nanos(0, 1 << UNITS);
    ((u128::from(nanos) << (SCALE - UNITS)) / 1_000) as u64
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let tick = self.read_tick();
        let due = self.next_sample.load(Relaxed);
        if tick.0 >= due {
            self.follow_wall_clock(due, tick);
        }
        let utc = UnixMicros(tick.0 + self.offset.load(Relaxed));
        Now { tick, utc, step: self.step.load(Relaxed) }
    }

    fn tick(&self) -> Tick {
        self.read_tick()
    }
}

/// The machine's wall clock; before 1970 it reads 1970.
pub(crate) fn wall_clock() -> UnixMicros {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A clock that stands until it is moved: for tests, also those of applications.
///
/// Give an engine an `Arc` of it, and keep another to move it by. Windows end, and reservations grow, only when it is moved,
/// so that a test of a daily budget takes no time and never fails at midnight.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use timebudget::{Clock, ManualClock, UnixMicros};
/// let clock = ManualClock::at(UnixMicros::from_secs(1_700_000_000));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now().wall(), UnixMicros::from_secs(1_700_000_005));
/// clock.set_wall_by(-3600);
/// assert_eq!(clock.now().wall(), UnixMicros::from_secs(1_699_996_405));
/// assert_eq!(clock.now().utc, UnixMicros::from_secs(1_700_000_005));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    start: UnixMicros,
    step: AtomicI64,
    hand: Arc<Hand>,
}

/// The hand of a [`ManualClock`], and who waits until it points somewhere.
#[derive(Debug, Default)]
struct Hand {
    tick: AtomicI64,
    sleepers: Mutex<Vec<(Tick, Waker)>>,
}

impl Hand {
    fn move_by(&self, micros: i64) {
        let now = Tick(self.tick.fetch_add(micros, Relaxed).saturating_add(micros));
        let due: Vec<_> = self.sleepers.lock().extract_if(.., |(at, _)| *at <= now).collect();
        due.into_iter().for_each(|(_, sleeper)| sleeper.wake());
    }

    fn poll(&self, at: Tick, waker: &Waker) -> Poll<()> {
        let mut sleepers = self.sleepers.lock();
        // Under the lock: whoever moves the hand wakes afterwards those who are found here.
        if at.0 <= self.tick.load(Relaxed) {
            return Poll::Ready(());
        }
        if !sleepers.iter().any(|(other, sleeper)| *other == at && sleeper.will_wake(waker)) {
            sleepers.push((at, waker.clone()));
        }
        Poll::Pending
    }
}

impl ManualClock {
    /// A clock whose wall clock stands at `start` and whose tick is 0. It moves only when it is told to.
    pub fn at(start: UnixMicros) -> Self {
        Self { start, step: AtomicI64::new(0), hand: Arc::default() }
    }

    /// Lets `span` pass on both clocks, and wakes who has waited for that.
    ///
    /// Requests that wait for a moment of this clock, as those under a hard budget do, are woken here; they run when their runtime polls
    /// them.
    pub fn advance(&self, span: Duration) {
        self.hand.move_by(i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
    }

    /// Sets the wall clock forth or back by so many seconds, as an operator would; no time passes.
    ///
    /// Windows in force stay as they are; the next ones are those that the wall clock then lies in.
    pub fn set_wall_by(&self, secs: i64) {
        self.step.fetch_add(secs.saturating_mul(1_000_000), Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let tick = Tick(self.hand.tick.load(Relaxed));
        Now { tick, utc: self.start.plus(tick.0), step: self.step.load(Relaxed) }
    }

    fn sleep_until(&self, at: Tick) -> Sleep {
        let hand = Arc::clone(&self.hand);
        Box::pin(poll_fn(move |cx| hand.poll(at, cx.waker())))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    #[test]
    fn the_tick_of_the_machine_never_falls() {
        let clock = SystemClock::new();
        let mut last = clock.tick();
        for _ in 0..100_000 {
            let tick = clock.now().tick;
            assert!(last <= tick);
            last = tick;
        }
    }

    #[test]
    fn the_wall_clock_of_the_machine_is_the_one_that_it_shows() {
        let clock = SystemClock::new();
        let (before, now, after) = (wall_clock(), clock.now(), wall_clock());
        let slack = 1_000_000;
        assert!(before.0 - slack < now.wall().0 && now.wall().0 < after.0 + slack);
        assert_eq!(now.step, 0);
    }

    #[test]
    fn ticks_are_microseconds() {
        let clock = SystemClock::new();
        let (tick, instant) = (clock.tick(), std::time::Instant::now());
        while instant.elapsed() < Duration::from_millis(20) {}
        let (ticks, elapsed) = (clock.tick().since(tick).0, instant.elapsed().as_micros() as u64);
        assert!(ticks.abs_diff(elapsed) < 2_000, "{ticks} µs by ticks, {elapsed} µs by the system");
    }

    /// As if the wall clock had been set by an hour since it was last read.
    #[test]
    fn a_wall_clock_that_was_set_moves_the_step_and_not_the_even_clock() {
        let clock = SystemClock::new();
        let hour = 3_600_000_000;
        clock.offset.fetch_add(hour, Relaxed);
        let utc = clock.now().utc;
        clock.follow_wall_clock(SAMPLE_EVERY, clock.tick());
        let now = clock.now();
        assert!((now.step + hour).abs() < STEP, "step {}", now.step);
        assert!(now.utc >= utc);
    }

    #[test]
    fn a_wall_clock_that_drifts_is_followed() {
        let clock = SystemClock::new();
        clock.offset.fetch_add(STEP / 5, Relaxed);
        clock.follow_wall_clock(SAMPLE_EVERY, clock.tick());
        let now = clock.now();
        assert_eq!(now.step, 0);
        assert!((now.wall().0 - wall_clock().0).abs() < STEP / 5);
    }

    #[test]
    fn a_sample_that_another_thread_takes_is_not_taken_twice() {
        let clock = SystemClock::new();
        clock.offset.fetch_add(STEP / 5, Relaxed);
        let offset = clock.offset.load(Relaxed);
        clock.follow_wall_clock(SAMPLE_EVERY + 1, clock.tick());
        assert_eq!(clock.offset.load(Relaxed), offset);
    }

    #[test]
    fn a_manual_clock_stands_until_it_is_moved() {
        let clock = ManualClock::at(UnixMicros(7));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_micros(3));
        assert_eq!(clock.now(), Now { tick: Tick(3), utc: UnixMicros(10), step: 0 });
        clock.set_wall_by(-1);
        assert_eq!(clock.now().wall(), UnixMicros(10 - 1_000_000));
    }

    #[test]
    fn who_waits_for_a_manual_clock_is_woken_when_it_is_moved_that_far() {
        let clock = ManualClock::at(UnixMicros(0));
        let mut wait = clock.sleep_until(Tick(10));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut poll = || wait.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll().is_pending() && poll().is_pending());
        clock.advance(Duration::from_micros(9));
        assert_eq!(woken.0.load(Relaxed), 0);
        clock.advance(Duration::from_micros(1));
        assert_eq!(woken.0.load(Relaxed), 1, "once, however often it has asked");
        assert!(poll().is_ready());
    }

    #[derive(Default)]
    struct Woken(AtomicI64);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
}
