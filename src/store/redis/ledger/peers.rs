//! What this process knows of the others' lines, and what they know of its own.
//!
//! There is one entry per account that this process has charged or asked about in the window in force. It has the sum of the
//! others' lines with the tick at which it was read, and since when the server's copy of the own line is out of date. Accounts whose
//! line has changed, or which run, stand on a list; only that list is looked through, every 10 ms, so accounts at rest cost nothing.
//!
//! Everything known is about one window of an account. Who asks about a later one forgets it first ([`Peers::with`]), so nothing of an
//! hour that has ended can take room in the next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::model::{KeyHash, Others, Tick, UnixMicros};
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Before;
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
    /// Their sum, and when it was read; evaluated at any later moment, what runs goes on.
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
///
/// Drawn once in an outage, of what was left when it began: else each decision would take a share of what the one before had left, and
/// all of them together far more than one.
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
///
/// 64 parts under a lock each, for it is asked in every decision.
#[derive(Debug)]
pub(crate) struct Peers {
    shards: Box<[Mutex<Shard>]>,
    /// The accounts that run or have changed, or whose others are to be heard.
    active: Mutex<Vec<Account>>,
}

/// A part of them.
#[derive(Debug, Default)]
struct Shard {
    known: HashMap<Account, Known, RandomState>,
    /// The homes of those that are not their own, by book and key: found at once, for clients may have accounts looked for
    /// that nobody has, and meanwhile decisions wait.
    homes: HashMap<(Book, KeyHash), KeyHash, RandomState>,
}

impl Shard {
    /// What is known of an account, be it nothing yet.
    fn entry(&mut self, account: Account, window: UnixMicros) -> &mut Known {
        match self.known.entry(account) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                if account.home != account.key {
                    self.homes.insert((account.book, account.key), account.home);
                }
                vacant.insert(Known::new(window))
            }
        }
    }

    /// Forgets the others, and gives their memory back.
    fn retain(&mut self, mut keep: impl FnMut(&Account, &Known) -> bool) {
        let Self { known, homes } = self;
        known.retain(|account, entry| keep(account, entry));
        if known.len() < known.capacity() / 4 {
            known.shrink_to_fit();
        }
        homes
            .retain(|(book, key), home| known.contains_key(&Account { book: *book, key: *key, home: *home }));
        if homes.len() < homes.capacity() / 4 {
            homes.shrink_to_fit();
        }
    }
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
        let entry = shard.known.get_mut(&account).filter(|entry| entry.window == claim.standing.window.start);
        entry.map_or((Others::UNKNOWN, true), |entry| {
            entry.quota = claim.ask.quota;
            (entry.others, entry.returns == returns)
        })
    }

    /// The account of a book that has this key: its own home, but where one is known that lies with another.
    ///
    /// It is two look-ups at most, however many accounts are known.
    pub(crate) fn named(&self, book: Book, key: KeyHash) -> Account {
        let own = Account { book, key, home: key };
        let shard = self.shard(own).lock();
        match shard.homes.get(&(book, key)) {
            Some(home) if !shard.known.contains_key(&own) => Account { home: *home, ..own },
            _ => own,
        }
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
        let entry = shard.entry(account, window);
        if entry.window != window {
            let Known { listed, changed_at, returned, .. } = *entry;
            *entry = Known { listed, changed_at, returned, ..Known::new(window) };
        }
        f(entry)
    }

    /// Notes that the line of an account is sent; says whether something was returned in it.
    ///
    /// What is spent from here on makes it out of date again.
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
        let entry = shard.entry(account, window);
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
        let Some(entry) = shard.known.get_mut(&account) else { return true };
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
            let Some(entry) = shard.known.get_mut(account) else { return false };
            if is_over(account, entry) {
                (entry.listed, entry.changed_at) = (false, None);
            }
            entry.listed
        });
    }

    /// Notes that the server is known to have no line of this process: that it does not know one is no news any more.
    pub(crate) fn forget_stored(&self) {
        for shard in &self.shards {
            shard.lock().known.values_mut().for_each(|entry| entry.stored = false);
        }
    }

    /// Puts every account on the list, for the server may have lost it.
    pub(crate) fn touch_all(&self, at: Tick) {
        for shard in &self.shards {
            let mut newly_listed = Vec::new();
            for (account, entry) in &mut shard.lock().known {
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
            for (account, entry) in &mut shard.lock().known {
                entry.window = window_in_force(account.book);
            }
        }
    }

    /// How many accounts something is known of.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().known.len()).sum()
    }

    /// Forgets the accounts that are not on the list, but those that are to be kept, and gives their memory back.
    pub(crate) fn sweep(&self, mut keep: impl FnMut(&Account, &Known) -> bool) {
        for shard in &self.shards {
            shard.lock().retain(|account, entry| entry.listed || keep(account, entry));
        }
        let mut active = self.active.lock();
        if active.len() < active.capacity() / 4 {
            active.shrink_to_fit();
        }
    }

    fn shard(&self, account: Account) -> &Mutex<Shard> {
        &self.shards[account.key.shard_word() as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: UnixMicros = UnixMicros(0);

    fn key(n: u32) -> KeyHash {
        KeyHash([n, n, 0, 1])
    }

    /// Every account of a part of the table was walked through, under the lock that decisions wait for, whenever anybody
    /// asked where an account stands that nobody has.
    #[test]
    fn an_account_is_named_by_its_home_as_long_as_it_is_known_and_else_is_its_own() {
        let (book, peers) = (Book { calendar: 0, salt: [1; 3] }, Peers::new());
        let whole = Account { book, key: key(1), home: key(1) };
        let share = Account { book, key: key(2), home: key(1) };
        for account in [whole, share] {
            peers.with(account, WINDOW, |_| ());
        }
        let named = |n| peers.named(book, key(n));
        assert_eq!((named(1), named(2)), (whole, share));
        assert_eq!(named(3), Account { book, key: key(3), home: key(3) });
        peers.sweep(|account, _| *account == whole);
        assert_eq!((named(1), named(2)), (whole, Account { home: key(2), ..share }));
        assert_eq!(peers.shards.iter().map(|shard| shard.lock().homes.len()).sum::<usize>(), 0);
    }
}
