//! All limits that a request was claimed on, and where each stands.

use std::ops::Deref;

use crate::limiter::refusal::retry_after_secs;
use crate::limiter::{Limiter, Reservation};
use crate::model::Limit;
use crate::store::Claim;

/// A limit that a request was claimed on, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InForce<'a> {
    /// The name of its rule.
    pub(crate) rule: &'a str,
    /// Whether its rule has no other.
    pub(crate) is_only: bool,
    /// The limit as its rule has it.
    pub(crate) limit: Limit,
    /// What the window grants, in the limit's unit.
    pub(crate) quota: u64,
    /// How long the window is; a cap on running requests has none.
    pub(crate) window_secs: Option<u64>,
    /// What is left of it.
    pub(crate) remaining: u64,
    /// After how many seconds more of it can be had; not known of a cap that has room.
    pub(crate) wait_secs: Option<u64>,
    /// Whether it makes its rule refuse the request.
    pub(crate) refuses: bool,
}

impl<L: Deref<Target = Limiter>> Reservation<L> {
    /// All limits that the request was claimed on, but for those in shadow, as they stood when the store last looked.
    pub(crate) fn in_force(&self) -> impl Iterator<Item = InForce<'_>> {
        let claims = self.claims.iter().filter(|claim| !claim.ask.shadow);
        claims.filter_map(|claim| InForce::of(&self.limiter, claim, self.route))
    }
}

impl<'a> InForce<'a> {
    /// `None` if the claim is on none of its rule's books, which no claim is.
    fn of(limiter: &'a Limiter, claim: &Claim, route: u32) -> Option<Self> {
        let open = &limiter.rules[usize::from(claim.ask.rule)];
        let limit = limiter.limit_of(claim)?;
        let reset = limit.period().map(|_| claim.standing.left.secs_rounded_up().max(1));
        let wait = || retry_after_secs(claim, limiter.expected(claim, route));
        Some(Self {
            rule: &open.name,
            is_only: open.limits.most() == 1 && open.computed.is_none(),
            limit,
            quota: claim.ask.quota,
            window_secs: limit.period().map(|_| claim.standing.window.length().secs_rounded_up()),
            remaining: claim.remaining(),
            wait_secs: if claim.refuses() { Some(wait()) } else { reset },
            refuses: claim.refuses(),
        })
    }
}
