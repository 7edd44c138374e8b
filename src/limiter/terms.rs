//! Open tiers: who may spend something else than a limiter's rules say, which is replaced while requests run.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::limiter::books::{Books, OpenLimit};
use crate::model::{Rule, SharedTiers, Source};
use crate::store::Store;

/// The terms in force: who reads them keeps those that there are then.
pub(crate) type TiersInForce = ArcSwap<OpenTiers>;

/// Tiers, and the limits that they make of a limiter's rules.
///
/// A request reads them once, so that all its rules are decided by one state of them, and a position means the same from the first
/// rule to the last.
#[derive(Debug)]
pub(crate) struct OpenTiers {
    pub(crate) tiers: SharedTiers,
    limits: Arc<OfTiers>,
}

/// The limits of each rule for each tier, in one row: thousands of limiters are made at once.
#[derive(Debug)]
struct OfTiers {
    /// How many tiers there are.
    tiers: usize,
    /// Those of the first rule for the first tier, for the second, and so on to the last rule.
    row: Vec<OpenLimit>,
    /// Where those of each rule for each tier end in it.
    ends: Vec<usize>,
}

impl OfTiers {
    /// Those of the rule and the tier at these positions.
    #[inline]
    fn of(&self, rule: usize, tier: usize) -> &[OpenLimit] {
        let at = rule * self.tiers + tier;
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.row[begin..self.ends[at]]
    }
}

impl OpenTiers {
    /// The terms of tiers, with the books of all their limits open.
    pub(crate) fn new(tiers: SharedTiers, rules: &[(&Rule, &Books)], store: &dyn Store) -> Self {
        let count = tiers.tiers().len();
        // As many as the rules have, where no tier has limits of its own.
        let most = rules.iter().map(|(rule, _)| rule.limits.len()).sum::<usize>() * count;
        let (row, ends) = (Vec::with_capacity(most), Vec::with_capacity(rules.len() * count));
        let mut limits = OfTiers { tiers: count, row, ends };
        for (rule, books) in rules {
            for at in 0..count {
                let said = tiers.limits(rule, Source::Tier(at));
                limits.row.extend(said.iter().map(|limit| books.of(limit, store)));
                limits.ends.push(limits.row.len());
            }
        }
        Self { tiers, limits: Arc::new(limits) }
    }

    /// Those of others in the same tiers: the limits stay as they are, however many users are moved.
    pub(crate) fn of_others(&self, tiers: SharedTiers) -> Self {
        Self { tiers, limits: Arc::clone(&self.limits) }
    }

    /// The limits of a rule, by its position, for those in a tier, by its position among the tiers of these terms.
    #[inline]
    pub(crate) fn limits(&self, rule: usize, tier: usize) -> &[OpenLimit] {
        self.limits.of(rule, tier)
    }

    /// How many limits those have for whom a rule has most, but for its own.
    pub(crate) fn most(&self, rule: usize) -> usize {
        let of_tiers = (0..self.limits.tiers).map(|tier| self.limits.of(rule, tier).len());
        of_tiers.fold(self.tiers.overrides.most_limits(), usize::max)
    }
}
