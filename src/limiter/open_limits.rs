//! The limits of a rule with their books open, for every client that there may be.

use crate::model::{Limit, Rule, Source, Tiers};
use crate::store::Book;

/// Limits with their books open.
pub(super) type OpenLimits = Vec<OpenLimit>;

/// A limit with its books open.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenLimit {
    pub(super) limit: Limit,
    pub(super) book: Book,
}

/// The limits of a rule, for those whom it says them for and for those who have others.
///
/// An account is known by the rule, unit and period of its limit but not by its quota. So a tier's multiple of a limit
/// draws on the account of the limit itself: whoever changes the tier takes along what was spent.
#[derive(Debug)]
pub(super) struct LimitsBySource {
    own: OpenLimits,
    /// By the tier's position; empty where nobody's limits differ.
    of_tiers: Vec<OpenLimits>,
    /// By the override's position, sorted: those alone that are about the rule.
    of_overrides: Vec<(usize, OpenLimits)>,
}

impl LimitsBySource {
    /// Opens the books of all limits that a rule may have.
    pub(super) fn open(rule: &Rule, tiers: &Tiers, open: impl Fn(&Limit) -> OpenLimit) -> Self {
        let of = |source| tiers.limits(rule, source).iter().map(&open).collect();
        let about = |at: &usize| tiers.source(rule, None, &[*at]) == Source::Override(*at);
        let overrides = (0..tiers.overrides().len()).filter(about);
        Self {
            own: of(Source::Rule),
            of_tiers: (0..tiers.tiers().len()).map(|at| of(Source::Tier(at))).collect(),
            of_overrides: overrides.map(|at| (at, of(Source::Override(at)))).collect(),
        }
    }

    /// The limits from a source.
    #[inline]
    pub(super) fn of(&self, source: Source) -> &OpenLimits {
        match source {
            Source::Rule => &self.own,
            Source::Tier(at) => &self.of_tiers[at],
            Source::Override(at) => {
                let found = self.of_overrides.binary_search_by_key(&at, |(position, _)| *position);
                found.map_or(&self.own, |found| &self.of_overrides[found].1)
            }
        }
    }

    /// The limit that a book is of, with the quota of those whom the rule says it for, if it does.
    pub(super) fn limit_of(&self, book: Book) -> Option<Limit> {
        // Nearly all are the rule's own; a chain through the others costs a refusal more than the search.
        let own = self.own.iter().find(|open| open.book == book);
        own.or_else(|| self.of_others(book)).map(|open| open.limit)
    }

    #[cold]
    fn of_others(&self, book: Book) -> Option<&OpenLimit> {
        let of_overrides = self.of_overrides.iter().map(|(_, limits)| limits);
        self.of_tiers.iter().chain(of_overrides).flatten().find(|open| open.book == book)
    }

    /// How many limits the rule has for those for whom it has most.
    pub(super) fn most(&self) -> usize {
        let others = self.of_tiers.iter().chain(self.of_overrides.iter().map(|(_, limits)| limits));
        others.map(Vec::len).fold(self.own.len(), usize::max)
    }
}
