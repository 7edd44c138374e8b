//! The locked shards of one decision.
//!
//! All keys of a decision mostly lie in one shard, always so where there is one key. That case is compiled apart: a
//! decision that looked its shards up in a list took half as long again.

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::SHARDS;
use super::shard::Shard;
use crate::model::KeyHash;
use crate::store::Claim;

/// Every shard that a key of the decision lies in.
pub(super) trait Locked {
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
pub(super) struct Many<'a>(SmallVec<[(usize, MutexGuard<'a, Shard>); 8]>);

impl<'a> Many<'a> {
    /// Locks the shards of all claims, in the shards' order, so that two decisions never wait for each other.
    pub(super) fn lock(shards: &'a [Mutex<Shard>], claims: &[Claim]) -> Self {
        let mut wanted: SmallVec<[usize; 8]> = claims.iter().map(|claim| shard_of(claim.key)).collect();
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

/// The shard that all claims lie in; `None` if there are several.
#[inline]
pub(super) fn common_shard(claims: &[Claim]) -> Option<usize> {
    let (first, others) = claims.split_first()?;
    let shard = shard_of(first.key);
    others.iter().all(|claim| shard_of(claim.key) == shard).then_some(shard)
}

pub(super) fn shard_of(key: KeyHash) -> usize {
    key.shard_word() as usize % SHARDS
}
