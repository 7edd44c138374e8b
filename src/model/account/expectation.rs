//! How long a running request is expected to take, learned from those that have ended.

use crate::model::time::Micros;

/// What remains of the past at each new request: 31/32, so about the last 32 requests count.
const MEMORY: f64 = 1.0 - 1.0 / 32.0;

/// A request counts as at most so many times what was expected, however long it took.
const LARGEST_SURPRISE: f64 = 4.0;

/// The recent costs of one rule and route, and what they let one expect.
///
/// The expectation is the mean of recent costs in which each cost weighs as much as it is long: Σcost² ÷ Σcost. That is
/// the length of the request in which a randomly chosen microsecond of spend fell. It equals the plain mean where all
/// requests are alike, is twice that for exponential durations and more for heavier tails, where the few long
/// requests spend most of a budget and the plain mean would let too many of them start. Request counts show neither,
/// so a route that mixes a thousand cached answers with one report is expected to take as long as the report.
///
/// Nothing is counted: both sums fade alike, so their ratio is right from the first request on. One outlier raises a
/// settled expectation by at most 35 %, and after 41 more ordinary requests it is back within 10 %; one that comes first
/// of all is believed for some 300 requests, which makes the hold too large and no spend wrong. A lasting change is
/// followed nevertheless, since what counts as a surprise grows with the expectation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// Recent costs, faded and summed: microseconds. Single precision, so that the pair fits into 64 bits.
    costs: f32,
    /// Their squares, faded alike and summed.
    squares: f32,
}

impl Expectation {
    /// The expectation before any request has ended.
    pub const UNKNOWN: Self = Self { costs: 0.0, squares: 0.0 };

    /// Learns from a request that has ended; `cost` is all its server time, whatever windows it fell into.
    ///
    /// A cost of 0 counts as 1 µs and one above [`Micros::MAX_QUOTA`] as that, so the squares cannot overflow.
    #[inline]
    pub fn record(&mut self, cost: Micros) {
        // Signed, as processors convert numbers.
        let cost = self.tempered(cost.0.clamp(1, Micros::MAX_QUOTA.0) as i64 as f64);
        self.costs = (MEMORY * f64::from(self.costs) + cost) as f32;
        self.squares = (MEMORY * f64::from(self.squares) + cost * cost) as f32;
    }

    /// How much a request that starts now is expected to cost; 0 until one has ended.
    ///
    /// Exact to six digits: the sums are in single precision.
    pub fn expected(self) -> Micros {
        // To the nearest: a ratio is never below 0, and rounding by a call would cost more than the division.
        Micros((self.ratio() + 0.5) as i64 as u64)
    }

    /// The state as one word, for an atomic; [`Expectation::UNKNOWN`] is 0.
    pub const fn to_bits(self) -> u64 {
        (self.costs.to_bits() as u64) << 32 | self.squares.to_bits() as u64
    }

    /// The state that [`Expectation::to_bits`] has packed.
    pub const fn from_bits(bits: u64) -> Self {
        Self { costs: f32::from_bits((bits >> 32) as u32), squares: f32::from_bits(bits as u32) }
    }

    /// The state that bits from elsewhere pack; `None` if no sequence of costs leads to it.
    pub fn read_bits(bits: u64) -> Option<Self> {
        let read = Self::from_bits(bits);
        let is_reached = read.costs >= 1.0 && read.squares >= 1.0 && read.squares.is_finite();
        (is_reached && read.ratio() <= 2.0 * Micros::MAX_QUOTA.0 as f64).then_some(read)
    }

    /// The cost, or what it counts as if it is a surprise.
    #[inline]
    fn tempered(self, cost: f64) -> f64 {
        let (costs, squares) = (f64::from(self.costs), LARGEST_SURPRISE * f64::from(self.squares));
        // Compared as products, for a division takes as long as all else here. Before the first cost both are 0.
        if cost * costs > squares { squares / costs } else { cost }
    }

    /// Microseconds expected; 0 if nothing is known.
    fn ratio(self) -> f64 {
        if self == Self::UNKNOWN {
            return 0.0;
        }
        f64::from(self.squares) / f64::from(self.costs)
    }
}

/// The most that is expected of a request of which nothing is known: a second.
const UNKNOWN_COST: Micros = Micros::from_secs(1);

/// The part of a quota that is, if that is less: a twentieth.
const UNKNOWN_SHARE: u64 = 20;

/// What a request of a quota is expected to cost of whose rule no request has ended: a second, or a twentieth of the quota
/// if that is less.
///
/// Were nothing expected, a first burst would be admitted whole, and could spend many budgets. With a twentieth, no more
/// than twenty run at once on what is known of none of them, and the first that ends says what to expect of the others.
pub(crate) const fn of_unknown(quota: Micros) -> Micros {
    let share = Micros(quota.0 / UNKNOWN_SHARE);
    if share.0 < UNKNOWN_COST.0 { share } else { UNKNOWN_COST }
}

/// What the requests of one rule have cost of late.
///
/// It outlives the process in a snapshot, so that the first requests after a restart hold what they will take, and not nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The site's name.
    pub site: String,
    /// The rule's name.
    pub rule: String,
    /// Of all its requests.
    pub overall: Expectation,
    /// Of those on each route that is told from others, by the route's number.
    pub routes: Vec<(u32, Expectation)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_SECONDS: Micros = Micros::from_secs(2);

    fn after(costs: impl IntoIterator<Item = Micros>) -> Expectation {
        let mut expectation = Expectation::UNKNOWN;
        for cost in costs {
            expectation.record(cost);
        }
        expectation
    }

    #[test]
    fn of_an_unknown_rule_a_second_is_expected_or_a_twentieth_of_the_quota() {
        assert_eq!(of_unknown(Micros::from_secs(600)), Micros::from_secs(1));
        assert_eq!(of_unknown(Micros::from_secs(1)), Micros::from_millis(50));
    }

    fn settled() -> Expectation {
        after([TWO_SECONDS; 300])
    }

    #[test]
    fn nothing_is_expected_before_a_request_has_ended() {
        assert_eq!(Expectation::UNKNOWN.expected(), Micros::ZERO);
    }

    #[test]
    fn equal_costs_are_expected_from_the_first_one_on() {
        for seen in 1..100 {
            let expected = after(vec![TWO_SECONDS; seen]).expected();
            assert!(expected.0.abs_diff(TWO_SECONDS.0) <= 2, "{expected}");
        }
    }

    #[test]
    fn a_long_request_weighs_by_its_length() {
        let mixed = after([Micros(1_000), Micros(3_000)].into_iter().cycle().take(400));
        let expected = mixed.expected().0 as f64;
        // (1² + 3²) ÷ (1 + 3) = 2.5, where the plain mean is 2.
        assert!((2_480.0..2_540.0).contains(&expected), "{expected}");
    }

    #[test]
    fn one_outlier_raises_the_expectation_by_at_most_35_percent() {
        for outlier in [Micros::from_secs(600), Micros(u64::MAX)] {
            let mut poisoned = settled();
            poisoned.record(outlier);
            assert!(poisoned.expected().0 * 100 <= TWO_SECONDS.0 * 135);
        }
    }

    #[test]
    fn after_an_outlier_41_ordinary_requests_restore_the_expectation_within_10_percent() {
        let mut poisoned = settled();
        poisoned.record(Micros::from_secs(600));
        for _ in 0..41 {
            poisoned.record(TWO_SECONDS);
        }
        assert!(poisoned.expected().0 * 100 <= TWO_SECONDS.0 * 110);
    }

    #[test]
    fn an_outlier_among_the_first_few_raises_the_expectation_at_most_fourfold() {
        for before in 1..20 {
            let mut young = after(vec![TWO_SECONDS; before]);
            young.record(Micros::from_secs(600));
            assert!(young.expected().0 <= 4 * TWO_SECONDS.0);
        }
    }

    #[test]
    fn an_outlier_that_comes_first_is_forgotten_after_400_requests() {
        let mut first = after([Micros::from_secs(600)]);
        for _ in 0..400 {
            first.record(TWO_SECONDS);
        }
        assert!(first.expected().0 * 100 <= TWO_SECONDS.0 * 110);
    }

    #[test]
    fn a_route_that_becomes_a_hundred_times_slower_is_believed_within_20_requests() {
        let mut slower = settled();
        for _ in 0..20 {
            slower.record(Micros::from_secs(200));
        }
        assert!(slower.expected() >= Micros::from_secs(180));
    }

    #[test]
    fn the_state_survives_its_trip_through_one_word() {
        let learned = after([Micros(1), TWO_SECONDS, Micros(77)]);
        assert_eq!(Expectation::from_bits(learned.to_bits()), learned);
        assert_eq!(Expectation::UNKNOWN.to_bits(), 0);
    }

    #[test]
    fn the_largest_and_the_smallest_costs_neither_overflow_nor_vanish() {
        assert_eq!(after([Micros(u64::MAX); 500]).expected(), Micros::MAX_QUOTA);
        assert_eq!(after([Micros::ZERO; 500]).expected(), Micros(1));
    }
}
