//! The store contract: where accounts live, and what every store promises.
//!
//! A store keeps [`Ledger`]s, one for each book and key in one window. The caller owns
//! the arithmetic of prices (what a request is expected to cost, what a quota is); the store owns the atomic step.
//!
//! Every store promises, and the acceptance suite in `tests/store` checks:
//!
//! 1. **All or none.** The claims of one decision are charged together or not at all, also under contention.
//! 2. **A refusal leaves no trace**, but in books that count refusals or everything.
//! 3. **Exactly once.** An admitted claim runs until it is settled; settlement is synchronous and cannot fail, and
//!    settling a claim again does nothing.
//! 4. **Exact at the edge.** A claim that spans windows pays each window for the time it ran in it.
//! 5. **Quotas are the caller's.** An account is known by book, key and window, never by its quota.
//! 6. **Bounded.** An account that has spent is kept while its window lasts; when there is no room, newcomers share
//!    65,536 accounts per book, by their keys' hashes, and that is counted and logged once a window.
//! 7. **Accounts can be looked after.** Those of a book are listed, one is read, granted more or reset, exactly, whatever
//!    runs meanwhile; and it is told how a fair one is shared out.
//! 8. **Time is given.** No method reads a clock; a store that works between requests is given one by
//!    [`Store::begin`].

#[doc(hidden)]
pub mod calendar;
mod claim;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
pub mod uri;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

#[doc(hidden)]
pub use self::claim::{Answering, Listed, Relief, SharedOut};
#[doc(hidden)]
pub use self::claim::{Ask, Charge, Claim, Standing};
pub(crate) use self::claim::{Part, Run, is_fair};
pub use self::uri::{StoreUri, UriError, open};
#[doc(hidden)]
pub use crate::model::{Counts, KeyBytes, KeyHash, KeyHasher, Ledger};
use crate::model::{Facts, Learned, Micros, Now, Period, Salt, Unit, Zone};

/// Where accounts live: [`Memory`](memory::Memory), or what [`open`] has opened.
///
/// It is sealed: what a store and the limiter say to each other may change with every version.
pub trait Store: sealed::Sealed + Send + Sync + 'static {
    /// Opens the book of one limit; the same site, rule, tally, period and zone give the same book.
    fn open(&self, spec: &BookSpec<'_>) -> Book;

    /// Decides over all claims at once, in their order.
    ///
    /// Each claim's standing is filled in. If the answer is [`Verdict::Admitted`], the claims run and must be
    /// given to [`Store::settle`], once. If it is [`Verdict::Open`], nothing is decided, and [`Store::ask`] will.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the store itself failed; nothing is charged then. The memory store never fails.
    fn admit(&self, claims: &mut [Claim], mode: Mode, now: Now) -> Result<Verdict, Fault>;

    /// Decides where [`Store::admit`] could not, because others have to be asked.
    ///
    /// Whoever drops the future before it has answered ends the request, which then was charged nothing.
    fn ask(&self, claims: &[Claim], mode: Mode, now: Now) -> Asking {
        let _ = (claims, mode, now);
        Box::pin(std::future::ready(Err(Fault("this store has nobody to ask".to_owned()))))
    }

    /// Gives the store a clock for what it does between requests; called once, before the first decision.
    fn begin(&self, clock: Reading) {
        drop(clock);
    }

    /// The secret that keys are hashed with, where several processes or an earlier one must agree on it; `None` if any
    /// secret will do. Asked once, after [`Store::begin`].
    fn secret(&self) -> Option<[u8; 16]> {
        None
    }

    /// Stops the time of an admitted request that begins to wait for its client.
    ///
    /// `cost` is what it has cost so far, over all windows. A request is paused once until it is resumed: the account is
    /// a sum and cannot tell whose time it stops. Callers keep track of that.
    fn pause(&self, claims: &mut [Claim], cost: Micros, now: Now);

    /// Lets the time of a paused request run again that has cost `cost`; only of a paused one.
    fn resume(&self, claims: &mut [Claim], cost: Micros, now: Now);

    /// Says where the accounts of an admitted request stand that has come so far; its own hold is left out.
    fn look(&self, claims: &mut [Claim], progress: Progress, now: Now);

    /// How long what a look says of other processes may be out of date; `None` if there are none.
    fn hears_every(&self) -> Option<Micros> {
        None
    }

    /// Ends an admitted request, and says where its accounts stand. A second call does nothing.
    fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now);

    /// Drops the accounts of windows that have ended; called about once a second by a thread of the engine's.
    fn tidy(&self, now: Now);

    /// What an earlier process has learned and saved. Asked once, after [`Store::begin`].
    fn learned(&self) -> Vec<Learned> {
        Vec::new()
    }

    /// Writes down what is to outlive the process, with the secret that keys are hashed with, and what was learned of
    /// what requests cost.
    ///
    /// Called by a thread of the engine's every ten seconds and when the engine ends. A store without such a place does
    /// nothing.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if it cannot be written; what was written last is still there.
    fn save(&self, secret: &[u8; 16], learned: &[Learned], now: Now) -> Result<(), Fault> {
        let _ = (secret, learned, now);
        Ok(())
    }

    /// What the store holds and has done, for metrics.
    fn census(&self) -> Census;

    /// Where the accounts of books stand: of each book those that have spent most, `most` at most, in that order.
    ///
    /// Of a cap, those by whom most requests run. Accounts that nothing was charged or granted in this window are not among
    /// them.
    fn list(&self, books: &[Book], most: usize, now: Now) -> Answering<Vec<Listed>> {
        let _ = (books, most, now);
        claim::unsupported()
    }

    /// Where an account stands; one that does not exist has spent nothing.
    fn read(&self, book: Book, key: KeyHash, now: Now) -> Answering<Listed> {
        let _ = (book, key, now);
        claim::unsupported()
    }

    /// How an account of a fair limit is shared out, and what one of those clients has had of it.
    fn read_shares(&self, book: Book, key: KeyHash, client: KeyHash, now: Now) -> Answering<SharedOut> {
        let _ = (book, key, client, now);
        claim::unsupported()
    }

    /// Grants an account more, or forgets what it has spent; says where it stands then. What runs goes on running.
    ///
    /// A cap on running requests has nothing that could be granted, and stays as it is.
    fn relieve(&self, book: Book, key: KeyHash, relief: Relief, now: Now) -> Answering<Listed> {
        let _ = (book, key, relief, now);
        claim::unsupported()
    }
}

/// What keeps others from implementing a [`Store`].
#[doc(hidden)]
pub mod sealed {
    /// Whoever is a store.
    pub trait Sealed {}

    impl Sealed for super::memory::Memory {}

    #[cfg(feature = "redis")]
    impl Sealed for super::redis::Redis {}
}

impl fmt::Debug for dyn Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("census", &self.census()).finish_non_exhaustive()
    }
}

/// A decision that others are asked about: the verdict, and the claims as [`Store::admit`] would have left them.
#[doc(hidden)]
pub type Asking = Pin<Box<dyn Future<Output = Result<(Verdict, Vec<Claim>), Fault>> + Send>>;

/// A clock as a store is given it.
#[doc(hidden)]
pub type Reading = Box<dyn Fn() -> Now + Send + Sync>;

/// What tells one book from another: everything that an account is known by, but for its key and its window.
///
/// Neither a quota nor a condition is in it, so a reload that changes those keeps every account.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct BookSpec<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The rule's name.
    pub rule: &'a str,
    /// What the accounts count.
    pub tally: Tally,
    /// The windows' length; `None` for running requests, which have no window.
    pub period: Option<Period>,
    /// The zone whose clock cuts the windows.
    pub zone: &'a Arc<Zone>,
}

/// What the accounts of a book count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum Tally {
    /// Microseconds or requests that were charged in the window.
    Charged(Unit),
    /// Requests that run now.
    Running,
}

/// The handle of an open book; cheap to copy.
///
/// It means something to the store that opened it, and to no other. A shared store keeps it as the position of a calendar and the
/// salt that tells its accounts' names from those of other books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub struct Book {
    pub(crate) calendar: u32,
    pub(crate) salt: Salt,
}

impl Book {
    /// The book of how many clients share each account of this one, if its limit is fair: a client is counted when it is
    /// first charged in a window, and stays.
    pub const fn of_clients(self) -> Self {
        self.beside(0x636c_6965)
    }

    /// The book of what each of those clients has spent.
    pub const fn of_shares(self) -> Self {
        self.beside(0x7368_6172)
    }

    /// A book of the same windows whose accounts have other names: by one chance in 2^96 that of an account here.
    const fn beside(self, mark: u32) -> Self {
        let [a, b, c] = self.salt;
        Self { salt: [a ^ mark, b ^ mark.rotate_left(11), c ^ mark.rotate_left(22)], ..self }
    }
}

/// Whether a decision may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Mode {
    /// It may.
    Decide,
    /// It charges and never refuses: CORS preflights, refused requests that are served another page, and work that was detached.
    Force,
}

impl Mode {
    /// How a request is decided over.
    #[inline(always)]
    pub(crate) fn of(facts: &dyn Facts) -> Self {
        if facts.is_preflight() { Self::Force } else { Self::Decide }
    }
}

/// What a store decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Verdict {
    /// Every rule admits the request; it runs until it is settled.
    Admitted,
    /// At least one claim refuses.
    Refused,
    /// Nothing is decided and nothing is charged: others have to be asked. The memory store never says so.
    Open,
}

/// How far an admitted request has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct Progress {
    /// How long it has run, over all windows.
    pub cost: Micros,
    /// Whether it waits for its client, so that its time stands still.
    pub paused: bool,
}

/// How an admitted request ends.
///
/// The default ends a request that has cost nothing. All of it is by the caller's clock; the store dates nothing but the windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct Settlement {
    /// How long it has run, over all windows.
    pub cost: Micros,
    /// Whether it was waiting for its client, so that its time has already stopped.
    pub paused: bool,
    /// Microseconds to charge on top, or below 0 to return: to each account at most what the request has cost it in the
    /// window in force.
    pub extra_micros: i64,
    /// Requests to charge on top.
    pub extra_requests: u64,
    /// Whether the requests charged at admission are returned, to the window that they were charged in only.
    pub returned: bool,
}

impl Settlement {
    /// That of a request of which nothing is settled yet.
    pub(crate) const NONE: Self =
        Self { cost: Micros::ZERO, paused: false, extra_micros: 0, extra_requests: 0, returned: false };

    /// A served request costs at least a microsecond.
    pub(crate) const fn charge_something(&mut self) {
        if self.cost.0 == 0 && self.extra_micros == 0 {
            self.extra_micros = 1;
        }
    }
}

/// What a store holds and has done.
///
/// [`Engine::census`](crate::Engine::census) tells it. `accounts`, `shared` and `health` are of now; the others only grow, so a monitor takes
/// their differences. Where `overflowed` grows, `max_accounts` is too small; where `degraded` does, a server does not answer in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts in force that keys have to themselves: as many as `max_accounts` at most.
    pub accounts: usize,
    /// Accounts in force that newcomers share because there was no room for them.
    pub shared: usize,
    /// Decisions that fell on a shared account because there was no room for one of their own.
    pub overflowed: u64,
    /// Decisions that were made without the others that should have been asked.
    pub degraded: u64,
    /// What has been asked of servers; a memory store has none.
    pub calls: u64,
    /// How many times the servers stopped answering.
    pub outages: u64,
    /// Whether the servers answer now.
    pub health: Health,
}

/// Whether a store can decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Whoever must be asked answers.
    #[default]
    Up,
    /// The servers do not answer, and decisions are made without them.
    Alone,
    /// The servers do not answer, and without them nothing is decided: requests are answered by 503.
    Refusing,
}

/// The store failed: nothing was decided.
///
/// The text names no key, no address and no secret.
///
/// A memory store never fails. What becomes of a request of a shared one is the operator's choice (`on_store_fault`): `docs/redis.md`.
///
/// # Examples
///
/// ```
/// use timebudget::store::Fault;
/// assert_eq!(Fault("redis: it does not answer".into()).to_string(), "the store failed: redis: it does not answer");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store failed: {}", self.0)
    }
}

impl std::error::Error for Fault {}
