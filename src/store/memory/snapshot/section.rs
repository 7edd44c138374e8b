//! Sections: what a snapshot holds of one shard's accounts of one calendar.

use crate::model::{AccountHash, Period, Window};
use crate::store::calendar::Calendar;

/// The accounts of one calendar in one shard, as they stood in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store::memory) struct Section {
    pub(in crate::store::memory) shard: usize,
    /// The calendar's zone, by name.
    pub(in crate::store::memory) zone: String,
    pub(in crate::store::memory) period: Period,
    pub(in crate::store::memory) window: Window,
    pub(in crate::store::memory) accounts: Vec<Account>,
}

/// What an account has spent: microseconds or requests, as its book counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::memory) struct Account {
    pub(in crate::store::memory) hash: AccountHash,
    pub(in crate::store::memory) spent: u64,
}

impl Section {
    /// Whether the accounts are those of a calendar, be their window in force or not.
    pub(in crate::store::memory) fn is_of(&self, calendar: &Calendar) -> bool {
        Some(self.period) == calendar.period() && self.zone == calendar.zone().name()
    }
}
