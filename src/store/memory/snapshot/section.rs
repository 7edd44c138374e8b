//! Sections: what a snapshot holds of one shard's accounts of one calendar.

use crate::model::{AccountHash, Period, Window};
use crate::store::calendar::Calendar;
use crate::store::memory::rows::IDLE;

/// The accounts of one calendar in one shard, as they stood in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) shard: usize,
    /// The calendar's zone, by name.
    pub(crate) zone: String,
    pub(crate) period: Period,
    pub(crate) window: Window,
    pub(crate) accounts: Vec<Account>,
}

/// What an account has spent, less what it was granted: microseconds or requests, as its book counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) hash: AccountHash,
    /// What its table's entry says of its book; [`NOBODYS`] in a snapshot of a version before marks.
    pub(crate) mark: u32,
    pub(crate) spent: i64,
}

/// The mark of an account of which it is not known which book's it is.
pub(crate) const NOBODYS: u32 = IDLE;

impl Section {
    /// Whether the accounts are those of a calendar, be their window in force or not.
    pub(crate) fn is_of(&self, calendar: &Calendar) -> bool {
        Some(self.period) == calendar.period() && self.zone == calendar.zone().name()
    }
}
