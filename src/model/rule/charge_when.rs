//! Which answers a rule charges: by their status, or as a closure judges them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::model::said::separated;

/// A set of status codes, such as those of the answers that a rule charges.
///
/// Displays as in a site file: `404, 5xx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(pub Vec<StatusSet>);

/// One status, or a class of them: `404`, or `4xx`.
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

/// What rules may see of the answer to a request, whatever framework sends it.
///
/// A number is the answer with that status.
///
/// Whoever decides without actix implements it where the status alone is not enough for the closures of its rules.
pub trait Answer {
    /// The status.
    fn status(&self) -> u16;

    /// The head of the answer as its framework knows it.
    fn head(&self) -> Option<&dyn Any> {
        None
    }
}

impl Answer for u16 {
    fn status(&self) -> u16 {
        *self
    }
}

/// The answers that a rule charges; for others the reservation is returned.
///
/// A request without an answer, whose client is gone or whose handler has panicked, is charged.
///
/// It can make a limit of failures: a login that succeeds is returned, and costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChargeWhen {
    /// Those with one of these statuses.
    Statuses(Statuses),
    /// Those of which a closure says so.
    Judged(Judge),
}

impl ChargeWhen {
    /// Whether an answer is charged; what is not is given back when the request ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Answer, ChargeWhen, Judge};
    /// let failures = ChargeWhen::Judged(Judge::new(|answer: &dyn Answer| answer.status() >= 400));
    /// assert!(failures.charges(&404) && !failures.charges(&200));
    /// assert!(ChargeWhen::from([404]).charges(&404));
    /// ```
    pub fn charges(&self, answer: &dyn Answer) -> bool {
        match self {
            Self::Statuses(statuses) => statuses.contains(answer.status()),
            Self::Judged(judge) => (judge.0)(answer),
        }
    }
}

impl<S: Into<Statuses>> From<S> for ChargeWhen {
    fn from(statuses: S) -> Self {
        Self::Statuses(statuses.into())
    }
}

/// A closure that says of an answer whether it is charged; two are equal if they are clones of one.
#[derive(Clone)]
pub struct Judge(Arc<Judgement>);

type Judgement = dyn Fn(&dyn Answer) -> bool + Send + Sync;

impl Judge {
    /// Charges the answers of which the closure says so.
    pub fn new(is_charged: impl Fn(&dyn Answer) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_charged))
    }
}

impl PartialEq for Judge {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl Eq for Judge {}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge(..)")
    }
}

impl fmt::Display for Statuses {
    /// Writes the statuses and classes: `404, 5xx`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.0, ", ")
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Code(code) => code.fmt(f),
        }
    }
}
