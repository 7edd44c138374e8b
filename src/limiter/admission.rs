//! The decision before the handler, and what is said of it.

use std::fmt;
use std::sync::Arc;

use crate::limiter::holding::Holding;
use crate::limiter::refusal::Refused;
use crate::limiter::{Limiter, Refusal, Reservation};
use crate::model::{Facts, Now};
use crate::store::{Asking, Fault};

/// The decision before the handler.
#[derive(Debug)]
pub enum Admission {
    /// The request is none of the limiter's business: not decided, not charged, no headers.
    Exempt,
    /// The request may run; it is charged until the reservation is settled or dropped.
    Admitted(Reservation),
    /// The request is not to be served.
    Refused(Refusal),
    /// Others have to be asked first. A limiter over a memory store never says so.
    Pending(Pending),
}

impl Admission {
    /// Decides over a request with a limiter that the reservation is to hold on to.
    ///
    /// CORS preflights are never refused, since a browser would show its user an error that names no limit; their time
    /// is charged.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed.
    pub fn of(limiter: Arc<Limiter>, facts: &dyn Facts) -> Result<Self, Fault> {
        let mut reservation = Reservation::new(limiter, Holding::vacant());
        let (limiter, holding) = reservation.parts();
        Ok(match holding.admit(limiter, facts)? {
            Decision::Exempt => Self::Exempt,
            Decision::Admitted => Self::Admitted(reservation),
            Decision::Refused(refused) => Self::Refused(holding.refusal(limiter, &refused)),
            Decision::Open(question) => Self::Pending(Pending { reservation, question }),
        })
    }

    /// Waits where others have to be asked first: what comes is never [`Admission::Pending`].
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed and is told to refuse then.
    pub async fn decided(self) -> Result<Self, Fault> {
        match self {
            Self::Pending(pending) => pending.decided().await,
            decided => Ok(decided),
        }
    }
}

/// A request about which the store asks others.
///
/// Its time runs already. Dropping it ends the request.
#[derive(Debug)]
#[must_use = "nothing is decided until it is awaited"]
pub struct Pending {
    reservation: Reservation,
    question: Box<Question>,
}

impl Pending {
    /// Waits for the decision.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store failed and is told to refuse then.
    pub async fn decided(self) -> Result<Admission, Fault> {
        let Self { mut reservation, question } = self;
        let answer = question.asking.await;
        let (limiter, holding) = reservation.parts();
        let answer = answer.map_err(|fault| limiter.failed(fault))?;
        Ok(match holding.conclude(limiter, answer, question.now) {
            Decision::Refused(refused) => Admission::Refused(holding.refusal(limiter, &refused)),
            _ => Admission::Admitted(reservation),
        })
    }
}

/// What the store asks others, about a request that arrived at `now`.
pub(crate) struct Question {
    pub(crate) asking: Asking,
    pub(crate) now: Now,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The decision before the handler, over a holding that is in its place already.
#[derive(Debug)]
pub(crate) enum Decision {
    Exempt,
    Admitted,
    Refused(Refused),
    /// Boxed, since few stores ask, and a decision is moved.
    Open(Box<Question>),
}
