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

/// An account on which somebody runs, and what it has spent when that is ended: its quota, less what is to be charged on top.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) account: Account,
    pub(crate) quota: i64,
}

/// All who run under rules that cut, by account.
///
/// Of those of one quota the last to come knows the steepest line, and so has the earliest timer, which it leaves to the
/// [first](Runners) when it goes. Where the line becomes steeper or higher without that, the first is woken to set its own anew. When one is
/// ended, all others look for themselves.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    all: Mutex<HashMap<Account, Runners>>,
    last: AtomicU64,
}

/// Who runs on an account. First come those who may spend least, for they are ended first; of these who has begun first, which has
/// the least number.
type Runners = BTreeMap<(i64, u64), Runner>;

/// Somebody who runs, and when its timer rings.
#[derive(Clone, Debug)]
struct Runner {
    waker: Waker,
    /// [`STALE`] while it is yet to set it anew.
    rings_at: Tick,
}

/// Before every other time: a timer that nobody may rely on.
const STALE: Tick = Tick(i64::MIN);

impl Alarms {
    /// The number of whoever begins now.
    pub(crate) fn next_number(&self) -> u64 {
        self.last.fetch_add(1, Relaxed)
    }

    /// Notes that somebody runs, or when its timer rings now. Whoever may spend less on the account has been told.
    pub(crate) fn join(&self, bounds: &[Bound], number: u64, waker: &Waker, rings_at: Tick) {
        let mut told: SmallVec<[Waker; 1]> = SmallVec::new();
        let mut all = self.all.lock();
        for Bound { account, quota } in bounds {
            let runners = all.entry(*account).or_default();
            let runner = Runner { waker: waker.clone(), rings_at };
            let is_new = runners.insert((*quota, number), runner).is_none();
            if is_new && runners.first_key_value().is_some_and(|((least, _), _)| least < quota) {
                told.extend(tell_first(runners));
            }
        }
        drop(all);
        told.into_iter().for_each(Waker::wake);
    }

    /// Takes somebody from the lists of accounts whose timer was to ring then, and leaves it to others.
    pub(crate) fn leave(&self, bounds: &[Bound], number: u64, rings_at: Tick) {
        let mut heirs: SmallVec<[Waker; 1]> = SmallVec::new();
        let mut all = self.all.lock();
        for bound in bounds {
            heirs.extend(leave(&mut all, bound, number, rings_at));
        }
        drop(all);
        heirs.into_iter().for_each(Waker::wake);
    }

    /// Has the first of those who run on an account set its timer anew.
    pub(crate) fn tell(&self, account: Account) {
        let mut all = self.all.lock();
        let first = all.get_mut(&account).and_then(tell_first);
        drop(all);
        first.into_iter().for_each(Waker::wake);
    }

    /// Wakes all who run on accounts, to look for themselves. Each of them is woken once, and says anew that it runs if it goes on.
    pub(crate) fn wake_all(&self, bounds: &[Bound]) {
        let mut all = self.all.lock();
        let taken = bounds.iter().filter_map(|bound| all.remove(&bound.account));
        let runners: Vec<_> = taken.flat_map(BTreeMap::into_values).collect();
        drop(all);
        runners.into_iter().for_each(|runner| runner.waker.wake());
    }

    /// On how many accounts somebody runs.
    #[cfg(test)]
    pub(crate) fn accounts(&self) -> usize {
        self.all.lock().len()
    }
}

/// Says whom to wake so that it sets its timer anew: the first, or where that has been woken and has not yet looked, the second, for
/// the first may be busy. If it ends instead, it [leaves](leave) that to another.
fn tell_first(runners: &mut Runners) -> Option<Waker> {
    let runner = runners.values_mut().take(2).find(|runner| runner.rings_at != STALE)?;
    runner.rings_at = STALE;
    Some(runner.waker.clone())
}

/// Takes somebody from an account's list whose timer was to ring then, and says whom to wake in its place: the first, unless
/// its own timer rings by then.
fn leave(all: &mut HashMap<Account, Runners>, bound: &Bound, number: u64, rings_at: Tick) -> Option<Waker> {
    let runners = all.get_mut(&bound.account)?;
    let left = runners.remove(&(bound.quota, number));
    let rings_at = left.map_or(rings_at, |left| left.rings_at.min(rings_at));
    let Some((_, heir)) = runners.first_key_value() else {
        all.remove(&bound.account);
        return None;
    };
    if rings_at < heir.rings_at { tell_first(runners) } else { None }
}
