//! Shards: parts of a store under a lock each, how several of them are locked at once, and what a decision sees of them.
//!
//! All accounts of a key lie in one shard, so a request whose limits share a key takes one lock. Where keys differ, shards are locked
//! in their order, whatever the order of the claims: so no two decisions wait for each other.
//!
//! A claim of a fair limit is about up to three accounts (the whole, the number of clients, the client's share), and those of clients
//! may lie in other shards than the whole does. So what a decision locks follows from all keys of all claims: [`lies`] says in how
//! many shards they are, and one, two or [`Many`] are locked.

use std::iter;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::model::{KeyHash, Now};
use crate::store::calendar::Calendar;
use crate::store::memory::snapshot::Section;
use crate::store::memory::table::Table;
use crate::store::memory::{Memory, SHARDS};
use crate::store::{Book, Claim};

/// The accounts of some keys. Aligned, so that two locks never share a cache line.
///
/// Its tables are behind one lock together: a request with an hour's and a day's limit on one key needs both.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Shard {
    /// Each at the position of its calendar.
    pub(crate) tables: Vec<Table>,
    /// What a snapshot said of calendars that have no table here yet.
    pub(crate) unclaimed: Vec<Section>,
}

impl Shard {
    /// The table of a calendar, with the window that is in force.
    ///
    /// Whoever asks for a table thereby ends its window if that is over, so no window lives longer than the first request after it.
    #[inline]
    pub(crate) fn table(&mut self, store: &Memory, calendar: usize, now: &Now) -> &mut Table {
        if self.tables.get(calendar).is_some_and(|table| now.utc < table.in_force.edge) {
            return &mut self.tables[calendar];
        }
        self.renew(store, calendar, now)
    }

    /// Brings every table to the window in force, and what a snapshot said into its table; gives back room that is not
    /// needed any more.
    pub(crate) fn tidy(&mut self, store: &Memory, now: &Now) {
        let claimed = self.unclaimed.iter().filter_map(|section| store.calendars.read().position_of(section));
        let tables = claimed.map(|position| position + 1).max().unwrap_or(0).max(self.tables.len());
        for calendar in 0..tables {
            let shrunk = self.table(store, calendar, now).shrink();
            shrunk.into_iter().for_each(|rows| store.retire(rows));
        }
        self.unclaimed.retain(|section| section.window.contains(now.wall()));
    }

    /// What a snapshot is to say of this shard.
    pub(crate) fn sections(&mut self, shard: usize, store: &Memory, now: &Now) -> Vec<Section> {
        self.tidy(store, now);
        let calendars = store.calendars.read();
        let tables = self.tables.iter().zip(&calendars.all);
        let charged = tables.filter_map(|(table, calendar)| {
            let (zone, period) = (calendar.zone().name().to_owned(), calendar.period()?);
            let window = table.in_force.window;
            Some(Section { shard, zone, period, window, accounts: table.spenders(now) })
        });
        let all = charged.chain(self.unclaimed.iter().cloned());
        all.filter(|section| !section.accounts.is_empty()).collect()
    }

    /// It takes the lock of the calendars while that of the shard is held, always in this order: see [`Memory::realign`] for the one
    /// place that needs both the other way round and so does not hold the first.
    #[cold]
    fn renew(&mut self, store: &Memory, calendar: usize, now: &Now) -> &mut Table {
        let calendars = store.calendars.read();
        while self.tables.len() <= calendar {
            let next = self.tables.len();
            self.begin(store, &calendars.all[next], calendars.before[next], now);
        }
        let table = &mut self.tables[calendar];
        if now.utc >= table.in_force.edge {
            store.retire(table.roll(calendars.all[calendar].in_force(*now)));
        }
        table
    }

    /// Makes the next table, with what a snapshot said of it: a window counts as the same if both its ends are.
    ///
    /// If the zone had another law before, the table begins with what accounts have spent by it, whether or not the
    /// windows are the same: a reload refunds nothing. Requests that run then end where they have begun.
    fn begin(&mut self, store: &Memory, calendar: &Calendar, before: Option<u32>, now: &Now) {
        let in_force = calendar.in_force(*now);
        let mut table = Table::new(in_force);
        let claimed = self.unclaimed.extract_if(.., |section| section.is_of(calendar));
        for section in claimed.filter(|section| section.window == in_force.window) {
            store.count(table.take_over(&section.accounts));
        }
        let spent = before.and_then(|before| self.tables.get(before as usize));
        if let Some(spent) = spent.filter(|spent| now.utc < spent.in_force.edge) {
            store.count(table.take_over(&spent.spenders(now)));
        }
        self.tables.push(table);
    }
}

/// Every shard that a key of the decision lies in.
///
/// A decision is written once for all of them ([`Visit`]), and compiled for each: for one shard, to find the shard costs nothing.
pub(crate) trait Locked {
    /// The shard of a key of this decision.
    fn shard(&mut self, key: KeyHash) -> &mut Shard;
}

/// The one shard that all keys lie in.
impl Locked for MutexGuard<'_, Shard> {
    #[inline]
    fn shard(&mut self, _: KeyHash) -> &mut Shard {
        self
    }
}

/// Two shards, as they lie that have a rule by site and one by address.
pub(crate) struct Two<'a> {
    first: usize,
    shards: [MutexGuard<'a, Shard>; 2],
}

impl<'a> Two<'a> {
    /// Locks both in their order, as all who lock several.
    pub(crate) fn lock(shards: &'a [Mutex<Shard>; SHARDS], first: usize, second: usize) -> Self {
        Self { first, shards: [shards[first].lock(), shards[second].lock()] }
    }

    /// Both, that of a key first.
    #[inline]
    pub(crate) fn of(&mut self, key: KeyHash) -> (&mut Shard, &mut Shard) {
        let is_first = shard_of(key) == self.first;
        let [first, second] = &mut self.shards;
        if is_first { (first, second) } else { (second, first) }
    }
}

impl Locked for Two<'_> {
    #[inline]
    fn shard(&mut self, key: KeyHash) -> &mut Shard {
        &mut self.shards[usize::from(shard_of(key) != self.first)]
    }
}

/// Several shards, each with its position, in the order of positions.
pub(crate) struct Many<'a>(SmallVec<[(usize, MutexGuard<'a, Shard>); 8]>);

impl<'a> Many<'a> {
    /// Locks the shards of all claims, in the shards' order, so that two decisions never wait for each other.
    pub(crate) fn lock(shards: &'a [Mutex<Shard>], claims: &[Claim]) -> Self {
        let keys = claims.iter().flat_map(|claim| iter::once(claim.ask.key).chain(claim.ask.client));
        let mut wanted: SmallVec<[usize; 8]> = keys.map(shard_of).collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self(wanted.into_iter().map(|shard| (shard, shards[shard].lock())).collect())
    }
}

impl Locked for Many<'_> {
    fn shard(&mut self, key: KeyHash) -> &mut Shard {
        let locked = self.0.binary_search_by_key(&shard_of(key), |(shard, _)| *shard);
        // Found, since the shard of every claim of the decision was locked.
        &mut self.0[locked.unwrap_or_default()].1
    }
}

/// Where claims lie: in one shard, in two, of which the smaller stands first, or in several.
pub(crate) enum Lie {
    One(usize),
    Two(usize, usize),
    Several,
}

/// Where claims lie: in several shards if clients of accounts have accounts of their own.
///
/// It looks at keys only, so it needs no lock. No claims at all are answered as several, the way on which nothing is taken for
/// granted.
#[inline]
pub(crate) fn lies(claims: &[Claim]) -> Lie {
    let Some(first) = claims.first() else { return Lie::Several };
    let one = shard_of(first.ask.key);
    let mut other = one;
    for claim in claims {
        let shard = shard_of(claim.ask.key);
        if claim.ask.client.is_some() || (shard != one && other != one && other != shard) {
            return Lie::Several;
        }
        other = if shard == one { other } else { shard };
    }
    if other == one { Lie::One(one) } else { Lie::Two(one.min(other), one.max(other)) }
}

/// Whether claims lie in one shard, with all that they are about.
#[inline]
pub(crate) fn lie_together(one: &Claim, other: &Claim) -> bool {
    shard_of(one.ask.key) == shard_of(other.ask.key) && one.ask.client.or(other.ask.client).is_none()
}

/// The position of the shard that all accounts of a key lie in.
#[inline]
pub(crate) fn shard_of(key: KeyHash) -> usize {
    key.shard_word() as usize % SHARDS
}

/// What the accounts of a claim are elsewhere, where other processes draw on them as well.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside {
    /// What the others have spent.
    pub(crate) spent: u64,
    /// What their account takes of the claim's quota; below 0 where more was granted there than has been charged.
    pub(crate) taken: i64,
    /// How many clients they have counted.
    pub(crate) clients: u64,
    /// What they have spent of the client's share.
    pub(crate) share: u64,
    /// Whether they know the client.
    pub(crate) knows_client: bool,
}

/// What happens to some claims at once, at one moment.
///
/// It is made once the locks are held and dropped before they are, so whatever happens in it happens at one moment for everybody.
pub(crate) struct Visit<'a, L> {
    pub(crate) store: &'a Memory,
    pub(crate) shards: &'a mut L,
    pub(crate) now: Now,
    /// For each claim what its accounts are elsewhere; empty where nobody else draws on them.
    pub(crate) beside: &'a [Beside],
}

impl<L: Locked> Visit<'_, L> {
    /// The table of a book's accounts in the shard of a key.
    #[inline]
    pub(crate) fn table(&mut self, book: Book, key: KeyHash) -> &mut Table {
        self.shards.shard(key).table(self.store, book.calendar as usize, &self.now)
    }
}
