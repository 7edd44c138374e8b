//! Where requests wait until the desk looks at them.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::Candidate;
use crate::store::redis::script::Account;

/// Requests that the desk has not looked at yet, and what whoever brings one has to know of it: which accounts are busy.
///
/// To wake the desk costs more than to decide. A request that must wait for an answer in any case is looked at when that has
/// come; so of all who arrive while a call is under way nobody wakes it.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// The accounts of the calls under way.
    busy: Mutex<HashSet<Account, RandomState>>,
}

#[derive(Default)]
struct Waiting {
    candidates: Vec<Candidate>,
    /// Whether nobody will look at them any more.
    is_closed: bool,
}

impl Queue {
    /// Brings a request; says whether the desk has to be woken for it. Once the queue is closed, it is dropped, and with that
    /// decided.
    ///
    /// Brought first, and looked second: an account that ceases to be busy in between is one that the desk looks for requests
    /// after.
    pub(crate) fn bring(&self, candidate: Candidate) -> bool {
        let accounts: SmallVec<[Account; 4]> = candidate.accounts().collect();
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            drop(waiting);
            return false;
        }
        waiting.candidates.push(candidate);
        drop(waiting);
        let busy = self.busy.lock();
        !accounts.iter().any(|account| busy.contains(account))
    }

    /// Takes those who wait.
    pub(crate) fn take(&self) -> Vec<Candidate> {
        std::mem::take(&mut self.waiting.lock().candidates)
    }

    /// Decides over those who wait and over all who will come, for nobody looks at them any more.
    pub(crate) fn close(&self) {
        self.waiting.lock().is_closed = true;
        drop(self.take());
    }

    pub(crate) fn is_busy(&self, account: Account) -> bool {
        self.busy.lock().contains(&account)
    }

    pub(crate) fn begin(&self, account: Account) {
        self.busy.lock().insert(account);
    }

    pub(crate) fn end(&self, accounts: impl Iterator<Item = Account>) {
        let mut busy = self.busy.lock();
        for account in accounts {
            busy.remove(&account);
        }
    }

    pub(crate) fn end_all(&self) {
        self.busy.lock().clear();
    }
}
