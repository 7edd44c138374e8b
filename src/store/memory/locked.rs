//! The locked shards of one decision.
//!
//! All keys of a decision mostly lie in one shard, always so where there is one key; those of a site and of an address in
//! two. These cases are compiled apart: a decision that looked its shards up in a list took half as long again.

use std::iter;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::SHARDS;
use super::shard::Shard;
use crate::model::KeyHash;
use crate::store::Claim;

/// Every shard that a key of the decision lies in.
pub(crate) trait Locked {
    /// The shard of a key of this decision.
    fn shard(&mut self, key: KeyHash) -> &mut Shard;
}

/// The one shard that all keys lie in.
impl Locked for MutexGuard<'_, Shard> {
    #[inline]
    fn shard(&mut self, _: KeyHash) -> &mut Shard {
        self
    }
}

/// Two shards, as they lie that have a rule by site and one by address.
pub(crate) struct Two<'a> {
    first: usize,
    shards: [MutexGuard<'a, Shard>; 2],
}

impl<'a> Two<'a> {
    /// Locks both in their order, as all who lock several.
    pub(crate) fn lock(shards: &'a [Mutex<Shard>; SHARDS], first: usize, second: usize) -> Self {
        Self { first, shards: [shards[first].lock(), shards[second].lock()] }
    }
}

impl Locked for Two<'_> {
    #[inline]
    fn shard(&mut self, key: KeyHash) -> &mut Shard {
        &mut self.shards[usize::from(shard_of(key) != self.first)]
    }
}

/// Several shards, each with its position, in the order of positions.
pub(crate) struct Many<'a>(SmallVec<[(usize, MutexGuard<'a, Shard>); 8]>);

impl<'a> Many<'a> {
    /// Locks the shards of all claims, in the shards' order, so that two decisions never wait for each other.
    pub(crate) fn lock(shards: &'a [Mutex<Shard>], claims: &[Claim]) -> Self {
        let keys = claims.iter().flat_map(|claim| iter::once(claim.ask.key).chain(claim.ask.client));
        let mut wanted: SmallVec<[usize; 8]> = keys.map(shard_of).collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self(wanted.into_iter().map(|shard| (shard, shards[shard].lock())).collect())
    }
}

impl Locked for Many<'_> {
    fn shard(&mut self, key: KeyHash) -> &mut Shard {
        let locked = self.0.binary_search_by_key(&shard_of(key), |(shard, _)| *shard);
        // Found, since the shard of every claim of the decision was locked.
        &mut self.0[locked.unwrap_or_default()].1
    }
}

/// Where claims lie: in one shard, in two, of which the smaller stands first, or in several.
pub(crate) enum Lie {
    One(usize),
    Two(usize, usize),
    Several,
}

/// Where claims lie: in several shards if clients of accounts have accounts of their own.
#[inline]
pub(crate) fn lies(claims: &[Claim]) -> Lie {
    let Some(first) = claims.first() else { return Lie::Several };
    let one = shard_of(first.ask.key);
    let mut other = one;
    for claim in claims {
        let shard = shard_of(claim.ask.key);
        if claim.ask.client.is_some() || (shard != one && other != one && other != shard) {
            return Lie::Several;
        }
        other = if shard == one { other } else { shard };
    }
    if other == one { Lie::One(one) } else { Lie::Two(one.min(other), one.max(other)) }
}

/// Whether claims lie in one shard, with all that they are about.
#[inline]
pub(crate) fn lie_together(one: &Claim, other: &Claim) -> bool {
    shard_of(one.ask.key) == shard_of(other.ask.key) && one.ask.client.or(other.ask.client).is_none()
}

#[inline]
pub(crate) fn shard_of(key: KeyHash) -> usize {
    key.shard_word() as usize % SHARDS
}
