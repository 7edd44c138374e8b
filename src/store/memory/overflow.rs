//! Where accounts go that there is no room for: newcomers share some.
//!
//! A store that refused all newcomers once it is full, or let them share one account, could be closed by a crowd of
//! addresses that ask once each. Here a full store is a little less exact: newcomers share 65,536 accounts per book, by
//! their keys' hashes, so that a few clients draw on each. Each lies in the shard of its keys, and so under the lock that
//! a decision already has.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::SHARDS;
use super::shard::shard_of;
use crate::model::{KeyHash, Now, UnixMicros};
use crate::store::{Book, Claim, Part};

/// How many accounts newcomers share in each shard: a power of two.
const SHARED: u32 = 64;

/// How many they share in all.
pub(crate) const SHARED_IN_ALL: usize = SHARED as usize * SHARDS;

/// How long nothing more is said of caps, which have no windows, in microseconds: an hour.
const UNWINDOWED: i64 = 3_600_000_000;

/// The book and the key of an account that a claim is about: its own, or the one that newcomers share.
#[inline]
pub(crate) fn account(claim: &Claim, part: Part) -> (Book, KeyHash) {
    let (book, own) = (claim.ask.book, claim.ask.key);
    let (book, key) = match part {
        Part::Whole => (book, own),
        Part::Clients => (book.of_clients(), own),
        Part::Share => (book.of_shares(), claim.ask.client.unwrap_or(own)),
    };
    (book, if claim.run.aside.has(part) { shared(key) } else { key })
}

/// The key of the account that a newcomer shares. Only by one chance in 2^96 is it that of a client.
///
/// It names the shard twice, for some stores know an account by the last three words alone.
pub(crate) fn shared(key: KeyHash) -> KeyHash {
    let (shard, [_, one, ..]) = (shard_of(key) as u32, key.0);
    // At the top of its word, where tables look for an account's place.
    KeyHash([shard, one & !(u32::MAX / SHARED), shard, 0])
}

/// The key of an account, be it shared or not, of which a store knows the last three words.
#[cfg(feature = "redis")]
pub(crate) fn of_last_words([a, b, c]: [u32; 3]) -> KeyHash {
    let shared = KeyHash([b, a, b, c]);
    if is_shared(shared) { shared } else { KeyHash([a, a, b, c]) }
}

/// Whether a key is one of those.
#[inline]
pub(crate) fn is_shared(key: KeyHash) -> bool {
    let KeyHash([shard, one, again, none]) = key;
    none == 0 && shard == again && (shard as usize) < SHARDS && one & (u32::MAX / SHARED) == 0
}

/// What is known of newcomers without room.
///
/// Both are atomic, and neither is exact to the decision where two threads write: it is a figure for an operator.
#[derive(Debug)]
pub(crate) struct Overflow {
    decisions: AtomicU64,
    /// Until when nothing is said of it, by the even clock.
    silent_until: AtomicI64,
}

impl Default for Overflow {
    fn default() -> Self {
        Self { decisions: AtomicU64::new(0), silent_until: AtomicI64::new(i64::MIN) }
    }
}

impl Overflow {
    /// Decisions that fell on a shared account.
    pub(crate) fn decisions(&self) -> u64 {
        self.decisions.load(Relaxed)
    }

    /// Counts a decision that falls on accounts whose windows end at `edges`; says so once a window.
    ///
    /// A cap has no window; then it is said once an hour.
    pub(crate) fn note(&self, max_accounts: usize, edges: impl Iterator<Item = UnixMicros>, now: Now) {
        self.decisions.fetch_add(1, Relaxed);
        if self.is_news(edges, now) {
            log::warn!(
                "{max_accounts} accounts are held, as many as may be (max_accounts): clients without one share \
                 {SHARED_IN_ALL} accounts per limit until windows end"
            );
        }
    }

    /// Whether nothing has been said of it in the window that ends first.
    fn is_news(&self, edges: impl Iterator<Item = UnixMicros>, now: Now) -> bool {
        let silent_until = self.silent_until.load(Relaxed);
        if now.utc.0 < silent_until {
            return false;
        }
        let until = edges.filter(|edge| edge.0 < i64::MAX).map(|edge| edge.0).min();
        let until = until.unwrap_or(now.utc.0 + UNWINDOWED);
        self.silent_until.compare_exchange(silent_until, until, Relaxed, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{KeyHasher, Tick};

    #[test]
    fn newcomers_share_65_536_accounts_each_in_its_own_shard() {
        let hasher = KeyHasher::new([7; 16]);
        let keys: Vec<_> = (0..1_500_000_u32).map(|n| hasher.hash(&n.to_le_bytes())).collect();
        assert!(keys.iter().all(|key| shard_of(shared(*key)) == shard_of(*key) && !is_shared(*key)));
        let all: HashSet<_> = keys.iter().map(|key| shared(*key)).collect();
        assert!(all.iter().all(|key| is_shared(*key) && shared(*key) == *key));
        let names: HashSet<_> = all.iter().map(|key| key.salted([1, 2, 3])).collect();
        assert_eq!((all.len(), names.len()), (SHARED_IN_ALL, SHARED_IN_ALL));
    }

    #[test]
    fn it_is_said_once_a_window_and_of_caps_once_an_hour() {
        let overflow = Overflow::default();
        let at = |secs| Now { tick: Tick(0), utc: UnixMicros::from_secs(secs), step: 0 };
        let edges = |secs| [UnixMicros::from_secs(secs), UnixMicros(i64::MAX)].into_iter();
        assert!(overflow.is_news(edges(60), at(0)));
        assert!(!overflow.is_news(edges(60), at(59)));
        assert!(overflow.is_news(edges(60).skip(1), at(60)));
        assert!(!overflow.is_news(edges(60).skip(1), at(3_659)));
        assert!(overflow.is_news(edges(7_200), at(3_660)));
    }
}
