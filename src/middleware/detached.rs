//! Work on a request's behalf that goes on elsewhere.

use crate::limiter::{Report, Reservation};
use crate::model::Micros;

/// What charges work that goes on elsewhere to the accounts of the request that asked for it: made by
/// [`Budget::detached`](crate::Budget::detached), and sent to a task or a thread.
///
/// Its time counts while it runs, and ends when this is dropped, whatever the reason, in the windows in which it has run.
/// Limits of requests, and of what runs at once, have to do with the request alone. What rules return of answers, and
/// [`waive`](crate::Budget::waive), are about the request as well. Where no limit of time applied to it, nothing
/// is charged.
#[derive(Debug)]
#[must_use = "work that is dropped at once is charged next to nothing"]
pub struct Detached(Option<Reservation>);

impl Detached {
    pub(crate) fn of(reservation: Option<Reservation>) -> Self {
        Self(reservation.filter(Reservation::takes_charges))
    }

    /// Charges so much more than the time that it runs, when it ends; see [`Reservation::charge`].
    pub fn charge(&mut self, extra: Micros) {
        if let Some(reservation) = &mut self.0 {
            reservation.charge(extra);
        }
    }

    /// Stops the time, as while the work waits in a queue.
    pub fn pause(&mut self) {
        if let Some(reservation) = &mut self.0 {
            reservation.pause();
        }
    }

    /// Lets the time run again.
    pub fn resume(&mut self) {
        if let Some(reservation) = &mut self.0 {
            reservation.resume();
        }
    }

    /// How long it has run.
    pub fn used(&self) -> Micros {
        self.0.as_ref().map_or(Micros::ZERO, Reservation::used)
    }

    /// Ends it, and says where the tightest limit of time stands then.
    pub fn finish(mut self) -> Option<Report> {
        self.0.as_mut()?.settle()
    }
}
