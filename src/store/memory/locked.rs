//! The locked shards of one decision.
//!
//! All keys of a decision mostly lie in one shard, always so where there is one key. That case is compiled apart: a
//! decision that looked its shards up in a list took half as long again.

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

/// The shard that all claims lie in; `None` if there may be several.
#[inline]
pub(crate) fn common_shard(claims: &[Claim]) -> Option<usize> {
    let (first, others) = claims.split_first()?;
    let shard = shard_of(first.ask.key);
    let is_alone = first.ask.client.is_none();
    let is_there = |claim: &Claim| shard_of(claim.ask.key) == shard && claim.ask.client.is_none();
    (is_alone && others.iter().all(is_there)).then_some(shard)
}

#[inline]
pub(crate) fn shard_of(key: KeyHash) -> usize {
    key.shard_word() as usize % SHARDS
}
