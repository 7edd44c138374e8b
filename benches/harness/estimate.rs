//! What noisy samples say, and how far it can be trusted.

use super::stats::{Random, median};

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
        let mut redraw = || median(drawn_anew(samples, &mut random));
        let mut medians: Vec<f64> = (0..DRAWS).map(|_| redraw()).collect();
        medians.sort_by(f64::total_cmp);
        Self {
            median: median(samples.to_vec()),
            low: medians[DRAWS / 40],
            high: medians[DRAWS - DRAWS / 40 - 1],
        }
    }
}

/// As many samples, each drawn at random from all of them.
fn drawn_anew(samples: &[f64], random: &mut Random) -> Vec<f64> {
    let mut draw = |_| samples[random.below(samples.len() as u64) as usize];
    (0..samples.len()).map(&mut draw).collect()
}
