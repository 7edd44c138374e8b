//! Sections: what a snapshot holds of one shard's accounts of one calendar.

use crate::model::{AccountHash, Period, Window};
use crate::store::calendar::Calendar;
use crate::store::memory::entries::IDLE;

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

/// What an account has spent, less what it was granted: microseconds or requests, as its book counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::memory) struct Account {
    pub(in crate::store::memory) hash: AccountHash,
    /// What its table's entry says of its book; [`NOBODYS`] in a snapshot of an older version.
    pub(in crate::store::memory) mark: u32,
    pub(in crate::store::memory) spent: i64,
}

/// The mark of an account of which it is not known which book's it is.
pub(in crate::store::memory) const NOBODYS: u32 = IDLE;

impl Section {
    /// Whether the accounts are those of a calendar, be their window in force or not.
    pub(in crate::store::memory) fn is_of(&self, calendar: &Calendar) -> bool {
        Some(self.period) == calendar.period() && self.zone == calendar.zone().name()
    }
}
