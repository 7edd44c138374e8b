//! One limit's part in a request: what is asked of it, where its account stands, and what runs there.
//!
//! Accounts one by one, between requests: listed, read, granted more, and reset.
//!
//! An account is a line, and lines add up. So more is granted, and what was spent is forgotten, by taking it off a line of
//! the store's own, and both are exact whatever runs meanwhile, in this process or in another. A store of several processes
//! publishes its line as it does after a settlement; that line may then be below 0, and the sum of all is what counts.

use std::future::ready;
use std::pin::Pin;

use crate::model::{AccountHash, Counts, KeyHash, Micros, Window, hold as held, lasts};
use crate::store::{Book, Fault};

/// One limit's part in a request.
///
/// Whoever asks fills in the [`Ask`]; stores read it and fill in the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// What is asked.
    pub ask: Ask,
    /// Where the account stood when the store last looked.
    pub standing: Standing,
    /// What the store has charged, until it is settled.
    pub(crate) run: Run,
}

/// What is asked of one limit for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which limit's account.
    pub book: Book,
    /// Whose account.
    pub key: KeyHash,
    /// Which of the clients that share the account, if the limit is fair.
    ///
    /// Then how many clients there are is counted beside the account ([`Book::of_clients`]), and what each of them has spent
    /// of it ([`Book::of_shares`]): once four fifths of the quota are spent, a client is refused that has had its share.
    pub client: Option<KeyHash>,
    /// What one window grants, in the limit's unit; for running requests the cap.
    pub quota: u64,
    /// What the request is charged.
    pub charge: Charge,
    /// The position of the limit's rule; the claims of a rule stand side by side.
    pub rule: u16,
    /// Which requests the rule counts.
    pub counts: Counts,
    /// Whether the rule decides and counts, but never refuses.
    pub shadow: bool,
}

/// What a request is charged.
///
/// In the unit of the limit: microseconds, requests, or running requests. It decides what the numbers of a [`Standing`] count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The time that it takes; until it is settled, it holds what it is expected to take.
    Time {
        /// The expected cost; 0 where nothing is known.
        expected: Micros,
    },
    /// So many requests, at once.
    Requests {
        /// 0 is charged nothing, but is refused where one request would be.
        cost: u64,
    },
    /// Its place among the running requests.
    Place,
}

/// Where one account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Charged so far in this window, in the limit's unit; of a cap, the requests that run.
    pub spent: u64,
    /// What the running requests of others are still expected to cost.
    pub hold: u64,
    /// What those of others that wait for their clients are; how much of it is held, the ledger's rule says.
    pub waiting: u64,
    /// Those of others whose time runs: by so many microseconds per microsecond the spend rises beside one's own.
    pub running: u32,
    /// Admitted requests that have not been settled.
    pub admitted: u32,
    /// Whether this limit refuses.
    pub refuses: bool,
    /// Whether it does because the client has had its share of it.
    pub is_shared_out: bool,
    /// The window; of a cap on running requests, all time.
    pub window: Window,
    /// Until the window ends, by the clock that keeps it.
    pub left: Micros,
}

/// What runs of a request on the accounts of one limit, and where the store finds them again.
///
/// The positions of rows are hints. A table that grows, shrinks or rolls moves its rows, and the store then searches by the account's
/// hash. A slot is none: it stays with the account for as long as a request of it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// Whether the accounts are charged, and not settled yet.
    pub(crate) is_on: bool,
    /// Whether the rule does not charge the answer to the request.
    pub(crate) returned: bool,
    /// Whether the request is the first of its client.
    pub(crate) is_new: bool,
    /// Whether it was decided without others who share the account, since they could not be asked.
    pub(crate) is_degraded: bool,
    /// Which of the accounts are those that newcomers share.
    pub(crate) aside: Aside,
    /// Where the account was found last: a hint.
    pub(crate) at: u32,
    /// Where the account of the client's share was.
    pub(crate) share_at: u32,
    /// The slot of the account, where the request runs on it: not of a limit that counts requests.
    pub(crate) slot: u32,
    /// The window that was charged; of time, the one that was in force when the store last saw the request.
    pub(crate) sequence: u32,
    /// What the request had cost when that window began.
    pub(crate) earlier: Micros,
}

/// Which accounts of a claim are those that newcomers share, for want of room.
///
/// It is decided at admission and kept until settlement, so a request that was charged to a shared account is settled on the same one,
/// also where there is room by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) whole: bool,
    pub(crate) clients: bool,
    pub(crate) share: bool,
}

/// The accounts that a claim may be about: a fair limit's claim is about all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The limit's account.
    Whole,
    /// How many clients share it.
    Clients,
    /// What this client has spent of it.
    Share,
}

impl Ask {
    /// Asks for the account of `key` in `book`, for the first rule and counting what is served.
    pub const fn new(book: Book, key: KeyHash, quota: u64, charge: Charge) -> Self {
        Self { book, key, client: None, quota, charge, rule: 0, counts: Counts::Served, shadow: false }
    }

    /// The accounts that it is about.
    pub(crate) const fn parts(&self) -> &'static [Part] {
        if self.client.is_some() { &[Part::Whole, Part::Clients, Part::Share] } else { &[Part::Whole] }
    }

    /// The account's name within its window, but for one that newcomers share.
    #[inline(always)]
    pub(crate) const fn account(&self) -> AccountHash {
        self.key.salted(self.book.salt)
    }

    /// Whether it is for time.
    pub(crate) const fn is_timed(&self) -> bool {
        matches!(self.charge, Charge::Time { .. })
    }
}

impl Claim {
    /// The place of a claim.
    pub(crate) const NONE: Self =
        Self::new(Book { calendar: 0, salt: [0; 3] }, KeyHash([0; 4]), 0, Charge::Place);

    /// A claim of the first rule on the account of `key` in `book`, counting what is served.
    pub const fn new(book: Book, key: KeyHash, quota: u64, charge: Charge) -> Self {
        Self::from_ask(Ask::new(book, key, quota, charge))
    }

    /// A claim that nobody has decided over.
    pub const fn from_ask(ask: Ask) -> Self {
        Self { ask, standing: Standing::UNKNOWN, run: Run::NONE }
    }

    /// The claim as it was before anybody decided over it, of something of which nothing is expected.
    ///
    /// For work that goes on after its request has been answered: it is charged to the same accounts, as something new.
    pub(crate) const fn anew(&self) -> Self {
        let charge = match self.ask.charge {
            Charge::Time { .. } => Charge::Time { expected: Micros::ZERO },
            other => other,
        };
        Self::from_ask(Ask { charge, ..self.ask })
    }

    /// What the claim's account can still be charged: the quota less spent and held, never below 0; 0 where the limit
    /// refuses.
    pub const fn remaining(&self) -> u64 {
        if self.standing.refuses { 0 } else { self.ask.quota.saturating_sub(self.taken(self.ask.quota)) }
    }

    /// What is spent and held of a quota.
    pub(crate) const fn taken(&self, quota: u64) -> u64 {
        let Standing { spent, hold, waiting, .. } = self.standing;
        spent.saturating_add(held(quota, spent, hold, waiting))
    }

    /// How long the request can go on at the present pace until the quota is spent, as far as the store has looked, with
    /// so much to be charged on top; 0 where it is spent.
    ///
    /// A window that ends first leaves what comes after its end to the next one, which grants the quota anew.
    pub(crate) const fn lasts(&self, extra: u64) -> Micros {
        let Standing { spent, running, left, .. } = self.standing;
        let pace = running as u64 + 1;
        let in_window = lasts(self.ask.quota.saturating_sub(spent.saturating_add(extra)), pace);
        if in_window.0 <= left.0 { in_window } else { Micros(left.0 + lasts(self.ask.quota, pace).0) }
    }

    /// Whether the claim makes its rule refuse the request.
    pub const fn refuses(&self) -> bool {
        self.standing.refuses && !self.ask.shadow
    }
}

impl Standing {
    /// Before the store has looked.
    pub const UNKNOWN: Self = Self {
        spent: 0,
        hold: 0,
        waiting: 0,
        running: 0,
        admitted: 0,
        refuses: false,
        is_shared_out: false,
        window: Window::ALL_TIME,
        left: Micros(u64::MAX),
    };
}

impl Run {
    /// Nothing runs.
    pub(crate) const NONE: Self = Self {
        is_on: false,
        returned: false,
        is_new: false,
        is_degraded: false,
        aside: Aside { whole: false, clients: false, share: false },
        at: 0,
        share_at: 0,
        slot: 0,
        sequence: 0,
        earlier: Micros::ZERO,
    };
}

impl Aside {
    /// Whether the account of this part is a shared one.
    pub(crate) const fn has(self, part: Part) -> bool {
        match part {
            Part::Whole => self.whole,
            Part::Clients => self.clients,
            Part::Share => self.share,
        }
    }

    /// Notes that it is.
    pub(crate) const fn put(&mut self, part: Part) {
        match part {
            Part::Whole => self.whole = true,
            Part::Clients => self.clients = true,
            Part::Share => self.share = true,
        }
    }
}

/// How an account of a fair limit is shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedOut {
    /// How many clients have been charged in this window.
    pub clients: u64,
    /// What one of them has spent, in the limit's unit; 0 of one that has not been charged.
    pub spent: u64,
}

impl SharedOut {
    /// From what the accounts of both have: one that was reset while something ran may be below 0.
    pub(crate) fn new(clients: i64, spent: i64) -> Self {
        let at_least_0 = |net| u64::try_from(net).unwrap_or(0);
        Self { clients: at_least_0(clients), spent: at_least_0(spent) }
    }
}

/// Whether a client may spend more: little of the whole is spent, or less than an equal share of it by the client.
///
/// Below four fifths of the quota nobody is held back, so that a single client can have it nearly whole; above, each of `clients` has
/// an equal part of it. In 128 bits, for a product of two accounts overflows 64.
pub(crate) fn is_fair(quota: u64, whole: u64, share: u64, clients: u64) -> bool {
    let quota = u128::from(quota);
    u128::from(whole) * 5 < quota * 4 || u128::from(share) * u128::from(clients.max(1)) < quota
}

/// What a store says of accounts, once it has asked whomever it has to ask.
pub type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

/// One account, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// Which limit's account.
    pub book: Book,
    /// Whose: a key that the store takes for the account's.
    ///
    /// A store that keeps less than the whole key says what it has; it always says the same of an account.
    pub key: KeyHash,
    /// Whether it is one that newcomers share, for want of room.
    pub is_shared: bool,
    /// What has been charged in this window less what was granted, in the limit's unit: below 0 where that is more. Of a
    /// cap, the requests that run.
    pub net: i64,
    /// Where it stands for one that asks now.
    pub standing: Standing,
}

/// What is changed of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relief {
    /// So much more may be spent until the window ends, in the limit's unit.
    Grant(u64),
    /// What has been charged is forgotten. What was granted beyond that stays.
    Reset,
}

/// What a store answers that keeps no accounts of its own.
pub(crate) fn unsupported<T: Send + 'static>() -> Answering<T> {
    Box::pin(ready(Err(Fault("this store cannot say which accounts it has".to_owned()))))
}
