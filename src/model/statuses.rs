//! Sets of status codes, such as those of failures.

/// A set of status codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(pub Vec<StatusSet>);

/// One status, or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSet {
    /// All statuses with this first digit, as `4xx`.
    Class(u16),
    /// Exactly this one.
    Code(u16),
}

impl<const N: usize> From<[u16; N]> for Statuses {
    fn from(codes: [u16; N]) -> Self {
        Self(codes.map(StatusSet::Code).into())
    }
}

impl Statuses {
    /// Whether a status is in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{StatusSet, Statuses};
    /// let failures = Statuses(vec![StatusSet::Class(4), StatusSet::Code(500)]);
    /// assert!(failures.contains(404) && failures.contains(500));
    /// assert!(!failures.contains(200) && !failures.contains(503));
    /// ```
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|set| match set {
            StatusSet::Class(class) => status / 100 == *class,
            StatusSet::Code(code) => status == *code,
        })
    }
}
