//! Who runs under rules that cut, on which account, and whom to wake there.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::model::{KeyHash, Tick};
use crate::store::Book;

/// What an account is known by.
pub(crate) type Account = (Book, KeyHash);

/// All who run under rules that cut, by account. Whoever has begun later has the greater number.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    runners: Mutex<HashMap<Account, BTreeMap<u64, Runner>>>,
    last: AtomicU64,
}

/// Somebody who runs, and when its timer rings.
#[derive(Clone, Debug)]
struct Runner {
    waker: Waker,
    rings_at: Tick,
}

impl Alarms {
    /// The number of whoever begins now.
    pub(crate) fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Relaxed)
    }

    /// Notes that somebody runs on accounts, or when its timer rings now.
    pub(crate) fn join(&self, accounts: &[Account], number: u64, waker: &Waker, rings_at: Tick) {
        let mut all = self.runners.lock();
        for account in accounts {
            let runners = all.entry(*account).or_default();
            runners.insert(number, Runner { waker: waker.clone(), rings_at });
        }
    }

    /// Takes somebody from the lists of accounts whose timer was to ring then, and leaves it to others.
    pub(crate) fn leave(&self, accounts: &[Account], number: u64, rings_at: Tick) {
        let mut heirs: SmallVec<[Waker; 1]> = SmallVec::new();
        let mut runners = self.runners.lock();
        for account in accounts {
            heirs.extend(leave(&mut runners, account, number, rings_at));
        }
        drop(runners);
        heirs.into_iter().for_each(Waker::wake);
    }

    /// Wakes two who run on an account, to set their timers anew: one of them may be about to end, which tells of it.
    pub(crate) fn tell(&self, account: Account) {
        let all = self.runners.lock();
        let two = |runners: &BTreeMap<_, Runner>| {
            let mut wakers = runners.values().map(|runner| runner.waker.clone());
            [wakers.next(), wakers.next_back()]
        };
        let wakers = all.get(&account).map(two);
        drop(all);
        wakers.into_iter().flatten().flatten().for_each(Waker::wake);
    }

    /// Wakes all who run on accounts, to look for themselves. Each of them is woken once, and says anew that it runs if it goes on.
    pub(crate) fn wake_all(&self, accounts: &[Account]) {
        let mut all = self.runners.lock();
        let taken = accounts.iter().filter_map(|account| all.remove(account));
        let runners: Vec<_> = taken.flat_map(BTreeMap::into_values).collect();
        drop(all);
        runners.into_iter().for_each(|runner| runner.waker.wake());
    }

    /// On how many accounts somebody runs.
    #[cfg(test)]
    pub(crate) fn accounts(&self) -> usize {
        self.runners.lock().len()
    }
}

/// Takes somebody from an account's list whose timer was to ring then, and says whom to wake in its place: who has run
/// for the longest, unless its own timer rings by then.
fn leave(
    all: &mut HashMap<Account, BTreeMap<u64, Runner>>,
    account: &Account,
    number: u64,
    rings_at: Tick,
) -> Option<Waker> {
    let runners = all.get_mut(account)?;
    runners.remove(&number);
    match runners.first_key_value() {
        Some((_, heir)) => (rings_at < heir.rings_at).then(|| heir.waker.clone()),
        None => {
            all.remove(account);
            None
        }
    }
}
