//! Shares: what one client may spend of an account that many share.

use super::decision::{Decision, Weighed};
use super::locked::Locked;
use crate::store::{Charge, Claim, Part};

/// What a claim's account is beside this store, where other processes draw on it as well.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Beside {
    /// What the others have spent, or how many clients they have counted.
    pub(in crate::store) spent: u64,
    /// What is taken off the claim's quota on their account.
    pub(in crate::store) taken: u64,
    /// Whether there is such an account elsewhere.
    pub(in crate::store) exists: bool,
}

impl<L: Locked> Decision<'_, L> {
    /// Lets clients be refused who have spent their share, and says which are seen for the first time in this window.
    ///
    /// A client whose request runs on from the window before has an account from the beginning, and so is not counted as
    /// one of this window: to remember who was counted would take each client one more account.
    #[cold]
    pub(super) fn weigh_shares(&mut self, claims: &mut [Claim], weighed: &mut Weighed) {
        for at in 2..claims.len() {
            if claims[at].part != Part::Share {
                continue;
            }
            let beside = |at: usize| self.beside.get(at).copied().unwrap_or_default();
            let (of_whole, of_clients, of_own) = (beside(at - 2), beside(at - 1), beside(at));
            let is_here = self.table(&claims[at]).find(claims[at].account()).is_some();
            let is_new = !is_here && !of_own.exists;
            let [whole, clients, own] = &mut claims[at - 2..=at] else { continue };
            clients.charge = Charge::Requests { cost: u64::from(is_new) };
            let spent = |claim: &Claim, beside: Beside| claim.standing.spent.saturating_add(beside.spent);
            let seen = spent(clients, of_clients).saturating_add(u64::from(is_new));
            let quota = whole.quota.saturating_add(of_whole.taken);
            if !is_fair(quota, spent(whole, of_whole), spent(own, of_own), seen) {
                own.standing.refuses = true;
                weighed.refuses = true;
            }
        }
    }
}

/// Whether a client may spend more: little of the whole is spent, or less than an equal share of it by the client.
fn is_fair(quota: u64, whole: u64, own: u64, clients: u64) -> bool {
    let quota = u128::from(quota);
    u128::from(whole) * 5 < quota * 4 || u128::from(own) * u128::from(clients.max(1)) < quota
}
