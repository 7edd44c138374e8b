//! What this process knows of the others' lines, what they know of its own, and when its own are published next.
//!
//! There is one entry per account that this process has charged or asked about in the window in force. It has the sum of the
//! others' lines with the tick at which it was read, and since when the server's copy of the own line is out of date. Accounts whose
//! line has changed, or which run, stand on a list; only that list is looked through, every 10 ms, so accounts at rest cost nothing.
//!
//! A line is due: at once, where it frees one of the last places of a cap; within 80 ms of a settlement, in exact mode, unless a
//! request carries it before; every 900 ms while requests run, or the others would take the process for dead; and in batched mode
//! every `sync`, sooner where the quota will be reached sooner.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::model::{KeyHash, Line, Micros, Now, Others, Tick, UnixMicros, Window, pace};
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Before;
use crate::store::redis::settings::SyncMode;
use crate::store::{Book, Claim};

/// A power of two, so that a shard is a few bits of the key.
const SHARDS: usize = 64;

/// Before any tick, and near enough for a difference to be a number.
const NEVER: Tick = Tick(i64::MIN / 2);

/// What is known of one account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The start of the window that all this is about.
    pub(crate) window: UnixMicros,
    pub(crate) others: Others,
    /// What the window grants, or a cap allows, by the last decision that was made here.
    pub(crate) quota: u64,
    /// Whether the server is known to have had this process's line.
    stored: bool,
    /// When this process's line was last sent.
    pub(crate) sent_at: Tick,
    /// Since when the stored line is not the one here.
    pub(crate) changed_at: Option<Tick>,
    /// Whether the account is on the list of those to look after.
    listed: bool,
    pub(crate) ceiling: Option<Ceiling>,
    /// Whether this process has returned what the stored line says that it had spent.
    pub(crate) returned: bool,
    /// Whether a request was refused for what others may not need any more.
    pub(crate) wanted: bool,
    /// How often something had been returned, as far as was known, when the others were asked about.
    pub(crate) returns: i64,
}

/// How far this process may go on its own while it cannot ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceiling {
    /// Which outage it was drawn in.
    pub(crate) outage: u64,
    pub(crate) quota: u64,
    /// The most that this process's own spend and hold may come to; below 0 where it was granted more than that.
    pub(crate) most: i64,
}

impl Known {
    const fn new(window: UnixMicros) -> Self {
        Self {
            window,
            others: Others::UNKNOWN,
            quota: u64::MAX,
            stored: false,
            sent_at: NEVER,
            changed_at: None,
            listed: false,
            ceiling: None,
            returned: false,
            wanted: false,
            returns: 0,
        }
    }
}

/// All accounts that this process has shared, with what is known of them.
#[derive(Debug)]
pub(crate) struct Peers {
    shards: Box<[Mutex<HashMap<Account, Known, RandomState>>]>,
    /// The accounts that run or have changed, or whose others are to be heard.
    active: Mutex<Vec<Account>>,
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), active: Mutex::default() }
    }

    /// The others' lines of a claim's account; empty where nothing was heard of them.
    pub(crate) fn others(&self, account: Account, claim: &Claim) -> Others {
        self.others_for_sure(account, claim, 0).0
    }

    /// The same, and whether nothing was returned since they were heard; `returns` is how often something has been.
    pub(crate) fn others_for_sure(&self, account: Account, claim: &Claim, returns: i64) -> (Others, bool) {
        let mut shard = self.shard(account).lock();
        let entry = shard.get_mut(&account).filter(|entry| entry.window == claim.standing.window.start);
        entry.map_or((Others::UNKNOWN, true), |entry| {
            entry.quota = claim.ask.quota;
            (entry.others, entry.returns == returns)
        })
    }

    /// The account of a book that has this key.
    pub(crate) fn named(&self, book: Book, key: KeyHash) -> Option<Account> {
        let shard = self.shards[key.shard_word() as usize % SHARDS].lock();
        let own = Account { book, key, home: key };
        // Mostly it is its own home, and found at once.
        if shard.contains_key(&own) {
            return Some(own);
        }
        shard.keys().find(|account| account.book == book && account.key == key).copied()
    }

    /// Puts an account on the list; one whose line has changed since it was stored is published soon.
    pub(crate) fn touch(&self, account: Account, window: UnixMicros, at: Tick, changed: bool) {
        let newly_listed = self.with(account, window, |entry| {
            if changed && entry.changed_at.is_none() {
                entry.changed_at = Some(at);
            }
            !std::mem::replace(&mut entry.listed, true)
        });
        if newly_listed {
            self.active.lock().push(account);
        }
    }

    /// Notes that this process has spent less in an account than the server may have told others.
    pub(crate) fn give_back(&self, account: Account, window: UnixMicros) {
        self.with(account, window, |entry| entry.returned = true);
    }

    /// Puts an account on the list because a request was refused for what others may not need any more.
    pub(crate) fn want(&self, account: Account, window: UnixMicros, at: Tick) {
        self.with(account, window, |entry| entry.wanted = true);
        self.touch(account, window, at, false);
    }

    /// Reads or changes what is known of an account in a window; what was known of another one is forgotten.
    ///
    /// But not that something is to be published: about a window's edge one thread may see the old window after another
    /// has charged the new one.
    pub(crate) fn with<T>(&self, account: Account, window: UnixMicros, f: impl FnOnce(&mut Known) -> T) -> T {
        let mut shard = self.shard(account).lock();
        let entry = shard.entry(account).or_insert_with(|| Known::new(window));
        if entry.window != window {
            let Known { listed, changed_at, returned, .. } = *entry;
            *entry = Known { listed, changed_at, returned, ..Known::new(window) };
        }
        f(entry)
    }

    /// Notes that the line of an account is sent; says whether something was returned in it.
    pub(crate) fn note_sent(&self, account: Account, window: UnixMicros, at: Tick) -> bool {
        self.with(account, window, |entry| {
            (entry.sent_at, entry.changed_at, entry.wanted) = (at, None, false);
            std::mem::take(&mut entry.returned)
        })
    }

    /// Notes what was heard of the others, when something had been returned so often; says whether the server has lost
    /// what it had of this process. Of a window that is not known here any more, nothing follows.
    pub(crate) fn hear(
        &self,
        account: Account,
        window: UnixMicros,
        before: Before,
        others: Others,
        returns: i64,
    ) -> bool {
        let mut shard = self.shard(account).lock();
        let entry = shard.entry(account).or_insert_with(|| Known::new(window));
        if entry.window != window {
            return false;
        }
        if others.read_at >= entry.others.read_at {
            (entry.others, entry.returns) = (others, returns);
        }
        std::mem::replace(&mut entry.stored, before != Before::None) && before == Before::None
    }

    /// Takes the list.
    pub(crate) fn take_active(&self) -> Vec<Account> {
        std::mem::take(&mut *self.active.lock())
    }

    /// Gives back what is to stay on the list.
    pub(crate) fn keep_active(&self, mut kept: Vec<Account>) {
        let mut active = self.active.lock();
        kept.append(&mut active);
        *active = kept;
    }

    /// Takes an account off the list that was taken, unless it has changed in the meantime.
    pub(crate) fn unlist(&self, account: Account) -> bool {
        let mut shard = self.shard(account).lock();
        let Some(entry) = shard.get_mut(&account) else { return true };
        entry.listed = entry.changed_at.is_some();
        !entry.listed
    }

    /// Takes accounts off the list of which nothing is to be published any more.
    ///
    /// The list is held meanwhile, so that nobody finds it short; a request waits for that only where it puts an account on
    /// it.
    pub(crate) fn unlist_all(&self, mut is_over: impl FnMut(&Account, &Known) -> bool) {
        self.active.lock().retain(|account| {
            let mut shard = self.shard(*account).lock();
            let Some(entry) = shard.get_mut(account) else { return false };
            if is_over(account, entry) {
                (entry.listed, entry.changed_at) = (false, None);
            }
            entry.listed
        });
    }

    /// Notes that the server is known to have no line of this process: that it does not know one is no news any more.
    pub(crate) fn forget_stored(&self) {
        for shard in &self.shards {
            shard.lock().values_mut().for_each(|entry| entry.stored = false);
        }
    }

    /// Puts every account on the list, for the server may have lost it.
    pub(crate) fn touch_all(&self, at: Tick) {
        for shard in &self.shards {
            let mut newly_listed = Vec::new();
            for (account, entry) in shard.lock().iter_mut() {
                entry.changed_at.get_or_insert(at);
                if !std::mem::replace(&mut entry.listed, true) {
                    newly_listed.push(*account);
                }
            }
            self.active.lock().append(&mut newly_listed);
        }
    }

    /// Moves what is known of accounts to the windows that are now in force, for those in which it was heard have moved.
    pub(crate) fn realign(&self, window_in_force: impl Fn(Book) -> UnixMicros) {
        for shard in &self.shards {
            for (account, entry) in shard.lock().iter_mut() {
                entry.window = window_in_force(account.book);
            }
        }
    }

    /// How many accounts something is known of.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Forgets the accounts that are not on the list, but those that are to be kept, and gives their memory back.
    pub(crate) fn sweep(&self, mut keep: impl FnMut(&Account, &Known) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.retain(|account, entry| entry.listed || keep(account, entry));
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit();
            }
        }
        let mut active = self.active.lock();
        if active.len() < active.capacity() / 4 {
            active.shrink_to_fit();
        }
    }

    fn shard(&self, account: Account) -> &Mutex<HashMap<Account, Known, RandomState>> {
        &self.shards[account.key.shard_word() as usize % SHARDS]
    }
}

/// How long a settlement may wait for a request to carry it, in exact mode: with the pace at which it is looked for
/// and a round trip it is on the server within 100 ms.
const RIDE_WITHIN: Micros = Micros(80_000);

/// The pace at which a process with running requests speaks, so that the others do not take it for dead.
const SPEAK_WITHIN: Micros = Micros(900_000);

/// What is to be done about an account on the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    Later,
    Never,
}

/// How the desk stands to an account on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    /// A call with it is under way, or its server is left alone.
    Busy,
    /// Its line is published when it is due.
    Free,
    /// Somebody waits for its line to be published.
    Awaited,
}

impl Ledgers {
    /// The accounts whose lines are to be published now, so many at most; what is due later stays on the list.
    pub(crate) fn due_lines(
        &self,
        now: Now,
        most: usize,
        stance: impl Fn(Account) -> Stance,
    ) -> Vec<Account> {
        let mut due = Vec::new();
        let mut kept = self.peers.take_active();
        kept.retain(|account| {
            let is_due = match stance(*account) {
                Stance::Busy => Due::Later,
                Stance::Free => self.due(*account, now),
                Stance::Awaited => Due::Now,
            };
            if is_due == Due::Now && due.len() < most {
                due.push(*account);
                return false;
            }
            is_due != Due::Never || !self.peers.unlist(*account)
        });
        // At the end: where more are due than can be sent, each has its turn.
        kept.extend_from_slice(&due);
        self.peers.keep_active(kept);
        due
    }

    /// The accounts of which the server does not have the line as it is here.
    pub(crate) fn unpublished(&self, now: Now) -> Vec<Account> {
        let active = self.peers.take_active();
        let is_unpublished = |account: &&Account| {
            let (line, in_force) = self.memory.line(account.book, account.key, now);
            let changed_at = self.peers.with(**account, in_force.window.start, |entry| entry.changed_at);
            changed_at.is_some() || line.admitted > 0
        };
        let unpublished = active.iter().filter(is_unpublished).copied().collect();
        self.peers.keep_active(active);
        unpublished
    }

    /// What is to be done about an account on the list.
    pub(crate) fn due(&self, account: Account, now: Now) -> Due {
        let (line, in_force) = self.memory.line(account.book, account.key, now);
        let entry = self.peers.with(account, in_force.window.start, |entry| *entry);
        let span = match (self.settings.mode, entry.changed_at) {
            _ if entry.changed_at.is_some() && is_scarce_place(&entry, &line) => return Due::Now,
            (SyncMode::Exact, Some(changed_at)) => {
                return if now.tick.since(changed_at) >= RIDE_WITHIN { Due::Now } else { Due::Later };
            }
            (SyncMode::Exact, None) if line.admitted > 0 => SPEAK_WITHIN,
            (SyncMode::Exact, None) => return Due::Never,
            (SyncMode::Batched, None) if entry.wanted => self.settings.sync.into(),
            (SyncMode::Batched, None) if line.admitted == 0 => return Due::Never,
            (SyncMode::Batched, _) => self.pace(&entry, &line, now),
        };
        if now.tick.since(entry.sent_at) >= span { Due::Now } else { Due::Later }
    }

    fn pace(&self, entry: &Known, own: &Line, now: Now) -> Micros {
        let others = entry.others.at(now.tick);
        let spent = own.net.saturating_add(others.net);
        let left = entry.quota.saturating_add_signed(spent.saturating_neg());
        // Load that is spread evenly rises everywhere at once: the others run as many as this process, until heard of.
        let running =
            own.running.saturating_add(others.running).max(own.running.saturating_mul(self.processes()));
        pace(Micros(left), running, self.settings.sync.into())
    }
}

/// Whether others may wait for a place that has become free here.
fn is_scarce_place(entry: &Known, own: &Line) -> bool {
    let taken = u64::from(own.admitted) + u64::from(entry.others.line.admitted);
    entry.window == Window::ALL_TIME.start && taken + 1 >= entry.quota
}
