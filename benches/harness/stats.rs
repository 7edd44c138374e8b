//! The statistics of noisy measurements: medians, and how far they can be trusted.

/// A median and the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// The median of `samples`, with its interval found by drawing them anew 2,000 times.
    ///
    /// A median, because a neighbour's burst spoils a few slices wholly and the others not at all.
    pub(crate) fn of(samples: &[f64]) -> Self {
        const DRAWS: usize = 2_000;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut medians: Vec<f64> = (0..DRAWS).map(|_| median(random.redraw(samples))).collect();
        medians.sort_by(f64::total_cmp);
        Self {
            median: median(samples.to_vec()),
            low: medians[DRAWS / 40],
            high: medians[DRAWS - DRAWS / 40 - 1],
        }
    }
}

/// The middle sample, or the mean of the two in the middle.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    let half = samples.len() / 2;
    if samples.len() % 2 == 1 {
        samples[half]
    } else {
        f64::midpoint(samples[half - 1], samples[half])
    }
}

/// A seeded xorshift generator, so that a table can be made again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn redraw(&mut self, samples: &[f64]) -> Vec<f64> {
        let mut pick = || samples[self.below(samples.len() as u64) as usize];
        samples.iter().map(|_| pick()).collect()
    }
}
