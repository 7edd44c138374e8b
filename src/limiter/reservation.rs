//! A reservation: an admitted request that has not been settled.

use std::sync::Arc;

use crate::limiter::holding::Holding;
use crate::limiter::{LimitReport, Limiter, Report};
use crate::model::{Answer, Micros};

/// An admitted request that has not been settled: its time runs.
///
/// Dropping it settles it, whatever became of the request: settlement is synchronous, cannot fail, and happens
/// exactly once.
#[derive(Debug)]
#[must_use = "a reservation that is dropped at once charges next to nothing"]
pub struct Reservation {
    limiter: Arc<Limiter>,
    holding: Holding,
}

impl Reservation {
    pub(crate) const fn new(limiter: Arc<Limiter>, holding: Holding) -> Self {
        Self { limiter, holding }
    }

    pub(super) const fn parts(&mut self) -> (&Arc<Limiter>, &mut Holding) {
        (&self.limiter, &mut self.holding)
    }

    /// The limiter that admitted the request.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// Stops the time, since the request waits for its client. Without effect on a request that is paused.
    pub fn pause(&mut self) {
        self.holding.pause(&self.limiter);
    }

    /// Lets the time run again. Without effect on a request that runs.
    pub fn resume(&mut self) {
        self.holding.resume(&self.limiter);
    }

    /// Charges so much on top of the time that the request takes, for work that is done elsewhere.
    ///
    /// It is charged when the request ends, and lost where that [has happened](Self::takes_charges).
    ///
    /// All that is charged to one request comes to at most [`Micros::MAX_QUOTA`], which spends every quota: much more
    /// would take the account past the numbers that it can hold, and so make it look unspent.
    pub fn charge(&mut self, extra: Micros) {
        self.holding.charge(extra);
    }

    /// Whether what is charged now will be: not to a request that has ended or is free, nor where no limit is of time.
    pub fn takes_charges(&self) -> bool {
        self.holding.takes_charges()
    }

    /// Makes the request free: what it was charged is returned at once, it holds nothing any more, and what it does from
    /// now on costs nothing.
    ///
    /// Each limit returns what it was charged in the window that is in force now; what the request has cost windows that
    /// have ended stays there. A place under a cap is taken until the request ends.
    pub fn waive(&mut self) {
        self.holding.waive(&self.limiter);
    }

    /// How long the request has run.
    pub fn used(&self) -> Micros {
        self.holding.used(&self.limiter)
    }

    /// Where the tightest limit stands; `None` if no rule applies.
    pub fn report(&mut self) -> Option<Report> {
        self.holding.tightest(&self.limiter).map(Report::from)
    }

    /// Where each limit stands that applies to the request, also to one that was refused.
    pub fn limits(&mut self) -> Vec<LimitReport> {
        self.holding.limits(&self.limiter)
    }

    /// Ends the request and says where the tightest limit stands then; `None` if no rule applies.
    pub fn settle(&mut self) -> Option<Report> {
        self.holding.settle_and_look(&self.limiter).map(Report::from)
    }

    /// Says what the answer is: rules may charge some answers only.
    pub fn answered(&mut self, answer: &dyn Answer) {
        let returned = self.limiter.returning(self.holding.rules(), answer);
        self.holding.give_back(&self.limiter, &returned);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.holding.settle(&self.limiter);
    }
}
