//! From admission to settlement: what becomes of a request's accounts while it runs, and where they stand.
//!
//! A request that is paused and resumed is the account's line going flat and rising again: `Ledger::pause` and `Ledger::resume`. What it
//! has cost so far comes with each call, since the account is a sum and cannot tell whose time it is.
//!
//! A window may end between two calls. Then the account was carried over, and what the request has cost before is the old window's:
//! [`seen`] works out how much that was from what is known, that it has run, or waited, all the time since it was seen last.

use super::Memory;
use super::overflow::account;
use super::rows::VACANT;
use super::shard::{Locked, Shard, Visit, shard_of};
use super::table::{Seat, Table};
use crate::model::{Ledger, Micros, Now, Tick};
use crate::store::calendar::InForce;
use crate::store::{Charge, Claim, Part, Progress, Run, Settlement, Standing};

impl Memory {
    /// Ends a request with one claim, on one account.
    #[inline]
    pub(crate) fn settle_alone(&self, claim: &mut Claim, settlement: &Settlement, now: &Now) {
        let mut shard = self.shards[shard_of(claim.ask.key)].lock();
        self.settle_in(&mut shard, claim, settlement, now);
    }

    /// The same in the shard that the account lies in.
    #[inline(always)]
    pub(crate) fn settle_in(&self, shard: &mut Shard, claim: &mut Claim, settlement: &Settlement, now: &Now) {
        if !std::mem::take(&mut claim.run.is_on) {
            return;
        }
        let table = shard.table(self, claim.ask.book.calendar as usize, now);
        let seat = match table.seat_in(claim.run.slot) {
            None if !claim.run.aside.whole => table.seat_of(claim.run.at, claim.ask.account()),
            running => running,
        };
        claim.standing = match seat {
            Some(seat) => {
                debug_assert!(claim.run.aside.whole || table.is_at(seat.at, claim.ask.account()));
                settle_account(self, table, seat, claim, settlement, now)
            }
            None => self.settle_elsewhere(table, claim, settlement, now),
        };
    }

    /// The same on an account that counts requests, and is not where it was last seen or is one that newcomers share.
    #[inline(never)]
    fn settle_elsewhere(
        &self,
        table: &mut Table,
        claim: &Claim,
        settlement: &Settlement,
        now: &Now,
    ) -> Standing {
        settle_part(self, table, claim, Part::Whole, settlement, now)
    }
}

impl<L: Locked> Visit<'_, L> {
    /// Stops the time of the claims' requests, which have cost `cost` so far.
    pub(crate) fn pause(&mut self, claims: &mut [Claim], cost: Micros) {
        self.each_timed(claims, Progress { cost, paused: false }, Ledger::pause);
    }

    /// Lets it run again.
    pub(crate) fn resume(&mut self, claims: &mut [Claim], cost: Micros) {
        self.each_timed(claims, Progress { cost, paused: true }, Ledger::resume);
    }

    /// Writes where each account stands, as if the request that asks had ended now, and changes no account.
    pub(crate) fn look(&mut self, claims: &mut [Claim], progress: Progress) {
        let now = self.now;
        for claim in claims {
            let (book, key) = account(claim, Part::Whole);
            let table = self.table(book, key);
            let (at, row) = table.row_near(claim.run.at, key.salted(book.salt));
            let mut ledger = match row.slot {
                VACANT => Ledger::default(),
                _ => table.seated(at, row).ledger,
            };
            if let (Charge::Time { expected }, true) = (claim.ask.charge, claim.run.is_on) {
                // Where it would stand if the request ended now.
                settle_line(&mut ledger, table.at(&now), expected, progress);
            }
            claim.standing = standing(claim.ask.charge, table, &ledger, &now);
        }
    }

    /// Ends the claims that run; those that do not are passed over, so a second call does nothing.
    pub(crate) fn settle(&mut self, claims: &mut [Claim], settlement: &Settlement) {
        for claim in claims.iter_mut().filter(|claim| claim.run.is_on) {
            claim.standing = self.settle_part(claim, Part::Whole, settlement);
            if claim.ask.client.is_some() {
                self.settle_share(claim, settlement);
            }
            claim.run.is_on = false;
        }
    }

    #[cold]
    fn settle_share(&mut self, claim: &Claim, settlement: &Settlement) {
        self.settle_part(claim, Part::Share, settlement);
    }

    /// Ends a request on one account, which was last seen at a place; returns where that stands.
    ///
    /// An account that is gone has nothing to settle: its window has ended, and the request had not run in the new one. Only what is charged
    /// on top now makes it anew.
    fn settle_part(&mut self, claim: &Claim, part: Part, settlement: &Settlement) -> Standing {
        let (store, now) = (self.store, self.now);
        let (book, key) = account(claim, part);
        settle_part(store, self.table(book, key), claim, part, settlement, &now)
    }

    /// Changes the accounts of a request that has come so far until now.
    fn each_timed(
        &mut self,
        claims: &mut [Claim],
        progress: Progress,
        change: impl Fn(&mut Ledger, Tick, Micros),
    ) {
        let now = self.now;
        for claim in claims.iter_mut().filter(|claim| claim.run.is_on) {
            let Charge::Time { expected } = claim.ask.charge else { continue };
            let mut run = claim.run;
            for (part, near) in [(Part::Whole, claim.run.at), (Part::Share, claim.run.share_at)] {
                if part == Part::Share && claim.ask.client.is_none() {
                    continue;
                }
                let (book, key) = account(claim, part);
                let table = self.table(book, key);
                let (at, row) = table.row_near(near, key.salted(book.salt));
                if row.slot != VACANT {
                    let mut seat = table.seated(at, row);
                    let tick = table.at(&now);
                    change(&mut seat.ledger, tick, held(expected, progress.cost));
                    table.keep(&seat);
                    run = seen(&claim.run, table, progress, tick);
                }
            }
            claim.run = run;
        }
    }
}

/// Ends a request on one of the accounts of a claim, wherever that is; returns where it stands.
fn settle_part(
    store: &Memory,
    table: &mut Table,
    claim: &Claim,
    part: Part,
    settlement: &Settlement,
    now: &Now,
) -> Standing {
    let (book, key) = account(claim, part);
    let (at, row) = table.row_of(key.salted(book.salt));
    let seat = match row.slot {
        VACANT if settlement.extra_requests > 0 => store.insert(table, at, book, key),
        VACANT => return standing(claim.ask.charge, table, &Ledger::default(), now),
        _ => table.seated(at, row),
    };
    settle_account(store, table, seat, claim, settlement, now)
}

/// Ends a request on one account; returns where that stands.
///
/// A cap's account goes with its last request: without a window there is nothing that would end it later.
#[inline(always)]
fn settle_account(
    store: &Memory,
    table: &mut Table,
    mut seat: Seat,
    claim: &Claim,
    settlement: &Settlement,
    now: &Now,
) -> Standing {
    let charge = claim.ask.charge;
    let ledger = &mut seat.ledger;
    match charge {
        Charge::Time { expected } => settle_time(ledger, table, expected, &claim.run, settlement, now),
        Charge::Requests { cost } => {
            let same_window = table.in_force.sequence == claim.run.sequence;
            ledger.uncount(if settlement.returned && same_window { cost } else { 0 });
            ledger.count(settlement.extra_requests);
        }
        Charge::Place => ledger.admitted -= 1,
    }
    let standing = standing(charge, table, ledger, now);
    let is_over = charge == Charge::Place && ledger.is_idle();
    table.keep(&seat);
    if is_over {
        store.remove(table, seat.at);
    }
    standing
}

/// Where an account stands.
///
/// Whether the limit refuses is not its to say: who decides fills that in.
#[inline]
pub(crate) fn standing(charge: Charge, table: &Table, ledger: &Ledger, now: &Now) -> Standing {
    let at = table.at(now);
    let left = table.in_force.left(*now);
    let spent = match charge {
        Charge::Time { .. } | Charge::Requests { .. } => ledger.spent(at),
        Charge::Place => u64::from(ledger.admitted),
    };
    Standing {
        spent,
        hold: ledger.hold(at, left),
        waiting: ledger.waiting,
        running: ledger.running,
        admitted: ledger.admitted,
        refuses: false,
        is_shared_out: false,
        window: table.in_force.window,
        left,
    }
}

/// Settles a request's time; what it is returned was charged by it in this window.
#[inline]
fn settle_time(
    ledger: &mut Ledger,
    table: &Table,
    expected: Micros,
    run: &Run,
    settlement: &Settlement,
    now: &Now,
) {
    let tick = table.at(now);
    let Settlement { cost, paused, extra_micros, .. } = *settlement;
    let progress = Progress { cost, paused };
    settle_line(ledger, tick, expected, progress);
    let extra =
        if extra_micros >= 0 { extra_micros } else { returned(extra_micros, table, run, progress, tick) };
    ledger.add(extra);
}

/// What is returned of a request's cost, as a charge below 0: no more than it has cost in this window.
#[cold]
fn returned(extra_micros: i64, table: &Table, run: &Run, progress: Progress, tick: Tick) -> i64 {
    let in_window = progress.cost.0.saturating_sub(seen(run, table, progress, tick).earlier.0);
    -(in_window.min(extra_micros.unsigned_abs()) as i64)
}

/// The run of a request that has come so far, in the window that is in force now.
///
/// If a window has begun since the store last saw the request, it has run all the time since then, or waited all the
/// time: the store sees it whenever that changes.
#[inline]
fn seen(run: &Run, table: &Table, progress: Progress, tick: Tick) -> Run {
    let InForce { sequence, start_tick, .. } = table.in_force;
    if run.sequence == sequence {
        return *run;
    }
    let since = if progress.paused { Micros::ZERO } else { tick.since(start_tick) };
    let earlier = Micros(progress.cost.0.saturating_sub(since.0));
    Run { sequence, earlier, ..*run }
}

/// Takes a request that has come so far out of its account: what it has spent stays.
#[inline]
fn settle_line(ledger: &mut Ledger, tick: Tick, expected: Micros, progress: Progress) {
    let held = held(expected, progress.cost);
    if !progress.paused {
        ledger.pause(tick, held);
    }
    ledger.settle(held);
}

/// What a request holds, or would hold if it ran.
#[inline]
const fn held(expected: Micros, cost: Micros) -> Micros {
    Micros(expected.0.saturating_add(cost.0))
}
