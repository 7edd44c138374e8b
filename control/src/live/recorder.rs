//! The observer: notes what is decided and settled, where a request's path pays next to nothing for it.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use parking_lot::{Mutex, MutexGuard};
use timebudget::store::Fault;
use timebudget::{Event, KeyDigest, Observe, ObservedLimit, Site, Unit, UnixMicros};

use crate::live::record::{Near, Outcome, Record, RuleName, RuleNames};

/// Notes what is decided and settled, for whoever [takes](Self::take) it.
///
/// A request writes one line for each rule into a book that its thread has nearly for itself, under a lock that nobody else
/// wants but once a second. Nothing is allocated once the book has its size, and no text is touched once a rule is known.
/// What is not taken before a book is full is counted, and no longer told apart.
pub(crate) struct Recorder {
    books: Box<[Book]>,
    names: RuleNames,
    /// By site, how many requests nobody could decide over.
    failed: Mutex<HashMap<Arc<str>, u64>>,
    /// Who is woken when a book is half full.
    woken: OnceLock<Thread>,
}

/// A book in memory of its own, so that no two threads write to one line of a cache.
#[repr(align(128))]
#[derive(Default)]
struct Book(Mutex<Lines>);

/// What was noted since it was taken last.
#[derive(Default)]
struct Lines {
    records: Vec<Record>,
    nears: Vec<Near>,
    known: Known,
    lost: Lost,
    /// Whether somebody has been woken to take them.
    is_told: bool,
    /// When API keys were used last.
    keys: HashMap<KeyDigest, UnixMicros>,
}

/// Rules whose names are known, by the low bits of their numbers.
///
/// Two rules of one place are asked for their names in turn, which costs a little and spoils nothing.
#[derive(Default)]
struct Known(Vec<u64>);

/// What found no room in a book: the sums are right, whose it was is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Records.
    pub(crate) records: u64,
    /// The time that their requests took.
    pub(crate) micros: u64,
    /// Those of refusals.
    pub(crate) refused: u64,
    /// Requests that were over, the time that they took, and those of them that were refused.
    pub(crate) whole: (u64, u64, u64),
}

/// All that was noted since it was taken last.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) records: Vec<Record>,
    pub(crate) nears: Vec<Near>,
    /// By site, how many requests nobody could decide over.
    pub(crate) failed: Vec<(Arc<str>, u64)>,
    /// API keys that were used, and when they were last.
    pub(crate) keys: HashMap<KeyDigest, UnixMicros>,
    pub(crate) lost: Lost,
}

impl Recorder {
    /// How many books there are: more than workers, mostly.
    const BOOKS: usize = 32;
    /// How many records a book holds: at 64 bytes, a megabyte.
    const LINES: usize = 16_384;
    /// How many accounts near their end a book holds.
    const NEARS: usize = 1_024;
    /// How many sites' failures are told apart.
    const SITES: usize = 10_000;

    pub(crate) fn new() -> Self {
        let books = (0..Self::BOOKS).map(|_| Book::default()).collect();
        let (names, failed) = Default::default();
        Self { books, names, failed, woken: OnceLock::new() }
    }

    /// Says who is woken when a book is half full.
    pub(crate) fn wakes(&self, thread: &Thread) {
        let _ = self.woken.set(thread.clone());
    }

    /// Once until it is taken: a book that stays full must not have every request wake somebody.
    fn wake(&self, lines: &mut Lines) {
        if !std::mem::replace(&mut lines.is_told, true)
            && let Some(thread) = self.woken.get()
        {
            thread.unpark();
        }
    }

    /// Takes what was noted, with room for as much again left behind.
    pub(crate) fn take(&self) -> Noted {
        let failed = self.failed.lock().drain().collect();
        let mut noted = Noted { failed, ..Noted::default() };
        for book in &self.books {
            let mut lines = book.0.lock();
            noted.use_keys(lines.keys.drain());
            if lines.records.is_empty() && lines.nears.is_empty() && lines.lost == Lost::default() {
                continue;
            }
            // Copied, so that the book keeps its memory and requests allocate none.
            noted.records.extend_from_slice(&lines.records);
            noted.nears.extend_from_slice(&lines.nears);
            noted.lost.add(std::mem::take(&mut lines.lost));
            lines.records.clear();
            lines.nears.clear();
            lines.is_told = false;
        }
        noted
    }

    /// What a rule is called.
    pub(crate) fn name(&self, rule: u64) -> Option<RuleName> {
        self.names.of(rule)
    }

    #[inline]
    fn book(&self) -> MutexGuard<'_, Lines> {
        self.books[thread() % Self::BOOKS].0.lock()
    }

    /// What is done where a rule is new, or a book is new, half full or full; whether there is room for one more record.
    #[cold]
    fn make_ready(&self, lines: &mut Lines, event: &Event<'_>, limit: &ObservedLimit<'_>) -> bool {
        let rule = limit.rule_number();
        if !lines.known.knows(rule) {
            self.names.learn(event, limit);
            lines.known.note(rule);
        }
        if lines.has_room() {
            return true;
        }
        if lines.records.capacity() >= Self::LINES {
            self.wake(lines);
            return false;
        }
        if lines.records.capacity() > 0 {
            self.wake(lines);
        }
        let half = if lines.records.capacity() == 0 { Self::LINES / 2 } else { Self::LINES };
        lines.records.reserve_exact(half - lines.records.len());
        true
    }

    /// Notes what a limit's rule has charged, and whether the request is over with it.
    #[inline(always)]
    fn note(
        &self,
        lines: &mut Lines,
        event: &Event<'_>,
        limit: &ObservedLimit<'_>,
        outcome: Outcome,
        ended: Option<u64>,
    ) {
        let rule = limit.rule_number();
        let record = Record::of(event, limit, rule, outcome);
        let record = if let Some(ran) = ended { record.ending(ran) } else { record };
        let is_ready = lines.has_room() && lines.known.knows(rule);
        if is_ready || self.make_ready(lines, event, limit) {
            lines.records.push(record);
        } else {
            lines.lost.add(Lost::of(&record));
        }
    }

    #[cold]
    fn note_near(lines: &mut Lines, event: &Event<'_>, limit: &ObservedLimit<'_>) {
        if lines.nears.len() < Self::NEARS && Near::has_window(&limit.limit()) {
            lines.nears.push(Near::of(event, limit));
        }
    }
}

impl Observe for Recorder {
    fn hears_admissions(&self) -> bool {
        false
    }

    fn refused(&self, event: &Event<'_>) {
        if let Some(limit) = event.refusing() {
            let outcome = if event.is_shadow() { Outcome::Shadow } else { Outcome::Refused };
            self.note(&mut self.book(), event, &limit, outcome, Some(0));
        }
    }

    fn settled(&self, event: &Event<'_>) {
        let lines = &mut *self.book();
        let outcome = if event.is_cut() { Outcome::Cut } else { Outcome::Served };
        let mut last = None;
        let mut ended = event.ended().map(|ran| ran.0);
        for limit in event.limits() {
            if Near::is_near(&limit) {
                Self::note_near(lines, event, &limit);
            }
            // Once for each rule, however many limits it has.
            if last.replace(limit.rule_number()) == Some(limit.rule_number()) {
                lines.prefer_time(&limit);
            } else {
                self.note(lines, event, &limit, outcome, ended.take());
            }
        }
    }

    fn key_used(&self, _: &Site, key: &KeyDigest, at: UnixMicros) {
        let lines = &mut *self.book();
        if let Some(last) = lines.keys.get_mut(key) {
            *last = at;
        } else if lines.keys.len() < Self::LINES {
            lines.keys.insert(*key, at);
        }
    }

    fn failed(&self, site: &str, _: &Fault) {
        let mut failed = self.failed.lock();
        if let Some(count) = failed.get_mut(site) {
            *count += 1;
        } else if failed.len() < Self::SITES {
            failed.insert(Arc::from(site), 1);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl Noted {
    fn use_keys(&mut self, keys: impl Iterator<Item = (KeyDigest, UnixMicros)>) {
        for (key, at) in keys {
            let last = self.keys.entry(key).or_insert(at);
            *last = at.max(*last);
        }
    }
}

impl Known {
    const PLACES: usize = 1_024;

    #[inline]
    fn knows(&self, rule: u64) -> bool {
        self.0.get(rule as usize % Self::PLACES) == Some(&rule)
    }

    fn note(&mut self, rule: u64) {
        self.0.resize(Self::PLACES, !0);
        self.0[rule as usize % Self::PLACES] = rule;
    }
}

impl Lines {
    #[inline]
    fn has_room(&self) -> bool {
        self.records.len() < self.records.capacity()
    }

    /// Notes the cost of a rule's last record in time, where a limit of its counts that.
    #[inline]
    fn prefer_time(&mut self, limit: &ObservedLimit<'_>) {
        if limit.unit() == Unit::Time
            && let Some(record) = self.records.last_mut().filter(|record| record.unit != Unit::Time)
        {
            record.unit = Unit::Time;
        }
    }
}

impl Lost {
    const fn of(record: &Record) -> Self {
        let is_refusal = matches!(record.outcome, Outcome::Refused) as u64;
        let is_over = record.is_last && record.is_request && !matches!(record.outcome, Outcome::Shadow);
        let whole = if is_over { (1, record.ran, is_refusal) } else { (0, record.ran, 0) };
        Self { records: record.is_request as u64, micros: record.micros, refused: is_refusal, whole }
    }

    const fn add(&mut self, other: Self) {
        self.records += other.records;
        self.micros += other.micros;
        self.refused += other.refused;
        let (requests, micros, refused) = other.whole;
        self.whole = (self.whole.0 + requests, self.whole.1 + micros, self.whole.2 + refused);
    }
}

/// A number of the thread that asks: of the first thirty-two threads no two have the same book.
#[inline]
fn thread() -> usize {
    thread_local!(static OWN: Cell<usize> = const { Cell::new(usize::MAX) });
    let own = OWN.get();
    if own != usize::MAX { own } else { next_thread(&OWN) }
}

#[cold]
fn next_thread(own: &'static std::thread::LocalKey<Cell<usize>>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    own.set(NEXT.fetch_add(1, Relaxed));
    own.get()
}
