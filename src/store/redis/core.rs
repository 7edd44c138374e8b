//! What the requests' threads and the desk share: this process's lines, and what is known of the others' and of the
//! server.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use smallvec::SmallVec;

use super::peers::{Account, Peers};
use super::settings::Settings;
use crate::model::line::Line;
use crate::model::now::Now;
use crate::model::units::{Micros, Tick, UnixMicros};
use crate::store::memory::Memory;
use crate::store::{Charge, Claim, Counts, Mode, Reading, Settlement, Store as _, Verdict};

/// The server's clock has not been read yet.
const UNKNOWN: i64 = i64::MIN;

/// A difference of clocks that is worth a line in the log.
const NOTEWORTHY: i64 = 1_000_000;

pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) memory: Memory,
    pub(super) peers: Peers,
    pub(super) clock: OnceLock<Reading>,
    /// The server's clock less this process's even clock.
    offset: AtomicI64,
    /// Whether the server can be asked.
    healthy: AtomicBool,
    /// How many times it could not.
    pub(super) outages: AtomicU64,
    /// The processes last seen, this one included.
    processes: AtomicU32,
    /// How often something has been returned, by whatever process.
    returns: AtomicI64,
    pub(super) degraded: AtomicU64,
}

impl Core {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
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
        }
    }

    /// The time, with the server's clock for a wall clock: so that all processes see the same windows.
    pub(super) fn agreed(&self, now: Now) -> Now {
        match self.offset.load(Relaxed) {
            UNKNOWN => now,
            step => Now { step, ..now },
        }
    }

    /// The time now, by the clock that the store was given.
    pub(super) fn now(&self) -> Now {
        let read = self
            .clock
            .get()
            .map_or_else(|| Now { tick: Tick(0), utc: UnixMicros(0), step: 0 }, |clock| clock());
        self.agreed(read)
    }

    /// Charges what the server has decided.
    pub(super) fn conclude(&self, claims: &mut [Claim], verdict: Verdict, codes: &[u8], now: Now) {
        self.weigh(claims, now);
        let mut charged: SmallVec<[Claim; 4]> = SmallVec::new();
        for (claim, code) in claims.iter_mut().zip(codes) {
            claim.standing.refuses = code & REFUSES != 0;
            if code & CHARGED != 0 {
                charged.push(Claim { counts: Counts::Served, ..*claim });
            }
        }
        if charged.is_empty() {
            return;
        }
        // The memory store never fails, and never refuses what it is forced to.
        let _ = self.memory.admit(&mut charged, Mode::Force, now);
        let mut tickets = charged.iter().map(|claim| claim.ticket);
        for (claim, _) in claims.iter_mut().zip(codes).filter(|(_, code)| **code & CHARGED != 0) {
            let ticket = tickets.next().flatten();
            claim.ticket = ticket.filter(|_| verdict == Verdict::Admitted);
            self.peers.touch(Account::of(claim), claim.standing.window.start, now.tick, false);
        }
    }

    pub(super) fn settle(&self, claims: &mut [Claim], settlement: &Settlement, now: Now) {
        let changes = |claim: &Claim| match claim.charge {
            Charge::Requests { .. } => settlement.returned || settlement.extra_requests > 0,
            Charge::Time { .. } | Charge::Place => true,
        };
        let returns = |claim: &Claim| match claim.charge {
            Charge::Requests { .. } => settlement.returned,
            Charge::Time { .. } => settlement.extra_micros < 0,
            Charge::Place => false,
        };
        self.memory.settle(claims, settlement, now);
        for claim in claims {
            // First, for whoever publishes the change has to know.
            if returns(claim) {
                self.peers.give_back(Account::of(claim), claim.standing.window.start);
            }
            if changes(claim) {
                self.touch(claim, now, true);
            }
            self.add_others(claim, now);
        }
    }

    /// Settles what a request was charged that is not served after all; where else it stands is left as it is.
    pub(super) fn give_back(&self, claims: &mut [Claim], returned: &Settlement, now: Now) {
        for claim in claims.iter_mut().filter(|claim| claim.ticket.is_some()) {
            self.settle(std::slice::from_mut(claim), returned, now);
        }
    }

    pub(super) fn look(&self, claims: &mut [Claim], cost: Micros, now: Now) {
        self.memory.look(claims, cost, now);
        for claim in claims {
            self.add_others(claim, now);
        }
    }

    /// Notes that the time of requests has stopped or runs again.
    pub(super) fn touch_timed(&self, claims: &[Claim], now: Now) {
        for claim in claims.iter().filter(|claim| is_timed(claim)) {
            let window = self.memory.window(claim.book, now).window;
            self.peers.touch(Account::of(claim), window.start, now.tick, true);
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Relaxed)
    }

    /// The processes last seen, this one included.
    pub(super) fn processes(&self) -> u32 {
        self.processes.load(Relaxed)
    }

    pub(super) fn degraded(&self) -> u64 {
        self.degraded.load(Relaxed)
    }

    /// From now on the server is asked.
    pub(super) fn heal(&self) {
        self.healthy.store(true, Relaxed);
        self.peers.touch_all(self.now().tick);
    }

    /// From now on the server is not asked; says whether it was until now.
    pub(super) fn degrade(&self) -> bool {
        let was_healthy = self.healthy.swap(false, Relaxed);
        self.outages.fetch_add(u64::from(was_healthy), Relaxed);
        was_healthy
    }

    /// Notes how many processes the server has heard of lately.
    pub(super) fn hear_processes(&self, processes: u32) {
        self.processes.store(processes.max(1), Relaxed);
    }

    /// How often something has been returned, by whatever process, as far as is known.
    pub(super) fn returns(&self) -> i64 {
        self.returns.load(Relaxed)
    }

    /// Notes how often something has been returned: what was known to be spent before may not be any more.
    pub(super) fn hear_returns(&self, returns: i64) {
        self.returns.store(returns, Relaxed);
    }

    /// Whether the server's clock was ever read.
    pub(super) fn knows_clock(&self) -> bool {
        self.offset.load(Relaxed) != UNKNOWN
    }

    /// Notes what the server's clock read at a moment.
    ///
    /// If that clock was set, everything is published once more: what the server keeps until a window has ended by its
    /// clock may have ended now.
    pub(super) fn hear_clock(&self, clock: i64, at: Now) {
        let offset = clock - at.utc.0;
        let before = self.offset.swap(offset, Relaxed);
        let believed = if before == UNKNOWN { at.step } else { before };
        if (offset - believed).abs() < NOTEWORTHY {
            return;
        }
        let by = (offset - believed) as f64 / 1e6;
        if before == UNKNOWN {
            log::warn!("redis: its clock is {by:+.3} s from this machine's; windows are cut by its clock");
            self.memory.realign(self.agreed(at));
        } else {
            log::warn!("redis: its clock was set by {by:+.3} s; windows in force end when they would have");
            self.peers.touch_all(at.tick);
        }
    }

    /// Fills in where each account stands, with what is known of the others.
    pub(super) fn weigh(&self, claims: &mut [Claim], now: Now) {
        self.memory.look(claims, Micros::ZERO, now);
        for claim in claims {
            self.add_others(claim, now);
        }
    }

    pub(super) fn touch(&self, claim: &Claim, now: Now, changed: bool) {
        self.peers.touch(Account::of(claim), claim.standing.window.start, now.tick, changed);
    }

    pub(super) fn others(&self, claim: &Claim, now: Now) -> Line {
        self.peers.others(claim).at(now.tick)
    }

    pub(super) fn add_others(&self, claim: &mut Claim, now: Now) {
        let others = self.others(claim, now);
        let standing = &mut claim.standing;
        standing.admitted = standing.admitted.saturating_add(others.admitted);
        match claim.charge {
            Charge::Place => standing.spent = standing.spent.saturating_add(u64::from(others.admitted)),
            Charge::Time { .. } | Charge::Requests { .. } => {
                standing.spent = standing.spent.saturating_add(others.spent);
                standing.hold = standing.hold.saturating_add(others.hold(standing.left));
            }
        }
    }
}

/// What the server says of a claim: it is charged.
const CHARGED: u8 = 1;
/// What the server says of a claim: its limit refuses.
const REFUSES: u8 = 2;

pub(super) fn is_timed(claim: &Claim) -> bool {
    matches!(claim.charge, Charge::Time { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::key::KeyHash;
    use crate::model::units::Unit;
    use crate::model::window::Period;
    use crate::model::zone::Zone;
    use crate::store::{BookSpec, Tally};

    /// Asked about under its own key and charged to the shared account, a newcomer would never be refused.
    #[test]
    fn a_newcomer_without_room_is_asked_about_under_the_key_that_it_is_charged_to() {
        let core = Core { memory: Memory::new(1), ..Core::new(Settings::of_text("redis://model")) };
        core.heal();
        let (tally, period) = (Tally::Charged(Unit::Requests), Some(Period::DAY));
        let zone = Arc::new(Zone::utc());
        let book = core.memory.open(&BookSpec { site: "site", rule: "rule", tally, period, zone: &zone });
        let charge = Charge::Requests { cost: 1 };
        let claim = |n| [Claim::new(book, KeyHash([n, n, n, n]), 10, charge)];
        let (mut first, mut second) = (claim(1), claim(2));
        assert_eq!(core.admit(&mut first, Mode::Decide, core.now()), Ok(Verdict::Open));
        core.conclude(&mut first, Verdict::Admitted, &[CHARGED], core.now());
        assert_eq!(core.admit(&mut second, Mode::Decide, core.now()), Ok(Verdict::Open));
        assert_eq!(first[0].key, KeyHash([1, 1, 1, 1]));
        assert_eq!(second[0].key, KeyHash([0, 0, 0, 0]));
        core.conclude(&mut second, Verdict::Admitted, &[CHARGED], core.now());
        core.look(&mut second, Micros::ZERO, core.now());
        assert_eq!(second[0].standing.spent, 1);
    }
}
