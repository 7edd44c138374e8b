//! What rules may see of the answer to a request, and which answers they charge.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::model::statuses::Statuses;

/// What rules may see of the answer to a request, whatever framework sends it.
///
/// A number is the answer with that status.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeWhen {
    /// Those with one of these statuses.
    Statuses(Statuses),
    /// Those of which a closure says so.
    Judged(Judge),
}

impl ChargeWhen {
    /// Whether an answer is charged.
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
