//! Terms: who may spend something else than a limiter's rules say, which is replaced while requests run.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::limiter::books::{Books, OpenLimit};
use crate::model::{Rule, SharedTiers, Source};
use crate::store::Store;

/// The terms in force: who reads them keeps those that there are then.
pub(crate) type TermsInForce = ArcSwap<Terms>;

/// Tiers, and the limits that they make of a limiter's rules.
///
/// A request reads them once, so that all its rules are decided by one state of them, and a position means the same from the first
/// rule to the last.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) tiers: SharedTiers,
    /// By the position of the rule, then of the tier.
    limits: Arc<[Vec<Vec<OpenLimit>>]>,
}

impl Terms {
    /// The terms of tiers, with the books of all their limits open.
    pub(crate) fn new(tiers: SharedTiers, rules: &[(&Rule, &Books)], store: &dyn Store) -> Self {
        let of_tier = |rule: &Rule, books: &Books, at| {
            tiers.limits(rule, Source::Tier(at)).iter().map(|limit| books.of(limit, store)).collect()
        };
        let of_rule = |(rule, books): &(&Rule, &Books)| {
            (0..tiers.tiers().len()).map(|at| of_tier(rule, books, at)).collect()
        };
        let limits = rules.iter().map(of_rule).collect();
        Self { tiers, limits }
    }

    /// Those of others in the same tiers: the limits stay as they are, however many users are moved.
    pub(crate) fn of_others(&self, tiers: SharedTiers) -> Self {
        Self { tiers, limits: Arc::clone(&self.limits) }
    }

    /// The limits of a rule, by its position, for those in a tier, by its position among the tiers of these terms.
    #[inline]
    pub(crate) fn limits(&self, rule: usize, tier: usize) -> &[OpenLimit] {
        &self.limits[rule][tier]
    }

    /// How many limits those have for whom a rule has most, but for its own.
    pub(crate) fn most(&self, rule: usize) -> usize {
        let of_tiers = self.limits[rule].iter().map(Vec::len);
        of_tiers.fold(self.tiers.overrides.most_limits(), usize::max)
    }
}
