//! The memory store: accounts in this process, shared by all its workers.
//!
//! A decision takes one lock for each shard that its keys lie in, which for a single key is one lock whatever the
//! number of limits. On an account that exists it allocates nothing.
//!
//! # How it is laid out
//!
//! Keys are hashed, and a few bits of the hash choose one of 1,024 shards, each with its lock. A shard has a table for each
//! calendar, that is for each zone and period, and a table has a row of 24 bytes for each account. What only running requests need lies in a slot
//! beside the rows, so an account of which nothing runs costs its row alone.
//!
//! | file | is about |
//! |---|---|
//! | `decide` | admission: where each account stands, and what is charged |
//! | `settle` | pauses, looks and settlements of what was admitted |
//! | `shard` | which shards are locked for a decision, and in which order |
//! | `table`, `rows` | the accounts of one calendar in one shard, and their bytes |
//! | `overflow` | the accounts that newcomers share once the store is full |
//! | `accounts` | lists, readings and grants, between requests |
//! | `snapshot` | a file in which accounts outlive the process |
//!
//! # What it costs
//!
//! An account takes less than 40 bytes of memory, with the room that a table keeps free. A million accounts, the default, are about
//! 40 MB; a window's end gives them back.

mod accounts;
mod decide;
mod overflow;
mod rows;
mod settle;
mod shard;
mod snapshot;
mod table;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::ready;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use parking_lot::{Mutex, RwLock};

use self::overflow::Overflow;
#[cfg(feature = "redis")]
pub(crate) use self::overflow::{account, of_last_words};
use self::rows::Row;
pub(crate) use self::shard::Beside;
use self::shard::{Lie, Many, Shard, Two, Visit, lie_together, lies, shard_of};
use self::snapshot::{Section, Snapshot};
use self::table::{Count, Retired, Seat, Table};
use crate::model::{KeyBytes, KeyHash, KeyHasher, Learned, Micros, Now, Period};
use crate::store::calendar::Calendar;
use crate::store::{
    Answering, Book, BookSpec, Census, Claim, Fault, Listed, Mode, Progress, Reading, Relief, Settlement,
    SharedOut, Store, Verdict,
};

/// A power of two, so that a shard is a few bits of the key; many more than cores, so that two rarely meet.
const SHARDS: usize = 1024;

/// All shards; as many as there are, so that one is found by a few bits without a question.
///
/// A box of them, since they are too large for a stack, and an array, since its length is then no question at a request.
type Shards = [Mutex<Shard>; SHARDS];

/// The memory store.
///
/// [`Engine::new`](crate::Engine::new) takes it, and [`open`](crate::store::open) makes one of `memory://`. No decision of it can fail;
/// only the reading and writing of a snapshot can.
///
/// # Examples
///
/// ```
/// use timebudget::store::memory::Memory;
/// use timebudget::{Component, Engine, ManualClock, TimeBudget, UnixMicros};
///
/// # actix_web::rt::System::new().block_on(async {
/// let engine = Engine::new(Memory::new(10_000), ManualClock::at(UnixMicros::from_secs(1_772_366_400)));
/// let budget = TimeBudget::rule("jobs", "2 per hour").key(Component::Site).engine(&engine).build()?;
/// for _ in 0..2 {
///     drop(budget.charge("jobs", ()).await.expect("there is room for two"));
/// }
/// assert!(budget.charge("jobs", ()).await.is_err());
/// assert_eq!(engine.census().accounts, 1);
/// # Ok::<(), timebudget::RuleError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Memory {
    shards: Box<Shards>,
    calendars: RwLock<Calendars>,
    salts: KeyHasher,
    max_accounts: usize,
    /// Those that keys have to themselves.
    accounts: AtomicUsize,
    /// Those that newcomers share.
    shared: AtomicUsize,
    overflow: Overflow,
    /// What has died and is to be freed where nobody waits for it.
    retired: Mutex<Vec<Retired>>,
    snapshot: Option<Snapshot>,
}

/// All calendars ever opened: there are as many as pairs of a zone and a period in the configuration, and a few more once a
/// new release of the tz database has changed a zone's law.
///
/// It only grows: a table finds its calendar by position, so none may ever move. One that a reload drops stays, with tables that are
/// empty after their window.
#[derive(Debug, Default)]
struct Calendars {
    all: Vec<Arc<Calendar>>,
    /// For each the one by the law before, of whose accounts it takes over what they have spent.
    before: Vec<Option<u32>>,
    /// Those of a zone's name and a period, one for each law.
    positions: HashMap<(String, Option<Period>), Vec<u32>>,
}

/// What a visit does while every shard that a key of its claims lies in is locked.
#[cfg(feature = "redis")]
macro_rules! locked {
    ($store:ident, $claims:ident, $now:ident, |$visit:ident| $act:expr) => {
        apart(|| {
            let mut shards = Many::lock(&*$store.shards, $claims);
            let mut $visit = Visit { store: $store, shards: &mut shards, now: $now, beside: &[] };
            $act
        })
    };
}

/// The same for what need not happen to all claims at once: the shards are locked one after the other.
macro_rules! one_by_one {
    ($store:ident, $claims:ident, $now:ident, |$visit:ident| $act:expr) => {
        for $claims in $claims.chunk_by_mut(lie_together) {
            if $claims[0].ask.client.is_none() {
                let mut shard = $store.shards[shard_of($claims[0].ask.key)].lock();
                let mut $visit = Visit { store: $store, shards: &mut shard, now: $now, beside: &[] };
                $act
            } else {
                apart(|| {
                    let mut shards = Many::lock(&*$store.shards, $claims);
                    let mut $visit = Visit { store: $store, shards: &mut shards, now: $now, beside: &[] };
                    $act
                })
            }
        }
    };
}

/// Does what few requests need where the others' way does not become longer by it.
#[inline(never)]
fn apart<T>(act: impl FnOnce() -> T) -> T {
    act()
}

impl Memory {
    /// How many accounts a store holds unless it is told otherwise: about 40 MB when full.
    ///
    /// An account is one key of one limit: ten thousand clients with three limits each are thirty thousand of them.
    pub const DEFAULT_MAX_ACCOUNTS: usize = 1_000_000;

    /// An empty store with room for `max_accounts`; when full, newcomers share 65,536 accounts per book, which come on top.
    ///
    /// No memory is taken before accounts come. [`Engine::census`](crate::Engine::census) says how many there are, and how many decisions
    /// fell on shared ones.
    pub fn new(max_accounts: usize) -> Self {
        let shards: Box<[_]> = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self {
            shards: shards.try_into().expect("so many were made"),
            calendars: RwLock::default(),
            salts: KeyHasher::new(*b"timebudget books"),
            max_accounts,
            accounts: AtomicUsize::new(0),
            shared: AtomicUsize::new(0),
            overflow: Overflow::default(),
            // At once, for glibc returns only what lies on top of the heap: room for it that is taken later, when every shard gives
            // memory back, would lie there.
            retired: Mutex::new(Vec::with_capacity(SHARDS)),
            snapshot: None,
        }
    }

    /// The store, with a file in which accounts outlive their process.
    ///
    /// An engine takes accounts from it whose windows still last, and replaces it every ten seconds and when it is dropped. A file that is damaged, of another version or that says nothing but of windows
    /// that have ended is moved to its name with `.refused` behind it, with a line in the log, and nothing is taken
    /// from it. The file holds the secret that keys are hashed with, so only its owner may read it.
    ///
    /// No two stores share one: as long as the store lives it has a lock on an empty file beside it, with `.lock` behind its
    /// name, which stays there. Where another has it, be it of another process, this waits for it for up to five seconds,
    /// with a line in the log.
    ///
    /// # Errors
    ///
    /// The file cannot be read, written or moved, or another store has it; the text names it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use timebudget::store::memory::Memory;
    /// use timebudget::{Engine, SystemClock};
    /// let store = Memory::default().with_snapshot("/var/lib/app/accounts")?;
    /// let engine = Engine::new(store, SystemClock::new());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_snapshot(mut self, file: impl Into<PathBuf>) -> io::Result<Self> {
        self.snapshot = Some(Snapshot::open(file.into())?);
        Ok(self)
    }

    /// Sends claims on accounts that do not exist to those that newcomers share, if there may be no room for them.
    ///
    /// For a store that has to know which account is charged before it decides.
    #[cfg(feature = "redis")]
    pub(crate) fn send_newcomers_aside(&self, claims: &mut [Claim], now: Now) {
        let accounts: usize = claims.iter().map(|claim| claim.ask.parts().len()).sum();
        if self.accounts.load(Relaxed) + accounts > self.max_accounts {
            locked!(self, claims, now, |visit| visit.send_newcomers_aside(claims));
        }
    }

    /// Decides as [`Store::admit`] does, over accounts that other processes draw on as well: `beside` says what they are
    /// there.
    #[cfg(feature = "redis")]
    pub(crate) fn admit_beside(
        &self,
        claims: &mut [Claim],
        mode: Mode,
        now: Now,
        beside: &[Beside],
    ) -> Verdict {
        if let [claim] = claims
            && let Some(verdict) = self.decide_alone(claim, mode, &now, beside.first())
        {
            return verdict;
        }
        self.decide_together(claims, mode, now, beside)
    }

    /// Charges claims that somebody else has decided over.
    #[cfg(feature = "redis")]
    pub(crate) fn charge_decided(&self, claims: &mut [Claim], now: Now) {
        locked!(self, claims, now, |visit| visit.charge_decided(claims));
    }

    /// Notes what requests that arrived at `now` and are decided over later had cost before the windows that they were charged in.
    #[cfg(feature = "redis")]
    pub(crate) fn note_earlier(&self, claims: &mut [Claim], now: Now) {
        locked!(self, claims, now, |visit| visit.note_earlier(claims));
    }

    /// A new account, be there room or not.
    ///
    /// It is counted at once, so that others who have the lock of another shard see it; the bound is then passed by as many as decide at
    /// the same moment at most.
    fn insert(&self, table: &mut Table, vacant: usize, book: Book, key: KeyHash) -> Seat {
        let (hash, mark) = (key.salted(book.salt), Row::mark(book.salt));
        self.count_of(Row::is_shared(hash, mark)).fetch_add(1, Relaxed);
        table.insert_near(vacant, hash, mark)
    }

    /// Removes an account.
    fn remove(&self, table: &mut Table, at: usize) {
        self.count_of(table.remove(at)).fetch_sub(1, Relaxed);
    }

    /// Counts accounts that have come from elsewhere.
    fn count(&self, Count { own, shared }: Count) {
        self.accounts.fetch_add(own, Relaxed);
        self.shared.fetch_add(shared, Relaxed);
    }

    fn count_of(&self, is_shared: bool) -> &AtomicUsize {
        if is_shared { &self.shared } else { &self.accounts }
    }

    #[inline(never)]
    fn decide_together(&self, claims: &mut [Claim], mode: Mode, now: Now, beside: &[Beside]) -> Verdict {
        match lies(claims) {
            Lie::One(shard) => {
                let mut shard = self.shards[shard].lock();
                Visit { store: self, shards: &mut shard, now, beside }.decide(claims, mode)
            }
            Lie::Two(first, second) => {
                let mut shards = Two::lock(&self.shards, first, second);
                if let [one, other] = claims
                    && beside.is_empty()
                    && let Some(verdict) = self.decide_two(&mut shards, one, other, mode, &now)
                {
                    return verdict;
                }
                Visit { store: self, shards: &mut shards, now, beside }.decide(claims, mode)
            }
            Lie::Several => {
                let mut shards = Many::lock(&*self.shards, claims);
                Visit { store: self, shards: &mut shards, now, beside }.decide(claims, mode)
            }
        }
    }

    /// What runs ends account by account: between two shards others may see the one settled, and not yet the other.
    #[inline(never)]
    fn settle_together(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        let mut claims = claims.iter_mut().peekable();
        while let Some(claim) = claims.next() {
            if claim.ask.client.is_some() {
                apart(|| {
                    let claims = std::slice::from_mut(claim);
                    let mut shards = Many::lock(&*self.shards, claims);
                    Visit { store: self, shards: &mut shards, now, beside: &[] }.settle(claims, settlement);
                });
                continue;
            }
            let mut shard = self.shards[shard_of(claim.ask.key)].lock();
            self.settle_in(&mut shard, claim, settlement, &now);
            while let Some(next) = claims.next_if(|next| lie_together(claim, next)) {
                self.settle_in(&mut shard, next, settlement, &now);
            }
        }
    }

    /// To unmap a large table takes milliseconds, which no request waits for: it is dropped by the next round of tidying.
    fn retire(&self, retired: Retired) {
        let Count { own, shared } = retired.gone;
        self.accounts.fetch_sub(own, Relaxed);
        self.shared.fetch_sub(shared, Relaxed);
        self.retired.lock().push(retired);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_ACCOUNTS)
    }
}

impl Store for Memory {
    fn open(&self, spec: &BookSpec<'_>) -> Book {
        let mut calendars = self.calendars.write();
        Book { calendar: calendars.open(spec), salt: self.salt(spec) }
    }

    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault> {
        if let [claim] = claims
            && let Some(verdict) = self.decide_alone(claim, mode, &now, None)
        {
            return Ok(verdict);
        }
        Ok(self.decide_together(claims, mode, now, &[]))
    }

    fn pause(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        one_by_one!(self, claims, now, |visit| visit.pause(claims, cost));
    }

    fn resume(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        one_by_one!(self, claims, now, |visit| visit.resume(claims, cost));
    }

    fn look(&self, claims: &mut [Claim], progress: Progress, now: Now) {
        one_by_one!(self, claims, now, |visit| visit.look(claims, progress));
    }

    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        match claims {
            [claim] if claim.ask.client.is_none() => self.settle_alone(claim, settlement, &now),
            claims => self.settle_together(claims, settlement, now),
        }
    }

    fn tidy(&self, now: Now) {
        for shard in &*self.shards {
            shard.lock().tidy(self, &now);
        }
        while let Some(retired) = self.take_retired() {
            drop(retired);
        }
    }

    fn begin(&self, clock: Reading) {
        for section in self.snapshot.iter().flat_map(|snapshot| snapshot.take_in_force(clock())) {
            self.shards[section.shard].lock().unclaimed.push(section);
        }
    }

    fn secret(&self) -> Option<[u8; 16]> {
        self.snapshot.as_ref()?.secret()
    }

    fn learned(&self) -> Vec<Learned> {
        self.snapshot.as_ref().map_or_else(Vec::new, Snapshot::take_learned)
    }

    fn save(&self, secret: &[u8; 16], learned: &[Learned], now: Now) -> Result<(), Fault> {
        let Some(snapshot) = &self.snapshot else { return Ok(()) };
        let shards = self.shards.iter().enumerate();
        let sections = shards.flat_map(|(at, shard)| shard.lock().sections(at, self, &now));
        snapshot.write(secret, learned, sections).map_err(|error| Fault(error.to_string()))
    }

    fn list(&self, books: &[Book], most: usize, now: Now) -> Answering<Vec<Listed>> {
        Box::pin(ready(Ok(self.list_now(books, most, now))))
    }

    fn read(&self, book: Book, key: KeyHash, now: Now) -> Answering<Listed> {
        Box::pin(ready(Ok(self.read_now(book, key, now))))
    }

    fn read_shares(&self, book: Book, key: KeyHash, client: KeyHash, now: Now) -> Answering<SharedOut> {
        let clients = self.read_now(book.of_clients(), key, now).net;
        let spent = self.read_now(book.of_shares(), client, now).net;
        Box::pin(ready(Ok(SharedOut::new(clients, spent))))
    }

    fn relieve(&self, book: Book, key: KeyHash, relief: Relief, now: Now) -> Answering<Listed> {
        Box::pin(ready(Ok(self.relieve_now(book, key, relief, now))))
    }

    fn census(&self) -> Census {
        Census {
            accounts: self.accounts.load(Relaxed),
            shared: self.shared.load(Relaxed),
            overflowed: self.overflow.decisions(),
            ..Census::default()
        }
    }
}

impl Memory {
    /// The lock is held for one pop only: freeing happens outside.
    fn take_retired(&self) -> Option<Retired> {
        self.retired.lock().pop()
    }

    /// Another site, rule, unit or period is another salt, and the same ones are the same salt for ever: in a snapshot, in a server, and
    /// in every process. A change of what is hashed here would orphan all accounts that are kept anywhere.
    fn salt(&self, spec: &BookSpec<'_>) -> [u32; 3] {
        let mut name = KeyBytes::default();
        name.text(0, spec.site);
        name.text(1, spec.rule);
        let mut tally = String::new();
        // Writing to a String cannot fail.
        let _ = write!(tally, "{:?} per {:?}", spec.tally, spec.period);
        name.text(2, &tally);
        let KeyHash([_, a, b, c]) = self.salts.hash(name.as_slice());
        [a, b, c]
    }
}

impl Calendars {
    /// Zones of one name and another law are two calendars: a new release of the tz database must not move a window that is in force.
    fn open(&mut self, spec: &BookSpec<'_>) -> u32 {
        let name = (spec.zone.name().to_owned(), spec.period);
        let positions = self.positions.entry(name).or_default();
        let by_law = |at: &&u32| self.all[**at as usize].zone().has_law_of(spec.zone);
        if let Some(known) = positions.iter().find(by_law) {
            return *known;
        }
        self.before.push(positions.last().copied());
        self.all.push(Arc::new(Calendar::new(Arc::clone(spec.zone), spec.period)));
        let opened = (self.all.len() - 1) as u32;
        positions.push(opened);
        opened
    }

    /// The position of the calendar that a section's accounts are of, once it is open.
    fn position_of(&self, section: &Section) -> Option<usize> {
        self.all.iter().position(|calendar| section.is_of(calendar))
    }
}
