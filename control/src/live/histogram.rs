//! How much requests cost: counted in buckets that are an eighth of a power of two wide, or finer.

use std::collections::BTreeMap;
use std::str::FromStr;

/// How many requests have cost how many microseconds.
///
/// Costs below 16 µs are kept as they are; above, each power of two is cut into sixteen buckets. So a quantile is off by at
/// most 3.2 %. Histograms add up: two of them together are that of all requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    /// By the bucket's number; a route's costs lie in few.
    buckets: BTreeMap<u16, u64>,
}

/// So many buckets to a power of two.
const FINE: u64 = 16;
/// The power of two that is.
const FINE_BITS: u32 = 4;
/// So many of them make one bucket of a chart.
const COARSE: u16 = 4;

impl Histogram {
    /// Counts a request.
    pub(crate) fn add(&mut self, micros: u64) {
        *self.buckets.entry(bucket(micros)).or_insert(0) += 1;
    }

    /// Counts the requests of another histogram, too.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            let sum = self.buckets.entry(*bucket).or_insert(0);
            *sum = sum.saturating_add(*count);
        }
    }

    /// How many requests were counted.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// What so large a part of the requests cost at most, in microseconds: the middle of the bucket where it lies. `None` if
    /// none was counted.
    pub(crate) fn quantile(&self, part: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * part).ceil().max(1.0) as u64;
        let mut before = 0u64;
        let found = self.buckets.iter().find(|(_, count)| {
            before = before.saturating_add(**count);
            before >= wanted
        });
        found.map(|(bucket, _)| least(*bucket).midpoint(most(*bucket)))
    }

    /// As a chart shows it: for each coarse bucket in use what its requests cost at most, in microseconds, and how many
    /// they are.
    pub(crate) fn coarse(&self) -> Vec<(u64, u64)> {
        let mut coarse = BTreeMap::new();
        for (bucket, count) in &self.buckets {
            *coarse.entry(bucket / COARSE).or_insert(0) += count;
        }
        coarse.into_iter().map(|(bucket, count)| (most(bucket * COARSE + COARSE - 1), count)).collect()
    }
}

/// The number of the bucket that a cost belongs to.
const fn bucket(micros: u64) -> u16 {
    if micros < FINE {
        return micros as u16;
    }
    let power = micros.ilog2();
    let within = (micros >> (power - FINE_BITS)) & (FINE - 1);
    ((power - FINE_BITS + 1) as u64 * FINE + within) as u16
}

/// The smallest cost of a bucket.
const fn least(bucket: u16) -> u64 {
    let (row, within) = (bucket as u64 / FINE, bucket as u64 % FINE);
    if row == 0 { within } else { (FINE + within) << (row - 1) }
}

/// The largest cost of a bucket.
const fn most(bucket: u16) -> u64 {
    if bucket >= LAST { u64::MAX } else { least(bucket + 1) - 1 }
}

/// The bucket of the largest cost of all.
const LAST: u16 = bucket(u64::MAX);

/// As it is written down: `BUCKET:COUNT`, apart by spaces.
impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (bucket, count)) in self.buckets.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{bucket}:{count}")?;
        }
        Ok(())
    }
}

/// The text is no histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoHistogram;

impl FromStr for Histogram {
    type Err = NoHistogram;

    fn from_str(text: &str) -> Result<Self, NoHistogram> {
        let bucket = |word: &str| {
            let (bucket, count) = word.split_once(':')?;
            Some((bucket.parse().ok().filter(|bucket| *bucket <= LAST)?, count.parse().ok()?))
        };
        let buckets = text.split_whitespace().map(bucket).collect::<Option<_>>();
        buckets.map(|buckets| Self { buckets }).ok_or(NoHistogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(costs: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        costs.into_iter().for_each(|micros| histogram.add(micros));
        histogram
    }

    #[test]
    fn buckets_tile_all_costs() {
        assert_eq!((bucket(0), least(0), most(0)), (0, 0, 0));
        for number in 0..LAST {
            assert_eq!(most(number) + 1, least(number + 1), "after the bucket {number}");
            assert_eq!((bucket(least(number)), bucket(most(number))), (number, number));
        }
        assert_eq!((bucket(u64::MAX), most(LAST)), (LAST, u64::MAX));
    }

    #[test]
    fn a_quantile_is_off_by_at_most_a_thirtieth() {
        for scale in [1, 7, 1_000, 123_456, 1 << 40] {
            let costs: Vec<u64> = (1..=1_000).map(|nth| nth * scale).collect();
            let histogram = of(costs.iter().copied());
            for (part, exact) in [(0.5, 500), (0.95, 950), (0.99, 990), (1.0, 1_000)] {
                let (exact, found) = (exact * scale, histogram.quantile(part).unwrap());
                let off = exact.abs_diff(found) as f64 / exact as f64;
                assert!(off <= 0.032, "{part} of {scale}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn a_histogram_without_requests_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.95), None);
        assert_eq!(of([40]).quantile(0.0), of([40]).quantile(1.0));
    }

    #[test]
    fn two_histograms_together_are_that_of_all_requests() {
        let (few, many) = (of([1, 100, 100_000]), of((0..500).map(|nth| nth * nth)));
        let mut both = few.clone();
        both.merge(&many);
        assert_eq!(both, of([1, 100, 100_000].into_iter().chain((0..500).map(|nth| nth * nth))));
        assert_eq!(both.count(), 503);
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let histogram = of([0, 3, 3, 17, 99_999, u64::MAX]);
        assert_eq!(histogram.to_string().parse(), Ok(histogram));
        assert_eq!("".parse(), Ok(Histogram::default()));
        for text in ["1", "1:", "x:1", "1:-1", "60000:1", "1:1,2:1"] {
            assert_eq!(text.parse::<Histogram>(), Err(NoHistogram), "{text}");
        }
    }

    #[test]
    fn a_chart_shows_four_buckets_to_a_power_of_two() {
        let coarse = of([1_000, 1_023, 1_024, 1_200, 2_000]).coarse();
        assert_eq!(coarse, [(1_023, 2), (1_279, 2), (2_047, 1)]);
    }
}
