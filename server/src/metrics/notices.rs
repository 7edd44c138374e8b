//! Lines of the log about refusals and about accounts of which four fifths are spent: so many a second, and of the others their
//! number.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use timebudget::explanation::Span;
use timebudget::{Event, Micros, ObservedLimit, Unit};

/// How many accounts are remembered as told of. A power of two.
const REMEMBERED: usize = 1_024;

/// What tells the log of refusals and near limits.
pub(crate) struct Notices {
    /// How many lines a second; 0 for none.
    most: u64,
    /// How many lines of this second have been written, or left out.
    told: AtomicU64,
    /// Accounts near their limits that were told of in their windows: one that comes near another's place is told of twice.
    near: Box<[AtomicU64]>,
}

impl Notices {
    /// At most so many lines a second.
    pub(crate) fn new(most: u16) -> Self {
        let near = (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        Self { most: most.into(), told: AtomicU64::new(0), near }
    }

    /// Whether four fifths of an account are spent.
    #[inline]
    pub(crate) const fn is_near(limit: &ObservedLimit<'_>) -> bool {
        let quota = limit.quota();
        quota > 0 && limit.spent() >= quota - quota / 5
    }

    #[inline]
    pub(crate) fn refused(&self, event: &Event<'_>, limit: &ObservedLimit<'_>) {
        if self.may_tell() {
            let (site, rule) = (&event.site().name, &limit.rule().name);
            log::info!(
                "refused: site {site}, rule {rule}, limit {}, account {}, window ends in {}",
                limit.limit(),
                limit.account(),
                Span(limit.left().secs_rounded_up())
            );
        }
    }

    #[cold]
    pub(crate) fn near(&self, event: &Event<'_>, limit: &ObservedLimit<'_>) {
        if self.most == 0 || limit.limit().period().is_none() || !self.is_news(event, limit) {
            return;
        }
        if self.may_tell() {
            let (site, rule) = (&event.site().name, &limit.rule().name);
            let spent = match limit.unit() {
                Unit::Time => Micros(limit.spent()).to_string(),
                _ => limit.spent().to_string(),
            };
            log::info!(
                "near limit: site {site}, rule {rule}, limit {}, {spent} spent, account {}, window ends in {}",
                limit.limit(),
                limit.account(),
                Span(limit.left().secs_rounded_up())
            );
        }
    }

    /// Whether an account was not told of in this window.
    fn is_news(&self, event: &Event<'_>, limit: &ObservedLimit<'_>) -> bool {
        let end = (event.at().0.saturating_add_unsigned(limit.left().0) + 500_000).div_euclid(1_000_000);
        let mut hasher = DefaultHasher::new();
        (limit.account(), limit.rule_number(), limit.limit(), end).hash(&mut hasher);
        let tag = hasher.finish().max(1);
        self.near[tag as usize % REMEMBERED].swap(tag, Relaxed) != tag
    }

    #[inline]
    fn may_tell(&self) -> bool {
        self.most > 0 && self.told.fetch_add(1, Relaxed) < self.most
    }

    /// Begins another second, and says how many lines of the last were left out.
    pub(crate) fn next_second(&self) -> u64 {
        self.told.swap(0, Relaxed).saturating_sub(self.most)
    }

    /// The same, and tells the log.
    pub(crate) fn turn(&self) {
        let left_out = self.next_second();
        if self.most > 0 && left_out > 0 {
            log::info!("{left_out} more refusals and near limits in the last second");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_than_so_many_in_a_second_the_number_is_told() {
        let notices = Notices::new(2);
        let told = (0..5).filter(|_| notices.may_tell()).count();
        assert_eq!((told, notices.next_second()), (2, 3));
        assert!(notices.may_tell());
        assert_eq!(notices.next_second(), 0);
    }

    #[test]
    fn none_a_second_are_none() {
        assert!(!Notices::new(0).may_tell());
    }
}
