//! Which lines are to be published, and when.

use super::Ledgers;
use super::peers::Known;
use crate::model::{Line, Micros, Now, Window, pace};
use crate::store::redis::script::Account;
use crate::store::redis::settings::SyncMode;

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
