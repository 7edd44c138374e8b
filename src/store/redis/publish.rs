//! Which lines are to be published, and when.

use super::core::Core;
use super::desk::{Desk, MOST_IN_A_CALL};
use super::peers::{Account, Entry};
use super::settings::SyncMode;
use crate::model::line::Line;
use crate::model::now::Now;
use crate::model::share::pace;
use crate::model::units::Micros;
use crate::model::window::Window;

/// How long a settlement may wait for a request to carry it, in exact mode: with the pace at which it is looked for
/// and a round trip it is on the server within 100 ms.
const RIDE_WITHIN: Micros = Micros(80_000);

/// The pace at which a process with running requests speaks, so that the others do not take it for dead.
const SPEAK_WITHIN: Micros = Micros(900_000);

/// Lines that are published at once at most, when there are many: the others wait for the next look.
const MOST_LINES: usize = 1_024;

/// What is to be done about an account on the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    Later,
    Never,
}

impl Desk {
    /// Beats and publishes what is due.
    pub(super) fn look_around(&mut self) {
        if self.link.is_none() {
            return;
        }
        let now = self.core.now();
        self.beat(now.tick);
        let due = self.due_lines(now);
        self.publish(&due);
    }

    /// Sends the lines of accounts of which none is busy.
    pub(super) fn publish(&mut self, accounts: &[Account]) {
        let most = if self.is_clustered() { 1 } else { MOST_IN_A_CALL };
        for accounts in accounts.chunks(most) {
            self.send(accounts, Vec::new());
        }
    }

    /// The accounts whose lines are due; those that are due later stay on the list.
    fn due_lines(&mut self, now: Now) -> Vec<Account> {
        let mut due = Vec::new();
        let mut kept = Vec::new();
        for account in self.core.peers.take_active() {
            if self.busy.contains(&account) {
                kept.push(account);
                continue;
            }
            let due_now = if self.is_flushed(account) { Due::Now } else { self.core.due(account, now) };
            match due_now {
                Due::Never if self.core.peers.unlist(account) => {}
                Due::Now if due.len() < MOST_LINES && !self.is_avoided(account) => {
                    due.push(account);
                    kept.push(account);
                }
                _ => kept.push(account),
            }
        }
        self.core.peers.keep_active(kept);
        due
    }
}

impl Core {
    /// What is to be done about an account on the list.
    pub(super) fn due(&self, account: Account, now: Now) -> Due {
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

    fn pace(&self, entry: &Entry, own: &Line, now: Now) -> Micros {
        let others = entry.others.at(now.tick);
        let left = entry.quota.saturating_sub(own.spent.saturating_add(others.spent));
        // Load that is spread evenly rises everywhere at once: the others run as many as this process, until heard of.
        let running = own.running.saturating_add(others.running).max(own.running * self.processes());
        pace(Micros(left), running, self.settings.sync.into())
    }
}

/// Whether others may wait for a place that has become free here.
fn is_scarce_place(entry: &Entry, own: &Line) -> bool {
    let taken = u64::from(own.admitted) + u64::from(entry.others.line.admitted);
    entry.window == Window::ALL_TIME.start && taken + 1 >= entry.quota
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use super::super::schedules::Process;
    use super::*;
    use crate::store::{Mode, Settlement};

    #[test]
    fn in_exact_mode_a_settlement_waits_80_ms_for_a_request_to_carry_it() {
        let clock = Arc::new(AtomicI64::new(0));
        let process = Process::new("redis://model", 1, 1, &clock);
        let mut claims = [process.claim(1_000, Micros::ZERO)];
        let account = Account::of(&claims[0]);
        let core = &process.core;
        core.admit(&mut claims, Mode::Force, core.now()).unwrap();
        core.settle(&mut claims, &Settlement::default(), core.now());
        for (passed, due) in [(0, Due::Later), (79_999, Due::Later), (80_000, Due::Now)] {
            clock.store(passed, Relaxed);
            assert_eq!(core.due(account, core.now()), due, "after {passed} µs");
        }
    }
}
