//! Fair limits: what one client may spend of an account that many share, once little of it is left.

use crate::limiter::engine::Shared;
use crate::model::{Component, Facts, KeyBytes, KeyHash, KeyHasher, Missing, Rule, Site};

/// How the clients of a fair rule are told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fair {
    hasher: KeyHasher,
    ipv6_prefix: u8,
}

impl Fair {
    /// That of a rule; `None` if the rule is not fair.
    pub(super) fn of(rule: &Rule, site: &Site, engine: &Shared) -> Option<Self> {
        rule.fair.as_ref()?;
        Some(Self { hasher: engine.hasher, ipv6_prefix: site.addresses.ipv6_prefix })
    }

    /// The key of a client's part of an account: that of the account, and who the client is.
    ///
    /// It is hashed once more, so that the clients of one account lie in many shards of a store. Were they all in the shard
    /// of the account, its table would take long to grow and to be saved, and everybody would wait. Blocks of code, which
    /// have no address, are one client of each account.
    pub(super) fn key(&self, rule: &Rule, account: KeyHash, facts: &dyn Facts) -> Option<KeyHash> {
        let mut bytes = KeyBytes::default();
        bytes.account(ACCOUNT, account);
        rule.fair.as_ref()?.append(&Missing::Use(Component::Ip), facts, self.ipv6_prefix, &mut bytes)?;
        Some(self.hasher.hash(bytes.as_slice()))
    }
}

/// Marks the account among the parts of a client's key.
const ACCOUNT: u8 = 0x7e;
