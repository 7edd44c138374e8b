//! Which requests and lines share a call, and who has waited for too long.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::{Candidate, Desk};
use crate::model::Tick;
use crate::store::redis::ledger::Stance;
use crate::store::redis::script::Account;

/// Candidates, or lines, that share one call at most: what a script does in a fraction of a millisecond.
const MOST_IN_A_CALL: usize = 64;

/// Lines that are published at once at most, when there are many: the others wait for the next look.
const MOST_LINES: usize = 1_024;

impl Desk {
    /// Sends what waits for no account that is busy.
    pub(crate) fn dispatch(&mut self) {
        if !self.is_linked {
            for candidate in std::mem::take(&mut self.waiting) {
                candidate.decide_degraded(self.now);
            }
            self.errands.clear();
        }
        self.run_errands();
        while !self.waiting.is_empty() {
            let batch = self.take_batch();
            if batch.is_empty() {
                return;
            }
            for batch in self.by_server(batch) {
                self.send(&accounts_of(&batch), batch);
            }
        }
    }

    /// The parts of a batch that one call can carry each: in a cluster a script sees one slot only.
    fn by_server(&self, batch: Vec<Candidate>) -> Vec<Vec<Candidate>> {
        if !self.ledgers.is_clustered() {
            return vec![batch];
        }
        let mut parts: Vec<Vec<Candidate>> = Vec::new();
        for candidate in batch {
            let home = candidate.home();
            match parts.iter_mut().find(|part| part[0].home() == home) {
                Some(part) => part.push(candidate),
                None => parts.push(vec![candidate]),
            }
        }
        parts
    }

    /// Takes the candidates of one call; an account that an earlier candidate waits for is not given to a later one.
    fn take_batch(&mut self) -> Vec<Candidate> {
        let mut wanted: HashSet<Account> = self.errands_accounts().collect();
        let mut batch = Vec::new();
        for candidate in std::mem::take(&mut self.waiting) {
            if candidate.is_forgotten() {
                continue;
            }
            if candidate.accounts().any(|account| self.is_avoided(account)) {
                candidate.decide_degraded(self.now);
                continue;
            }
            let taken = |account| self.queue.is_busy(account) || wanted.contains(&account);
            if batch.len() < MOST_IN_A_CALL && !candidate.accounts().any(taken) {
                batch.push(candidate);
            } else {
                wanted.extend(candidate.accounts());
                self.waiting.push_back(candidate);
            }
        }
        batch
    }

    /// Publishes the lines that are due.
    pub(crate) fn publish_due(&mut self) {
        let stance = |account| match () {
            () if self.queue.is_busy(account) => Stance::Busy,
            () if self.is_avoided(account) => Stance::Busy,
            () if self.is_flushed(account) => Stance::Awaited,
            () => Stance::Free,
        };
        let due = self.ledgers.due_lines(self.now, MOST_LINES, stance);
        let most = if self.ledgers.is_clustered() { 1 } else { MOST_IN_A_CALL };
        for accounts in due.chunks(most) {
            self.send(accounts, Vec::new());
        }
    }

    /// When the first of those that wait has waited in vain.
    pub(crate) fn first_due(&self) -> Option<Tick> {
        let asked = self.calls.values().flat_map(|call| &call.candidates).flatten();
        let candidates = self.waiting.iter().chain(asked).map(|candidate| candidate.due);
        let under_way = self.calls.values().filter_map(|call| call.errand.as_ref());
        candidates.chain(self.errands.iter().chain(under_way).map(|errand| errand.due)).min()
    }

    /// Decides without the server over those who have waited until their deadline.
    pub(crate) fn give_up_on_late(&mut self) {
        let now = self.now.tick;
        if self.first_due().is_none_or(|due| due > now) {
            return;
        }
        let mut late: SmallVec<[Candidate; 8]> = SmallVec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.due <= now { late.push(waiting) } else { self.waiting.push_back(waiting) }
        }
        for candidate in self.calls.values_mut().flat_map(|call| &mut call.candidates) {
            late.extend(candidate.take_if(|candidate| candidate.due <= now));
        }
        for candidate in late {
            candidate.decide_degraded(self.now);
        }
        self.drop_late_errands();
        self.note_late_calls();
    }
}

fn accounts_of(batch: &[Candidate]) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for account in batch.iter().flat_map(Candidate::accounts) {
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    accounts
}
