//! What observers are told of a request, whatever happens to it; and what a request is charged that is free.

use crate::limiter::Limiter;
use crate::limiter::event::{Ended, Event, Kind, What};
use crate::model::Now;
use crate::store::{Claim, Settlement};

/// What observers are told of a request, whatever happens to it.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) route: u32,
    pub(crate) kind: Kind,
    pub(crate) is_cut: bool,
    pub(crate) ended: Ended,
}

impl Told {
    #[inline]
    pub(crate) const fn event<'a>(
        self,
        limiter: &'a Limiter,
        now: &'a Now,
        claims: &'a [Claim],
        settlement: &'a Settlement,
        what: What,
    ) -> Event<'a> {
        let Self { route, kind, is_cut, ended } = self;
        Event { limiter, claims, settlement, route, now, kind, is_cut, ended, what }
    }
}

/// The end of a request that is charged nothing: each account returns what it was charged in its window.
pub(crate) const fn free(settlement: Settlement) -> Settlement {
    let extra_micros = -(settlement.cost.0 as i64);
    Settlement { extra_micros, extra_requests: 0, returned: true, ..settlement }
}
