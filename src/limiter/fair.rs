//! Fair limits: what one client may spend of an account that many share, once little of it is left.

use crate::limiter::Claims;
use crate::limiter::engine::Shared;
use crate::limiter::open_limits::{OpenLimit, Shares};
use crate::model::{Component, Facts, KeyBytes, KeyHash, KeyHasher, Limit, Missing, Rule, Site};
use crate::store::{BookSpec, Charge, Claim, Part, Tally};

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

    /// Opens the books of what the clients of a limit spend; a cap on running requests has none.
    pub(super) fn open(limit: &Limit, spec: &BookSpec<'_>, engine: &Shared) -> Option<Shares> {
        let book = |tally| engine.store.open(&BookSpec { tally, ..spec.clone() });
        limit.period()?;
        Some(Shares { clients: book(Tally::Clients(limit.unit())), own: book(Tally::Share(limit.unit())) })
    }

    /// The key of a client's part of an account: that of the account, and who the client is.
    ///
    /// Other than the account's own key it lies in any shard. Were all clients of a site in one, its table would take long
    /// to grow and to be saved, and everybody would wait. Blocks of code, which have no address, are one client of each
    /// account.
    pub(super) fn key(&self, rule: &Rule, account: KeyHash, facts: &dyn Facts) -> Option<KeyHash> {
        let mut bytes = KeyBytes::default();
        bytes.account(ACCOUNT, account);
        rule.fair.as_ref()?.append(&Missing::Use(Component::Ip), facts, self.ipv6_prefix, &mut bytes)?;
        Some(self.hasher.hash(bytes.as_slice()))
    }
}

/// Marks the account among the parts of a client's key.
const ACCOUNT: u8 = 0x7e;

/// Claims a client's part of what the last claim is on: the place among its clients, then the part.
pub(super) fn claim_share(open: &OpenLimit, own: Option<KeyHash>, claims: &mut Claims) {
    let (Some(shares), Some(own), Some(whole)) = (open.shares, own, claims.last().copied()) else { return };
    let seen = Charge::Requests { cost: 1 };
    claims.push(Claim { book: shares.clients, quota: u64::MAX, charge: seen, part: Part::Clients, ..whole });
    claims.push(Claim { book: shares.own, key: own, part: Part::Share, ..whole });
}

/// The claims on limits as clients know them: what refuses a client's share of a limit refuses by the limit.
pub(super) fn told(claims: &[Claim]) -> impl Iterator<Item = Claim> {
    let limits = claims.iter().enumerate().filter(|(_, claim)| claim.part == Part::Whole);
    limits.map(|(at, whole)| match claims.get(at + 2) {
        Some(own) if own.part == Part::Share && own.standing.refuses && !whole.standing.refuses => {
            Claim { book: whole.book, ..*own }
        }
        _ => *whole,
    })
}
