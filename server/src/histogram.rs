//! A histogram of times that is counted without a lock: what requests cost, and how long upstreams take.

use std::ops::AddAssign;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Upper bounds, in microseconds: from a millisecond to a minute.
pub(crate) const BOUNDS: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 15_000_000,
    60_000_000,
];

/// Times that were counted.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    micros: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
}

/// The same, as they were when somebody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// Their sum, in microseconds.
    pub(crate) micros: u64,
    /// How many there were up to each of the bounds, and beyond.
    pub(crate) buckets: [u64; BOUNDS.len() + 1],
}

impl Histogram {
    #[inline]
    pub(crate) fn add(&self, micros: u64) {
        self.micros.fetch_add(micros, Relaxed);
        self.buckets[bucket(micros)].fetch_add(1, Relaxed);
    }

    /// The same where nobody else adds: processors need not agree on what the sum was.
    #[inline]
    pub(crate) fn add_alone(&self, micros: u64) {
        add_alone(&self.micros, micros);
        add_alone(&self.buckets[bucket(micros)], 1);
    }

    pub(crate) fn read(&self) -> Times {
        let buckets = self.buckets.each_ref().map(|bucket| bucket.load(Relaxed));
        Times { micros: self.micros.load(Relaxed), buckets }
    }
}

/// Adds to what others read and nobody else writes.
#[inline]
pub(crate) fn add_alone(sum: &AtomicU64, more: u64) {
    sum.store(sum.load(Relaxed).wrapping_add(more), Relaxed);
}

fn bucket(micros: u64) -> usize {
    // Most are short, so the first bounds are the ones to try first.
    BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len())
}

impl Times {
    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.micros += other.micros;
        self.buckets.iter_mut().zip(other.buckets).for_each(|(sum, count)| *sum += count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_at_a_bound_is_below_it_and_none_is_lost_above_the_last() {
        let histogram = Histogram::default();
        [0, 1_000, 1_001, 60_000_000, 60_000_001, u64::from(u32::MAX)]
            .iter()
            .for_each(|micros| histogram.add(*micros));
        let alone = Histogram::default();
        [0, 1_000, 1_001, 60_000_000, 60_000_001, u64::from(u32::MAX)]
            .iter()
            .for_each(|micros| alone.add_alone(*micros));
        let times = histogram.read();
        assert_eq!(times, alone.read());
        assert_eq!((times.buckets[0], times.buckets[1], times.buckets[12], times.buckets[13]), (2, 1, 1, 2));
        assert_eq!((times.count(), times.micros), (6, 120_002_002 + u64::from(u32::MAX)));
    }
}
