//! What observers and the log are yet to be told, once the request's place can be asked.
//!
//! Whoever decides or settles has the place borrowed. Observers are the application's code, which may ask, from within what it is
//! told, where that very request stands. So what happens is noted first, and told afterwards: a decision and the end of a request by
//! its claims where they lie, which nothing changes any more, and the settlement of a part by a copy of what was settled.

use crate::limiter::Limiter;
use crate::limiter::event::{Event, What};
use crate::limiter::told::Told;
use crate::model::{KeyDigest, Now, UnixMicros};
use crate::store::{Claim, Settlement};

/// What is yet to be told.
#[must_use = "what is not told, nobody hears"]
#[derive(Default)]
pub(crate) enum Untold {
    #[default]
    Nothing,
    /// This has happened to the request as a whole.
    Whole(What),
    /// What few requests have.
    More(Box<More>),
}

/// What has happened to parts of a request or beside it, in its order, and then perhaps to the whole.
#[derive(Default)]
pub(crate) struct More {
    before: Vec<Happened>,
    pub(crate) whole: Option<What>,
}

/// Something that has happened beside. It is noted only where somebody is told of it.
enum Happened {
    /// A client has come with a key that its site knows.
    Key(KeyDigest, UnixMicros),
    /// These claims were settled.
    Settled { told: Told, now: Now, claims: Vec<Claim>, settlement: Settlement },
}

impl Untold {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Something has happened to the request as a whole, which its place says until it is told.
    #[inline]
    pub(crate) fn whole(&mut self, what: What) {
        match self {
            Self::More(more) => more.whole = Some(what),
            Self::Nothing | Self::Whole(_) => *self = Self::Whole(what),
        }
    }

    #[cold]
    pub(crate) fn key(&mut self, key: KeyDigest, at: UnixMicros) {
        self.note(Happened::Key(key, at));
    }

    /// Some claims have been settled.
    pub(crate) fn settled(&mut self, told: Told, now: Now, claims: &[Claim], settlement: &Settlement) {
        let (claims, settlement) = (claims.to_vec(), *settlement);
        self.note(Happened::Settled { told, now, claims, settlement });
    }

    /// The same of all of them, where the place will say something else by the time when it is told.
    #[cold]
    pub(crate) fn copied(&mut self, told: Told, now: Now, claims: &[Claim], settlement: &Settlement) {
        if let Self::Whole(_) = self {
            *self = Self::Nothing;
            self.settled(told, now, claims, settlement);
        }
    }

    fn note(&mut self, happened: Happened) {
        let mut more = match std::mem::take(self) {
            Self::More(more) => more,
            Self::Whole(what) => Box::new(More { whole: Some(what), ..More::default() }),
            Self::Nothing => Box::default(),
        };
        more.before.push(happened);
        *self = Self::More(more);
    }
}

impl More {
    /// Tells what has happened before. Nothing may be borrowed that the application's code can ask for.
    pub(crate) fn tell_before(&self, limiter: &Limiter) {
        // By reference: what has happened is large, and each step would move it.
        for happened in &self.before {
            match happened {
                Happened::Key(key, at) => limiter.observer.tell_of_key(limiter.site(), key, *at),
                Happened::Settled { told, now, claims, settlement } => {
                    let event: Event<'_> = told.event(limiter, now, claims, settlement, What::Settled);
                    limiter.observer.tell(&event);
                }
            }
        }
    }
}
