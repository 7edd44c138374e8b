//! The claims of one request, each in its place.

use std::ops::{Deref, DerefMut};

use crate::store::{Ask, Claim};

/// How many claims most requests have at most.
const FEW: usize = 2;

/// The claims of one request.
///
/// A claim is filled in where it stays: copied there, it would cost a request sixty instructions. And who is served next
/// in the same place finds room for as many.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    few: [Claim; FEW],
    len: usize,
    /// All of them, where they are more than few.
    many: Vec<Claim>,
}

impl Claims {
    pub(crate) const fn new() -> Self {
        Self { few: [Claim::NONE; FEW], len: 0, many: Vec::new() }
    }

    /// Whether there are none: asked without a look where they lie.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Claims what is asked; returns the claim to be changed.
    #[inline]
    pub(crate) fn push(&mut self, ask: &Ask) -> &mut Claim {
        let at = self.len;
        self.len += 1;
        let claim = if at < FEW { &mut self.few[at] } else { self.room_for(at) };
        claim.ask = *ask;
        claim.run = Default::default();
        claim
    }

    pub(crate) fn extend<'a>(&mut self, claims: impl IntoIterator<Item = &'a Claim>) {
        claims.into_iter().for_each(|claim| *self.push(&claim.ask) = *claim);
    }

    #[cold]
    fn room_for(&mut self, at: usize) -> &mut Claim {
        if at == FEW {
            self.many.clear();
            self.many.extend(self.few);
        }
        self.many.push(Claim::NONE);
        &mut self.many[at]
    }
}

impl PartialEq for Claims {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Deref for Claims {
    type Target = [Claim];

    #[inline]
    fn deref(&self) -> &[Claim] {
        if self.len <= FEW { &self.few[..self.len] } else { &self.many }
    }
}

impl DerefMut for Claims {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Claim] {
        if self.len <= FEW { &mut self.few[..self.len] } else { &mut self.many }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeyHash;
    use crate::store::{Book, Charge};

    #[test]
    fn a_place_that_is_used_again_holds_what_was_claimed_last_however_much_it_is() {
        let ask = |n: u32| Ask::new(Book { calendar: n, salt: [n; 3] }, KeyHash([n; 4]), 1, Charge::Place);
        let mut claims = Claims::new();
        for len in [5, 1, 2, 3, 0, 7] {
            claims.clear();
            (0..len).for_each(|n| claims.push(&ask(n + len)).run.is_on = true);
            let asked: Vec<_> = claims.iter().map(|claim| claim.ask).collect();
            assert_eq!(asked, (0..len).map(|n| ask(n + len)).collect::<Vec<_>>());
            assert!(claims.iter().all(|claim| claim.run.is_on));
        }
    }
}
