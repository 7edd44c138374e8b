//! Terms: from when and until when something holds.

use crate::model::units::UnixMicros;

/// From when and until when something holds, by the wall clock: `[from, until)`.
///
/// # Examples
///
/// ```
/// use timebudget::UnixMicros;
/// use timebudget::Term;
/// let until_five = Term { from: None, until: Some(UnixMicros(5)) };
/// assert!(until_five.holds(UnixMicros(4)) && !until_five.holds(UnixMicros(5)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The first instant; `None` if it has always held.
    pub from: Option<UnixMicros>,
    /// The first instant after it; `None` if it holds for ever.
    pub until: Option<UnixMicros>,
}

impl Term {
    /// Whether it holds at an instant.
    pub fn holds(&self, at: UnixMicros) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether there is an instant at which it holds.
    pub fn is_possible(&self) -> bool {
        !matches!((self.from, self.until), (Some(from), Some(until)) if from >= until)
    }

    /// Whether there is an instant at which both hold.
    pub fn meets(&self, other: &Self) -> bool {
        let from = self.from.max(other.from);
        let until = [self.until, other.until].into_iter().flatten().min();
        Self { from, until }.is_possible()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(from: Option<i64>, until: Option<i64>) -> Term {
        Term { from: from.map(UnixMicros), until: until.map(UnixMicros) }
    }

    #[test]
    fn a_term_holds_from_its_beginning_until_before_its_end() {
        let term = term(Some(3), Some(5));
        assert_eq!([2, 3, 4, 5].map(|at| term.holds(UnixMicros(at))), [false, true, true, false]);
    }

    #[test]
    fn terms_that_touch_do_not_meet() {
        assert!(!term(None, Some(5)).meets(&term(Some(5), None)));
        assert!(term(None, Some(6)).meets(&term(Some(5), None)));
        assert!(term(None, None).meets(&term(None, None)));
        assert!(!term(Some(5), Some(5)).is_possible());
    }
}
