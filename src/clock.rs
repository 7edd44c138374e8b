//! Clocks: the only place that reads one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use crate::model::{Now, Tick, UnixMicros};

/// Where a limiter takes its time from.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks: asked once when a request arrives.
    fn now(&self) -> Now;

    /// The monotonic clock alone.
    fn tick(&self) -> Tick {
        self.now().tick
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Now {
        (**self).now()
    }

    fn tick(&self) -> Tick {
        (**self).tick()
    }
}

/// How long a reading of the wall clock may be used before the next.
const SAMPLE_EVERY: i64 = 1_000_000;

/// A deviation of the wall clock that counts as somebody setting it: 250 ms, which no oscillator drifts in a second.
const STEP: i64 = 250_000;

/// What an oscillator may drift: 500 µs a second, the most that `adjtimex` slews.
const DRIFT_PER_SECOND: i64 = 500;

/// The machine's clocks.
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
    tick: AtomicI64,
    step: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub const fn at(start: UnixMicros) -> Self {
        Self { start, tick: AtomicI64::new(0), step: AtomicI64::new(0) }
    }

    /// Lets `span` pass on both clocks.
    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.tick.fetch_add(micros, Relaxed);
    }

    /// Sets the wall clock forth or back by so many seconds, as an operator would; no time passes.
    pub fn set_wall_by(&self, secs: i64) {
        self.step.fetch_add(secs.saturating_mul(1_000_000), Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let tick = Tick(self.tick.load(Relaxed));
        Now { tick, utc: self.start.plus(tick.0), step: self.step.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
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
}
