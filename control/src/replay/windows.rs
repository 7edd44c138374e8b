//! What each limit's windows have spent: how many there were, how many were full, and the worst.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::FixedState;
use timebudget::{Event, Limit, Observe, ObservedLimit, Period, Unit, UnixMicros, Window, Zone};

/// How many accounts of a window are told apart.
const MOST_ACCOUNTS: usize = 65_536;

/// How many windows of a limit are told apart; of a limit per minute, a week's.
const MOST_WINDOWS: usize = 10_080;

/// The windows of all limits, as they are told of by the limiter.
#[derive(Default)]
pub struct Windows(Mutex<All>);

#[derive(Default)]
struct All {
    limits: Vec<OfLimit>,
    /// Where a limit is among them.
    positions: HashMap<(u64, Unit, Period), usize, FixedState>,
    /// By site and rule, how many requests a rule in shadow would have refused.
    shadows: HashMap<(String, String), u64>,
}

/// A limit, and its windows.
#[derive(Clone)]
pub struct OfLimit {
    /// The site's name.
    pub site: String,
    /// The rule's.
    pub rule: String,
    /// As it is for most; a tier may have another.
    pub limit: Limit,
    zone: Arc<Zone>,
    period: Period,
    /// The end of the window in force, and what each account has spent in it.
    ends: i64,
    /// By the hash of its id, a quarter as long: the table is the largest thing that each request looks into.
    accounts: HashMap<u64, Account, FixedState>,
    /// Accounts of it that were not told apart.
    untold: bool,
    /// The windows that have ended, the first ones.
    pub ended: Vec<Spent>,
    /// How many windows there were in all.
    pub windows: u64,
    /// How many accounts were in them.
    pub accounts_seen: u64,
    /// How many of those were full.
    pub full: u64,
    /// The window with the account that has spent most of its quota.
    pub worst: Option<Spent>,
    /// Whether there were more accounts in a window than are told apart.
    pub is_partial: bool,
}

#[derive(Clone, Copy)]
struct Account {
    spent: u64,
    quota: u64,
}

/// A window that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// When it began.
    pub start: UnixMicros,
    /// How many accounts have spent something.
    pub accounts: u64,
    /// How many of them have spent all they had.
    pub full: u64,
    /// What the account has spent that has spent most of its quota.
    pub most: u64,
    /// That quota.
    pub quota: u64,
}

impl Spent {
    /// The share of its quota that the worst account has spent; above 1 where it was exceeded.
    pub fn share(&self) -> f64 {
        if self.quota == 0 { 1.0 } else { self.most as f64 / self.quota as f64 }
    }
}

impl Windows {
    /// All limits with a window, in the order in which they were first met; the windows in force have ended.
    pub fn take(&self) -> Vec<OfLimit> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.limits.iter_mut().for_each(OfLimit::end);
        std::mem::take(&mut all.limits)
    }

    /// By site and rule, how many requests a rule in shadow would have refused.
    pub fn shadows(&self) -> Vec<((String, String), u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shadows: Vec<_> = all.shadows.iter().map(|(rule, count)| (rule.clone(), *count)).collect();
        shadows.sort();
        shadows
    }

    fn note(&self, event: &Event<'_>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for limit in event.limits() {
            if let Some(period) = limit.limit().period() {
                all.note(event, &limit, period);
            }
        }
    }
}

impl Observe for Windows {
    fn hears_admissions(&self) -> bool {
        false
    }

    fn refused(&self, event: &Event<'_>) {
        self.note(event);
        if event.is_shadow()
            && let Some(limit) = event.refusing()
        {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let rule = (event.site().name.clone(), limit.rule().name.clone());
            *all.shadows.entry(rule).or_default() += 1;
        }
    }

    fn settled(&self, event: &Event<'_>) {
        self.note(event);
    }
}

impl All {
    fn note(&mut self, event: &Event<'_>, limit: &ObservedLimit<'_>, period: Period) {
        let key = (limit.rule_number(), limit.unit(), period);
        let at = match self.positions.get(&key) {
            Some(at) => *at,
            None => {
                self.limits.push(OfLimit::new(event, limit, period));
                self.positions.insert(key, self.limits.len() - 1);
                self.limits.len() - 1
            }
        };
        if let Some(of) = self.limits.get_mut(at) {
            of.note(event.at().0.saturating_add_unsigned(limit.left().0), limit);
        }
    }
}

impl OfLimit {
    #[cold]
    fn new(event: &Event<'_>, limit: &ObservedLimit<'_>, period: Period) -> Self {
        Self {
            site: event.site().name.clone(),
            rule: limit.rule().name.clone(),
            limit: limit.limit(),
            zone: Arc::clone(&event.site().zone),
            period,
            ends: 0,
            accounts: HashMap::default(),
            untold: false,
            ended: Vec::new(),
            windows: 0,
            accounts_seen: 0,
            full: 0,
            worst: None,
            is_partial: false,
        }
    }

    #[inline]
    fn note(&mut self, ends: i64, limit: &ObservedLimit<'_>) {
        if ends != self.ends {
            self.end();
            self.ends = ends;
        }
        let (spent, quota) = (limit.spent(), limit.quota());
        let has_room = self.accounts.len() < MOST_ACCOUNTS;
        let account = FixedState::default().hash_one(limit.account());
        match self.accounts.get_mut(&account) {
            Some(account) => *account = Account { spent: account.spent.max(spent), quota },
            None if has_room => {
                self.accounts.insert(account, Account { spent, quota });
            }
            None => self.untold = true,
        }
    }

    /// Adds up the window in force.
    fn end(&mut self) {
        if self.accounts.is_empty() {
            return;
        }
        let start = Window::containing(&self.zone, self.period, UnixMicros(self.ends - 1)).start;
        let mut spent = Spent { start, accounts: self.accounts.len() as u64, full: 0, most: 0, quota: 0 };
        for Account { spent: own, quota } in self.accounts.values().copied() {
            spent.full += u64::from(own >= quota);
            if spent.quota == 0
                || u128::from(own) * u128::from(spent.quota) > u128::from(spent.most) * u128::from(quota)
            {
                (spent.most, spent.quota) = (own, quota);
            }
        }
        self.accounts.clear();
        self.is_partial |= std::mem::take(&mut self.untold);
        self.windows += 1;
        self.accounts_seen += spent.accounts;
        self.full += spent.full;
        if self.worst.is_none_or(|worst| worst.share() < spent.share()) {
            self.worst = Some(spent);
        }
        if self.ended.len() < MOST_WINDOWS {
            self.ended.push(spent);
        }
    }
}
