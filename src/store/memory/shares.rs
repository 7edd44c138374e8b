//! Shares: what one client may spend of an account that many share.

use super::decision::{Decision, Weighed};
use super::locked::Locked;
use crate::store::{Charge, Claim, Part};

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
            let is_new = self.table(&claims[at]).find(claims[at].account()).is_none();
            let [whole, clients, own] = &mut claims[at - 2..=at] else { continue };
            clients.charge = Charge::Requests { cost: u64::from(is_new) };
            let seen = clients.standing.spent.saturating_add(u64::from(is_new));
            if !is_fair(whole, own, seen) {
                own.standing.refuses = true;
                weighed.refuses = true;
            }
        }
    }
}

/// Whether a client may spend more: little of the whole is spent, or less than an equal share of it by the client.
fn is_fair(whole: &Claim, own: &Claim, clients: u64) -> bool {
    let quota = u128::from(whole.quota);
    u128::from(whole.standing.spent) * 5 < quota * 4
        || u128::from(own.standing.spent) * u128::from(clients.max(1)) < quota
}
