//! A shard: the accounts of some keys, behind one lock.

use std::sync::atomic::Ordering::Relaxed;

use super::Memory;
use super::snapshot::Section;
use super::table::Table;
use crate::model::Now;
use crate::store::calendar::Calendar;

/// The accounts of some keys. Aligned, so that two locks never share a cache line.
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
    #[inline]
    pub(crate) fn table(&mut self, store: &Memory, calendar: usize, now: &Now) -> &mut Table {
        if self.tables.get(calendar).is_none_or(|table| now.utc >= table.in_force.edge) {
            self.renew(store, calendar, now);
        }
        &mut self.tables[calendar]
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

    #[cold]
    fn renew(&mut self, store: &Memory, calendar: usize, now: &Now) {
        let calendars = store.calendars.read();
        while self.tables.len() <= calendar {
            let next = self.tables.len();
            self.begin(store, &calendars.all[next], calendars.before[next], now);
        }
        let table = &mut self.tables[calendar];
        if now.utc >= table.in_force.edge {
            store.retire(table.roll(calendars.all[calendar].in_force(*now)));
        }
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
            store.accounts.fetch_add(table.take_over(&section.accounts), Relaxed);
        }
        let spent = before.and_then(|before| self.tables.get(before as usize));
        if let Some(spent) = spent.filter(|spent| now.utc < spent.in_force.edge) {
            store.accounts.fetch_add(table.take_over(&spent.spenders(now)), Relaxed);
        }
        self.tables.push(table);
    }
}
