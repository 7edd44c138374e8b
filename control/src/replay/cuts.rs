//! When budgets are spent whose rules cut what runs: looked for once for all who share an account.
//!
//! The lines of all who run on an account meet its quota at one instant, which comes sooner when somebody begins, and later
//! when somebody ends. So the soonest that is known is waited for, and only then is each of them asked.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::FixedState;
use timebudget::{AccountId, Event, Observe, Overrun, Unit};

/// A place among those who run, and the number of who has it.
pub(crate) type Runner = (u32, u32);

/// What somebody who runs is registered under: the number of an account, and the quotas of it.
pub(crate) type Registered = (u64, u64);

/// Those who run on accounts whose rules cut.
#[derive(Default)]
pub(crate) struct Cuts {
    claimed: Arc<Claimed>,
    numbers: HashMap<Account, u64, FixedState>,
    accounts: HashMap<u64, OfAccount, FixedState>,
    last: u64,
    /// When somebody is to be asked, and of which account.
    due: BinaryHeap<Reverse<(i64, u64)>>,
}

/// A rule, and the client.
type Account = (u64, AccountId);

struct OfAccount {
    account: Account,
    /// When it is looked at next.
    planned: Option<i64>,
    /// Those with the same quotas, whose instant is one.
    groups: Vec<Group>,
}

struct Group {
    quotas: u64,
    /// Some may have ended.
    runners: Vec<Runner>,
    /// How many have not.
    running: usize,
}

/// The accounts of the last request that was admitted, with a number for its quotas.
#[derive(Default)]
pub(crate) struct Claimed(Mutex<Vec<(Account, u64)>>);

impl Observe for Claimed {
    fn admitted(&self, event: &Event<'_>) {
        let mut claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.clear();
        for limit in event.limits() {
            if limit.rule().overrun != Overrun::Cut || limit.unit() != Unit::Time || limit.is_shadow() {
                continue;
            }
            let account = (limit.rule_number(), limit.account());
            match claimed.iter_mut().find(|(known, _)| *known == account) {
                Some((_, quotas)) => *quotas = quotas.wrapping_mul(31).wrapping_add(limit.quota()),
                None => claimed.push((account, limit.quota())),
            }
        }
    }
}

impl Cuts {
    /// What is to be told of admissions.
    pub(crate) fn observer(&self) -> Arc<Claimed> {
        Arc::clone(&self.claimed)
    }

    /// Registers who was admitted last.
    pub(crate) fn begin(&mut self, runner: Runner, runs: impl Fn(Runner) -> bool) -> Vec<Registered> {
        let claimed = std::mem::take(&mut *self.claimed.0.lock().unwrap_or_else(PoisonError::into_inner));
        claimed
            .into_iter()
            .map(|(account, quotas)| (self.add(account, quotas, runner, &runs), quotas))
            .collect()
    }

    fn add(&mut self, account: Account, quotas: u64, runner: Runner, runs: impl Fn(Runner) -> bool) -> u64 {
        let number = *self.numbers.entry(account).or_insert_with(|| {
            self.last += 1;
            self.last
        });
        let of = || OfAccount { account, planned: None, groups: Vec::new() };
        let groups = &mut self.accounts.entry(number).or_insert_with(of).groups;
        let at = groups.iter().position(|group| group.quotas == quotas).unwrap_or_else(|| {
            groups.push(Group { quotas, runners: Vec::new(), running: 0 });
            groups.len() - 1
        });
        let group = &mut groups[at];
        if group.runners.len() > 2 * group.running + 16 {
            group.runners.retain(|runner| runs(*runner));
        }
        group.runners.push(runner);
        group.running += 1;
        number
    }

    /// Somebody runs no more.
    pub(crate) fn end(&mut self, registered: &[Registered]) {
        for (number, quotas) in registered {
            let Some(of) = self.accounts.get_mut(number) else { continue };
            if let Some(at) = of.groups.iter().position(|group| group.quotas == *quotas) {
                of.groups[at].running -= 1;
                if of.groups[at].running == 0 {
                    of.groups.swap_remove(at);
                }
            }
            if of.groups.is_empty() {
                self.numbers.remove(&of.account);
                self.accounts.remove(number);
            }
        }
    }

    /// One of each group of an account.
    pub(crate) fn some_of(&mut self, number: u64, runs: impl Fn(Runner) -> bool) -> Vec<Runner> {
        let groups = self.accounts.get_mut(&number).into_iter().flat_map(|of| &mut of.groups);
        let one = |group: &mut Group| {
            while group.runners.last().is_some_and(|runner| !runs(*runner)) {
                group.runners.pop();
            }
            group.runners.last().copied()
        };
        groups.filter_map(one).collect()
    }

    /// All who run on an account.
    pub(crate) fn all_of(&self, number: u64, runs: impl Fn(Runner) -> bool) -> Vec<Runner> {
        let groups = self.accounts.get(&number).into_iter().flat_map(|of| &of.groups);
        groups.flat_map(|group| &group.runners).copied().filter(|runner| runs(*runner)).collect()
    }

    /// Plans to look at an account, unless that is planned sooner.
    pub(crate) fn plan(&mut self, number: u64, at: i64) {
        let Some(of) = self.accounts.get_mut(&number) else { return };
        if of.planned.is_none_or(|planned| at < planned) {
            of.planned = Some(at);
            self.due.push(Reverse((at, number)));
        }
    }

    /// When the next is planned.
    pub(crate) fn next(&self) -> Option<i64> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// How many are planned.
    #[cfg(test)]
    pub(crate) fn planned(&self) -> usize {
        self.due.len()
    }

    /// The next account to look at; `None` if that was planned anew meanwhile.
    pub(crate) fn take_next(&mut self) -> Option<u64> {
        let Reverse((at, number)) = self.due.pop()?;
        let of = self.accounts.get_mut(&number).filter(|of| of.planned == Some(at))?;
        of.planned = None;
        Some(number)
    }
}
