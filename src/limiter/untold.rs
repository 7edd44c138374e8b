//! What observers and the log are yet to be told, once nothing is borrowed any more.
//!
//! Whoever decides or settles has the request's place borrowed. Observers are the application's code, which may ask, from
//! within what it is told, where that request stands. So what happens is noted first, and told when the place is free.

use smallvec::SmallVec;

use crate::limiter::Limiter;
use crate::limiter::event::{Event, What};
use crate::limiter::told::Told;
use crate::model::{KeyDigest, Now, UnixMicros};
use crate::store::{Claim, Settlement};

/// What is yet to be told, in the order in which it happened.
#[must_use = "what is not told, nobody hears"]
#[derive(Default)]
pub(crate) struct Untold(Vec<Happened>);

/// Something that has happened. It is noted only where somebody is told of it.
enum Happened {
    /// A client has come with a key that its site knows.
    Key(KeyDigest, UnixMicros),
    /// A decision, or a settlement, of these claims.
    Event { told: Told, now: Now, claims: SmallVec<[Claim; 2]>, settlement: Settlement, what: What },
    /// Rules in shadow would have refused a request that was admitted.
    Shadows(SmallVec<[Claim; 2]>),
}

impl Untold {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    #[cold]
    pub(crate) fn key(&mut self, key: KeyDigest, at: UnixMicros) {
        self.note(Happened::Key(key, at));
    }

    pub(crate) fn event(
        &mut self,
        told: Told,
        now: Now,
        claims: &[Claim],
        settlement: &Settlement,
        what: What,
    ) {
        let (claims, settlement) = (SmallVec::from_slice(claims), *settlement);
        self.note(Happened::Event { told, now, claims, settlement, what });
    }

    #[cold]
    pub(crate) fn shadows(&mut self, claims: &[Claim]) {
        self.note(Happened::Shadows(SmallVec::from_slice(claims)));
    }

    /// Mostly it is the only one.
    #[inline]
    fn note(&mut self, happened: Happened) {
        self.0.reserve_exact(1);
        self.0.push(happened);
    }

    /// Tells all of it. Nothing may be borrowed that the application's code can ask for.
    #[inline(always)]
    pub(crate) fn tell(self, limiter: &Limiter) {
        if !self.0.is_empty() {
            self.tell_of_some(limiter);
        }
    }

    #[inline(never)]
    fn tell_of_some(self, limiter: &Limiter) {
        // By reference: what has happened is large, and each step would move it.
        for happened in &self.0 {
            match happened {
                Happened::Key(key, at) => limiter.observers.tell_of_key(limiter.site(), key, *at),
                Happened::Event { told, now, claims, settlement, what } => {
                    let event: Event<'_> = told.event(limiter, now, claims, settlement, *what);
                    limiter.observers.tell(&event);
                }
                Happened::Shadows(claims) => limiter.log_shadows(claims),
            }
        }
    }
}
