//! Alarms: who is woken when a budget is spent whose rule cuts what runs.
//!
//! An account's line says when its quota is spent, and whatever begins, ends or stops on it changes that. Not everybody
//! needs to know of each change: it suffices that *somebody* who runs has a timer for that moment or an earlier one, for who
//! is woken by its timer looks, and wakes the others if the quota is spent.
//!
//! - Who begins makes the line steeper, and sets its timer by the new line: no timer of the others is earlier.
//! - Who ends or stops makes it flatter, so that all timers ring early; but takes its own along. So it wakes one other who
//!   runs, unless that one's timer is earlier, to set it anew.
//! - Who is woken early sets its timer anew.
//!
//! The line of other processes is looked at again as often as something is heard of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::clock::Sleep;
use crate::limiter::engine::Shared;
use crate::model::{KeyHash, Micros, Tick};
use crate::store::Book;

type Account = (Book, KeyHash);

/// When a timer has rung that has not been set anew.
const RUNG: Tick = Tick(i64::MIN);

/// All who run under rules that cut, by account. Whoever has begun later has the greater number.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    runners: Mutex<HashMap<Account, BTreeMap<u64, Runner>>>,
    last: AtomicU64,
}

/// Somebody who runs, and when its timer rings.
#[derive(Clone, Debug)]
struct Runner {
    waker: Waker,
    rings_at: Tick,
}

/// What wakes one request when it is to be cut.
pub(crate) struct Alarm {
    engine: Arc<Shared>,
    accounts: SmallVec<[Account; 1]>,
    number: u64,
    /// Whether it is among those who run.
    runs: bool,
    /// Its timer, until it has rung.
    timer: Option<(Tick, Sleep)>,
}

impl Alarm {
    /// That of a request on these accounts, if there are any.
    pub(super) fn new(engine: &Arc<Shared>, accounts: impl Iterator<Item = Account>) -> Option<Self> {
        let accounts: SmallVec<_> = accounts.collect();
        if accounts.is_empty() {
            return None;
        }
        let number = engine.alarms.last.fetch_add(1, Relaxed);
        Some(Self { engine: Arc::clone(engine), accounts, number, runs: false, timer: None })
    }

    /// Ready when the request, which runs, is to be cut. `cut_in` looks how long that is from now.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut cut_in: impl FnMut() -> Option<Micros>,
    ) -> Poll<()> {
        loop {
            match cut_in() {
                None => return self.rest(),
                Some(Micros::ZERO) => {
                    self.wake_all();
                    return Poll::Ready(());
                }
                Some(span) => self.set(span, cx.waker()),
            }
            if self.timer.as_mut().is_none_or(|(_, timer)| timer.as_mut().poll(cx).is_pending()) {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }

    /// The request does not run any more, or not now.
    pub(crate) fn rest(&mut self) -> Poll<()> {
        let rings_at = self.timer.take().map_or(RUNG, |(rings_at, _)| rings_at);
        if std::mem::take(&mut self.runs) {
            let mut heirs: SmallVec<[Waker; 1]> = SmallVec::new();
            let mut runners = self.engine.alarms.runners.lock();
            for account in &self.accounts {
                heirs.extend(leave(&mut runners, account, self.number, rings_at));
            }
            drop(runners);
            heirs.into_iter().for_each(Waker::wake);
        }
        Poll::Pending
    }

    /// Sets the timer, unless it rings by then.
    fn set(&mut self, span: Micros, waker: &Waker) {
        let clock = &self.engine.clock;
        let span = self.engine.store.hears_every().map_or(span, |news| span.min(news));
        let at = Tick(clock.tick().0.saturating_add_unsigned(span.0));
        if self.timer.as_ref().is_none_or(|(rings_at, _)| at < *rings_at) {
            self.timer = Some((at, clock.sleep_until(at)));
        }
        let rings_at = self.timer.as_ref().map_or(at, |(rings_at, _)| *rings_at);
        self.runs = true;
        let mut all = self.engine.alarms.runners.lock();
        for account in &self.accounts {
            let runners = all.entry(*account).or_default();
            runners.insert(self.number, Runner { waker: waker.clone(), rings_at });
        }
    }

    /// Wakes all who run on its accounts, to look for themselves. Each of them is woken once, and says anew that it runs if
    /// it goes on.
    fn wake_all(&self) {
        let mut all = self.engine.alarms.runners.lock();
        let taken = self.accounts.iter().filter_map(|account| all.remove(account));
        let runners: Vec<_> = taken.flat_map(BTreeMap::into_values).collect();
        drop(all);
        runners.into_iter().for_each(|runner| runner.waker.wake());
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let _ = self.rest();
    }
}

impl std::fmt::Debug for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rings_at = self.timer.as_ref().map(|(at, _)| *at);
        f.debug_struct("Alarm").field("rings_at", &rings_at).finish_non_exhaustive()
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
