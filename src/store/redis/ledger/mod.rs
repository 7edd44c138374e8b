//! What the requests' threads and the desk share: this process's lines, what is known of the others' lines and of the server, and
//! which lines are published when.
//!
//! A request's thread decides here whenever it can, and it takes no lock that the desk holds while it waits for a server.
//!
//! A line is due: at once, where it frees one of the last places of a cap; within 80 ms of a settlement, in exact mode, unless a
//! request carries it before; every 900 ms while requests run, or the others would take the process for dead; and in batched mode
//! every `sync`, sooner where the quota will be reached sooner. When the server may have lost lines, or stored what is not so, all of
//! them are published once more: they are absolute, so that is always right.

mod decide;
mod peers;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use self::peers::{Known, Peers};
use crate::model::{KeyHash, Line, Micros, Now, Others, Tick, UnixMicros, Window, pace};
use crate::store::memory::Memory;
use crate::store::redis::script::exchange::{Before, Own};
use crate::store::redis::script::{Account, canonical, is_windowed};
use crate::store::redis::settings::{OnFault, Settings, SyncMode};
use crate::store::{Book, Claim, Health, Listed, Part, Reading, Relief, Store as _};

/// The server's clock has not been read yet.
const UNKNOWN: i64 = i64::MIN;

/// A difference of clocks that is worth a line in the log.
const NOTEWORTHY: i64 = 1_000_000;

/// This process's lines, what it knows of the others' and of the server, and the decisions that follow from it.
///
/// It outlives the desk: when the task breaks and begins again, what was spent here is still known, and is published once more.
pub(crate) struct Ledgers {
    pub(crate) settings: Settings,
    /// This process, to the others: a number that no other one has.
    pub(crate) process: [u8; 8],
    /// The number of the next line, which is never used again.
    next_number: AtomicU64,
    /// This process's own lines.
    pub(crate) memory: Memory,
    peers: Peers,
    /// The clock that the store was given.
    pub(crate) clock: OnceLock<Reading>,
    /// The server's clock less this process's even clock.
    ///
    /// In microseconds; [`UNKNOWN`] before the first beat, and then this machine's own clock is used.
    offset: AtomicI64,
    /// Whether the server can be asked.
    healthy: AtomicBool,
    /// How many times it could not.
    outages: AtomicU64,
    /// The processes last seen, this one included.
    processes: AtomicU32,
    /// How often something has been returned, by whatever process.
    returns: AtomicI64,
    /// The decisions that were made without the server that should have been asked.
    degraded: AtomicU64,
    /// What the server was asked, and told.
    calls: AtomicU64,
}

impl Ledgers {
    /// The ledgers of a process that the others know by `process`.
    pub(crate) fn new(settings: Settings, process: u64) -> Self {
        Self {
            process: process.to_le_bytes(),
            next_number: AtomicU64::new(1),
            memory: Memory::new(settings.max_accounts),
            settings,
            peers: Peers::new(),
            clock: OnceLock::new(),
            offset: AtomicI64::new(UNKNOWN),
            healthy: AtomicBool::new(false),
            outages: AtomicU64::new(0),
            processes: AtomicU32::new(1),
            returns: AtomicI64::new(0),
            degraded: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    /// The time, with the server's clock for a wall clock: so that all processes see the same windows.
    pub(crate) fn agreed(&self, now: Now) -> Now {
        match self.offset.load(Relaxed) {
            UNKNOWN => now,
            step => Now { step, ..now },
        }
    }

    /// The time now, by the clock that the store was given.
    pub(crate) fn now(&self) -> Now {
        let before_any = Now { tick: Tick(0), utc: UnixMicros(0), step: 0 };
        self.agreed(self.clock.get().map_or(before_any, |clock| clock()))
    }

    /// Whether the accounts of different keys lie on different servers.
    pub(crate) fn is_clustered(&self) -> bool {
        self.settings.topology.is_cluster()
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Relaxed)
    }

    /// The processes last seen, this one included.
    pub(crate) fn processes(&self) -> u32 {
        self.processes.load(Relaxed)
    }

    /// How many decisions were made without the server that should have been asked.
    pub(crate) fn degraded(&self) -> u64 {
        self.degraded.load(Relaxed)
    }

    /// How often the server was asked or told something.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Notes that it is.
    pub(crate) fn note_call(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    /// How many times it stopped answering.
    pub(crate) fn outages(&self) -> u64 {
        self.outages.load(Relaxed)
    }

    /// Whether it answers, and what is decided where it does not.
    pub(crate) fn health(&self) -> Health {
        match self.settings.on_fault {
            _ if self.is_healthy() => Health::Up,
            OnFault::Refuse => Health::Refusing,
            OnFault::Local | OnFault::Allow => Health::Alone,
        }
    }

    /// From now on the server is asked.
    ///
    /// Everything is then published once more: nobody knows what has become of what was sent last.
    pub(crate) fn heal(&self, now: Now) {
        self.healthy.store(true, Relaxed);
        self.peers.touch_all(now.tick);
    }

    /// From now on the server is not asked.
    ///
    /// Each time is an outage of its own, with a number by which shares are drawn anew.
    pub(crate) fn degrade(&self) {
        let was_healthy = self.healthy.swap(false, Relaxed);
        self.outages.fetch_add(u64::from(was_healthy), Relaxed);
    }

    /// Notes how many processes the server has heard of lately.
    pub(crate) fn hear_processes(&self, processes: u32) {
        self.processes.store(processes.max(1), Relaxed);
    }

    /// How often something has been returned, by whatever process, as far as is known.
    pub(crate) fn returns(&self) -> i64 {
        self.returns.load(Relaxed)
    }

    /// Notes how often something has been returned: what was known to be spent before may not be any more.
    pub(crate) fn hear_returns(&self, returns: i64) {
        self.returns.store(returns, Relaxed);
    }

    /// Whether the server's clock was ever read.
    pub(crate) fn knows_clock(&self) -> bool {
        self.offset.load(Relaxed) != UNKNOWN
    }

    /// Notes what the server's clock read at a moment.
    ///
    /// If that clock was set, everything is published once more: what the server keeps until a window has ended by its
    /// clock may have ended now.
    pub(crate) fn hear_clock(&self, clock: i64, at: Now) {
        let offset = clock - at.utc.0;
        let before = self.offset.swap(offset, Relaxed);
        let believed = if before == UNKNOWN { at.step } else { before };
        if (offset - believed).abs() < NOTEWORTHY {
            return;
        }
        let by = (offset - believed) as f64 / 1e6;
        if before == UNKNOWN {
            log::warn!("redis: its clock is {by:+.3} s from this machine's; windows are cut by its clock");
            let agreed = self.agreed(at);
            self.memory.realign(agreed);
            self.peers.realign(|book| self.memory.window(book, agreed).window.start);
        } else {
            log::warn!("redis: its clock was set by {by:+.3} s; windows in force end when they would have");
            self.peers.touch_all(at.tick);
        }
    }

    /// This process's line of an account, as it is to be sent.
    pub(crate) fn own(&self, account: Account, now: Now) -> Own {
        let (line, in_force) = self.memory.line(account.book, account.key, now);
        Own { account, window: in_force.window.start, left: in_force.left(now), line }
    }

    /// Takes the numbers of so many lines; returns the first.
    pub(crate) fn take_numbers(&self, lines: usize) -> u64 {
        self.next_number.fetch_add(lines as u64, Relaxed)
    }

    /// The number of the next line that is sent.
    pub(crate) fn next_number(&self) -> u64 {
        self.next_number.load(Relaxed)
    }

    /// This process's line of an account, which is sent now; says whether it gives back what the server may have told
    /// others.
    ///
    /// It is noted before the line is read: what a request changes in between is in the line, and is noted to be sent once
    /// more. The other way round it would be in neither.
    pub(crate) fn take_line(&self, account: Account, now: Now) -> (Own, bool) {
        let window = self.memory.window(account.book, now).window.start;
        let returns = self.peers.note_sent(account, window, now.tick);
        (self.own(account, now), returns)
    }

    /// Notes what was heard of the others when a line was sent, and when something had been returned so often; says
    /// whether the server has lost what it had of this process.
    pub(crate) fn hear(&self, sent: &Own, before: Before, others: Others, returns: i64, now: Now) -> bool {
        let is_missing = self.peers.hear(sent.account, sent.window, before, others, returns);
        // A cap's account that nobody uses expires, and is missed by nobody.
        let lost = is_missing && is_windowed(sent.window);
        if before == Before::Newer {
            self.peers.touch(sent.account, sent.window, now.tick, true);
        }
        lost
    }

    /// Publishes a line once more, for the server may have stored what is not so, and told others.
    pub(crate) fn correct(&self, account: Account, now: Now) {
        let window = self.memory.window(account.book, now).window.start;
        self.peers.give_back(account, window);
        self.peers.touch(account, window, now.tick, true);
    }

    /// Publishes everything once more, for the server may have lost it.
    pub(crate) fn correct_all(&self, now: Now) {
        self.peers.touch_all(now.tick);
    }

    /// Publishes everything once more, for the server has lost it: that it has is no news again with each account.
    pub(crate) fn tell_again(&self, now: Now) {
        self.peers.forget_stored();
        self.peers.touch_all(now.tick);
    }

    /// Drops the accounts of windows that have ended, and what is known of the others' lines in them.
    ///
    /// A cap has no window, so what is known of its account goes when nothing runs here: the next request asks anyway.
    /// Where more is known of accounts than there is room for, that of accounts goes which this process has not charged.
    ///
    /// Called once a second by the engine's thread.
    pub(crate) fn tidy(&self, now: Now) {
        self.memory.tidy(now);
        let is_crowded = self.peers.len() > self.memory.max_accounts();
        if is_crowded {
            self.unlist_over(now);
        }
        let mut windows: HashMap<Book, UnixMicros> = HashMap::new();
        self.peers.sweep(|account, entry| {
            let in_force = windows.entry(account.book);
            let window = *in_force.or_insert_with(|| self.memory.window(account.book, now).window.start);
            entry.window == window
                && is_windowed(window)
                && !(is_crowded && self.memory.line(account.book, account.key, now).0.is_empty())
        });
    }

    /// Takes accounts off the list of which there is nothing to say: while no server answers nothing else does, and each
    /// client that asks then would be known until one does.
    fn unlist_over(&self, now: Now) {
        self.peers.unlist_all(|account, entry| {
            let (line, in_force) = self.memory.line(account.book, account.key, now);
            let window = in_force.window.start;
            // In a window that lasts the server may have more than nothing.
            let is_told = entry.changed_at.is_none() || entry.window != window || !is_windowed(window);
            line.is_empty() && is_told
        });
    }

    /// How many accounts something is known of.
    #[cfg(test)]
    pub(crate) fn known_accounts(&self) -> usize {
        self.peers.len()
    }

    /// Takes off this process's line what the server has taken off it, unless the window has ended since.
    pub(crate) fn relieve(&self, sent: &Own, amount: u64, now: Now) {
        let Own { account, window, .. } = *sent;
        if amount > 0 && is_windowed(window) && self.memory.window(account.book, now).window.start == window {
            self.memory.relieve_now(account.book, account.key, Relief::Grant(amount), now);
            self.peers.touch(account, window, now.tick, false);
        }
    }

    /// Where an account stands, as far as is known here.
    pub(crate) fn listed(&self, account: Account, now: Now) -> Listed {
        let mut listed = self.memory.read_now(account.book, account.key, now);
        let (window, left) = (listed.standing.window.start, listed.standing.left);
        let others = self.peers.with(account, window, |known| known.others).at(now.tick);
        let standing = &mut listed.standing;
        standing.admitted = standing.admitted.saturating_add(others.admitted);
        if is_windowed(window) {
            listed.net = listed.net.saturating_add(others.net);
            standing.hold = standing.hold.saturating_add(others.hold(left));
            standing.waiting = standing.waiting.saturating_add(others.waiting);
        } else {
            listed.net = listed.net.saturating_add(others.admitted.into());
        }
        standing.spent = u64::try_from(listed.net).unwrap_or(0);
        listed
    }

    /// Whether the accounts of a book have windows.
    pub(crate) fn is_windowed(&self, book: Book, now: Now) -> bool {
        is_windowed(self.memory.window(book, now).window.start)
    }

    /// The books, each with the start of its window in force.
    pub(crate) fn windows(&self, books: &[Book], now: Now) -> Vec<(Book, UnixMicros)> {
        books.iter().map(|book| (*book, self.memory.window(*book, now).window.start)).collect()
    }

    /// The accounts of this process that have spent most: of each book so many.
    pub(crate) fn largest(&self, books: &[Book], most: usize, now: Now) -> Vec<Account> {
        let listed = self.memory.list_now(books, most, now);
        listed.into_iter().map(|listed| self.account(listed.book, canonical(listed.key))).collect()
    }

    /// An account by its book and its key; where it lies with one that many share, that is known by those who share it.
    pub(crate) fn account(&self, book: Book, key: KeyHash) -> Account {
        self.peers.named(book, key)
    }

    /// Puts the accounts of a claim on the list, of which all have changed or none.
    fn touch(&self, claim: &Claim, now: Now, changed: bool) {
        for account in Account::of_claim(claim) {
            self.peers.touch(account, claim.standing.window.start, now.tick, changed);
        }
    }

    /// The others' line of one of a claim's accounts.
    fn others(&self, claim: &Claim, part: Part, now: Now) -> Line {
        self.peers.others(Account::from_claim(claim, part), claim).at(now.tick)
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

    /// The nearer a quota is, the sooner: at the [pace] at which what is left could be spent, if all processes run as many
    /// requests as this one or as is known of them.
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
