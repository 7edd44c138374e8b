//! What observers are told of a request, whatever happens to it; and what a request is charged that is free.

use crate::limiter::Limiter;
use crate::limiter::event::{Event, Kind, What};
use crate::model::{Micros, Now};
use crate::store::{Claim, Settlement};

/// What observers are told of a request, whatever happens to it.
pub(crate) struct Told<'a> {
    pub(crate) limiter: &'a Limiter,
    pub(crate) now: &'a Now,
    pub(crate) route: u32,
    pub(crate) kind: Kind,
    pub(crate) is_cut: bool,
    /// How long it has run.
    pub(crate) ran: Micros,
    /// How many of its claims run, those included that are being settled.
    pub(crate) running: u32,
}

impl<'a> Told<'a> {
    /// Settles claims, and tells of those that run until then.
    #[inline]
    pub(crate) fn settle(&mut self, claims: &mut [Claim], settlement: &Settlement) {
        if self.limiter.observers.is_empty() {
            return self.limiter.engine.store.settle(claims, settlement, *self.now);
        }
        for claims in claims.chunk_by_mut(|one, other| one.run.is_on == other.run.is_on) {
            self.settle_alike(claims, settlement);
        }
    }

    /// The same, of claims all of which run, or none.
    #[inline]
    fn settle_alike(&mut self, claims: &mut [Claim], settlement: &Settlement) {
        if claims[0].run.is_on {
            self.running -= claims.len() as u32;
            self.limiter.engine.store.settle(claims, settlement, *self.now);
            self.limiter.observers.tell(&self.event(claims, settlement, What::Settled));
        }
    }

    #[inline]
    pub(crate) const fn event<'e>(
        &'e self,
        claims: &'e [Claim],
        settlement: &'e Settlement,
        what: What,
    ) -> Event<'e>
    where
        'a: 'e,
    {
        let Self { limiter, now, route, kind, is_cut, ran, running } = *self;
        let is_last = matches!(what, What::Settled) && running == 0;
        let ended = if is_last { Some(ran) } else { None };
        Event { limiter, claims, settlement, route, now, kind, is_cut, ended, what }
    }
}

/// The end of a request that is charged nothing: each account returns what it was charged in its window.
pub(crate) const fn free(settlement: Settlement) -> Settlement {
    let extra_micros = -(settlement.cost.0 as i64);
    Settlement { extra_micros, extra_requests: 0, returned: true, ..settlement }
}
