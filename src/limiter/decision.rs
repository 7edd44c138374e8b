//! A decision over what a request holds, in the few words that go with each request; and what the store asks others before.

use std::fmt;

use crate::model::Now;
use crate::store::Asking;

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
    /// Why, [the holding says](crate::limiter::Holding::why_refused): not with the decision, which each request moves.
    Refused,
    /// Boxed, since few stores ask, and a decision is moved.
    Open(Box<Question>),
}
