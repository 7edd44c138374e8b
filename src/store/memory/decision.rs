//! A decision: the shards that it concerns are locked, so all claims are charged together or not at all.

use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::Memory;
use super::locked::Locked;
use super::overflow::{is_shared, shared};
use super::shares::Beside;
use super::table::Table;
use crate::model::{Ledger, Micros, Now, Tick, UnixMicros};
use crate::store::calendar::InForce;
use crate::store::{Charge, Claim, Counts, Mode, Part, Progress, Settlement, Standing, Ticket, Verdict};

/// What happens to some claims at once, at one moment.
pub(super) struct Decision<'a, L> {
    pub(super) store: &'a Memory,
    pub(super) shards: &'a mut L,
    pub(super) now: Now,
    /// For each claim what its account is elsewhere; empty where nobody else draws on it.
    pub(super) beside: &'a [Beside],
}

/// What the standings of all claims come to.
#[derive(Default)]
pub(super) struct Weighed {
    /// Claims whose accounts do not exist yet.
    newcomers: usize,
    /// Whether a limit refuses, be it in shadow.
    pub(super) refuses: bool,
    /// Whether a limit is fair.
    is_fair: bool,
}

impl<L: Locked> Decision<'_, L> {
    /// Decides; where there is no room for the accounts that the decision would need, over those that newcomers share.
    pub(super) fn decide(&mut self, claims: &mut [Claim], mode: Mode) -> Verdict {
        let mut weighed = self.weigh(claims);
        if weighed.newcomers > 0 && !self.has_room_for(weighed.newcomers) {
            self.send_newcomers_aside(claims);
            weighed = self.weigh(claims);
        }
        self.conclude(claims, mode, weighed.refuses)
    }

    /// Gives each claim whose account does not exist the key of one that newcomers share.
    #[cold]
    pub(super) fn send_newcomers_aside(&mut self, claims: &mut [Claim]) {
        let mut edges: SmallVec<[UnixMicros; 4]> = SmallVec::new();
        for claim in claims.iter_mut().filter(|claim| !is_shared(claim.key)) {
            let table = self.table(claim);
            if table.find(claim.account()).is_none() {
                edges.push(table.in_force.edge);
                claim.key = shared(claim.key);
            }
        }
        if !edges.is_empty() {
            self.store.overflow.note(self.store.max_accounts, edges.into_iter(), self.now);
        }
    }

    pub(super) fn pause(&mut self, claims: &mut [Claim], cost: Micros) {
        self.each_timed(claims, Progress { cost, paused: false }, Ledger::pause);
    }

    pub(super) fn resume(&mut self, claims: &mut [Claim], cost: Micros) {
        self.each_timed(claims, Progress { cost, paused: true }, Ledger::resume);
    }

    pub(super) fn look(&mut self, claims: &mut [Claim], progress: Progress) {
        let now = self.now;
        for claim in claims {
            let table = self.table(claim);
            let mut ledger = table.entry(claim).map_or_else(Ledger::default, |at| table.ledger(at));
            if let (Charge::Time { expected }, Some(_)) = (claim.charge, claim.ticket) {
                // Where it would stand if the request ended now.
                leave(&mut ledger, table.at(now), expected, progress);
            }
            claim.standing = standing(claim.charge, table, &ledger, now);
        }
    }

    pub(super) fn settle(&mut self, claims: &mut [Claim], settlement: &Settlement) {
        for claim in claims {
            if let Some(ticket) = claim.ticket {
                if claim.part != Part::Clients {
                    self.settle_one(claim, ticket, settlement);
                }
                claim.ticket = None;
            }
        }
    }

    /// Fills in where each account stands.
    fn weigh(&mut self, claims: &mut [Claim]) -> Weighed {
        let now = self.now;
        let mut weighed = Weighed::default();
        for claim in &mut *claims {
            let table = self.table(claim);
            let at = table.find(claim.account());
            let ledger = at.map_or_else(Ledger::default, |at| table.ledger(at));
            claim.standing = standing(claim.charge, table, &ledger, now);
            // A share refuses by what all have spent, too: see below.
            claim.standing.refuses = claim.part == Part::Whole && !fits(claim);
            weighed.newcomers += usize::from(at.is_none());
            weighed.refuses |= claim.standing.refuses;
            weighed.is_fair |= claim.part == Part::Share;
        }
        if weighed.is_fair {
            self.weigh_shares(claims, &mut weighed);
        }
        weighed
    }

    fn conclude(&mut self, claims: &mut [Claim], mode: Mode, refuses: bool) -> Verdict {
        if refuses {
            return self.conclude_over_full_accounts(claims, mode);
        }
        for claim in claims.iter_mut().filter(|claim| claim.counts != Counts::Refusals) {
            claim.ticket = Some(self.charge(claim));
        }
        Verdict::Admitted
    }

    #[cold]
    fn conclude_over_full_accounts(&mut self, claims: &mut [Claim], mode: Mode) -> Verdict {
        if mode == Mode::Decide && claims.iter().any(Claim::refuses) {
            self.count_refusal(claims);
            return Verdict::Refused;
        }
        for at in 0..claims.len() {
            let Claim { rule, counts, .. } = claims[at];
            if counts != Counts::Refusals && (mode == Mode::Force || rule_fits(claims, rule)) {
                claims[at].ticket = Some(self.charge(&claims[at]));
            }
        }
        Verdict::Admitted
    }

    /// A refused request is counted only by rules that count everything, or refusals; it has taken no time.
    fn count_refusal(&mut self, claims: &[Claim]) {
        for (at, claim) in claims.iter().enumerate() {
            // Whose time is not counted is no client of this window either.
            let of = if claim.part == Part::Clients { at.saturating_sub(1) } else { at };
            let counted = match (claims[of].charge, claim.counts) {
                (Charge::Time { .. } | Charge::Place, _) | (_, Counts::Served) => false,
                (_, Counts::All) => rule_fits(claims, claim.rule),
                (_, Counts::Refusals) => others_refuse(claims, claim.rule),
            };
            if counted {
                self.charge(claim);
            }
        }
    }

    fn charge(&mut self, claim: &Claim) -> Ticket {
        let (store, now) = (self.store, self.now);
        let table = self.table(claim);
        let at = table.find(claim.account()).unwrap_or_else(|| store.insert(table, claim));
        let tick = table.at(now);
        let slot = table.change(at, |ledger| match claim.charge {
            Charge::Time { expected } => ledger.start(tick, expected),
            Charge::Requests { cost } => ledger.count(cost),
            Charge::Place => ledger.admitted += 1,
        });
        Ticket { slot, sequence: table.in_force.sequence, earlier: Micros::ZERO }
    }

    fn settle_one(&mut self, claim: &mut Claim, ticket: Ticket, settlement: &Settlement) {
        let (store, now) = (self.store, self.now);
        let table = self.table(claim);
        let at = match table.entry(claim) {
            Some(at) => at,
            None if settlement.extra_requests > 0 => store.insert(table, claim),
            None => return claim.standing = standing(claim.charge, table, &Ledger::default(), now),
        };
        let mut ledger = table.ledger(at);
        match claim.charge {
            Charge::Time { expected } => end_time(&mut ledger, table, expected, ticket, settlement, now),
            Charge::Requests { cost } => {
                let same_window = table.in_force.sequence == ticket.sequence;
                ledger.uncount(if settlement.returned && same_window { cost } else { 0 });
                ledger.count(settlement.extra_requests);
            }
            Charge::Place => ledger.admitted -= 1,
        }
        claim.standing = standing(claim.charge, table, &ledger, now);
        table.set(at, &ledger);
        if claim.charge == Charge::Place && ledger.is_idle() {
            store.remove(table, at, claim);
        }
    }

    /// Changes the accounts of a request that has come so far until now.
    fn each_timed(
        &mut self,
        claims: &mut [Claim],
        progress: Progress,
        change: impl Fn(&mut Ledger, Tick, Micros),
    ) {
        let now = self.now;
        for claim in claims {
            let (Charge::Time { expected }, Some(ticket)) = (claim.charge, claim.ticket) else { continue };
            let table = self.table(claim);
            if let Some(at) = table.entry(claim) {
                let tick = table.at(now);
                table.change(at, |ledger| change(ledger, tick, part(expected, progress.cost)));
                claim.ticket = Some(seen(ticket, table, progress, tick));
            }
        }
    }

    fn has_room_for(&self, newcomers: usize) -> bool {
        self.store.accounts.load(Relaxed) + newcomers <= self.store.max_accounts
    }

    #[inline]
    pub(super) fn table(&mut self, claim: &Claim) -> &mut Table {
        let shard = self.shards.shard(claim.key);
        shard.table(self.store, claim.book.calendar as usize, self.now)
    }
}

/// Ends a request's time; what it is returned was charged by it in this window.
#[inline]
fn end_time(
    ledger: &mut Ledger,
    table: &Table,
    expected: Micros,
    ticket: Ticket,
    settlement: &Settlement,
    now: Now,
) {
    let tick = table.at(now);
    let Settlement { cost, paused, extra_micros, .. } = *settlement;
    let progress = Progress { cost, paused };
    leave(ledger, tick, expected, progress);
    if extra_micros >= 0 {
        ledger.add(extra_micros);
    } else {
        let in_window = cost.0.saturating_sub(seen(ticket, table, progress, tick).earlier.0);
        ledger.add(-(in_window.min(extra_micros.unsigned_abs()) as i64));
    }
}

/// The ticket of a request that has come so far, in the window that is in force now.
///
/// If a window has begun since the store last saw the request, it has run all the time since then, or waited all the
/// time: the store sees it whenever that changes.
#[inline]
fn seen(ticket: Ticket, table: &Table, progress: Progress, tick: Tick) -> Ticket {
    let InForce { sequence, start_tick, .. } = table.in_force;
    if ticket.sequence == sequence {
        return ticket;
    }
    let since = if progress.paused { Micros::ZERO } else { tick.since(start_tick) };
    let earlier = Micros(progress.cost.0.saturating_sub(since.0));
    Ticket { sequence, earlier, ..ticket }
}

/// Takes a request that has come so far out of its account: what it has spent stays.
#[inline]
fn leave(ledger: &mut Ledger, tick: Tick, expected: Micros, progress: Progress) {
    let part = part(expected, progress.cost);
    if !progress.paused {
        ledger.pause(tick, part);
    }
    ledger.leave(part);
}

/// What a request holds, or would hold if it ran.
#[inline]
const fn part(expected: Micros, cost: Micros) -> Micros {
    Micros(expected.0.saturating_add(cost.0))
}

fn fits(claim: &Claim) -> bool {
    let spent = claim.standing.spent;
    match claim.charge {
        Charge::Time { .. } => claim.taken() < claim.quota,
        Charge::Requests { cost } => spent.saturating_add(cost.max(1)) <= claim.quota,
        Charge::Place => spent < claim.quota,
    }
}

fn rule_fits(claims: &[Claim], rule: u16) -> bool {
    claims.iter().all(|claim| claim.rule != rule || !claim.standing.refuses)
}

fn others_refuse(claims: &[Claim], rule: u16) -> bool {
    claims.iter().any(|claim| claim.rule != rule && claim.refuses())
}

pub(super) fn standing(charge: Charge, table: &Table, ledger: &Ledger, now: Now) -> Standing {
    let at = table.at(now);
    let left = table.in_force.left(now);
    let spent = match charge {
        Charge::Time { .. } | Charge::Requests { .. } => ledger.spent(at),
        Charge::Place => u64::from(ledger.admitted),
    };
    Standing {
        spent,
        hold: ledger.hold(at, left),
        waiting: ledger.waiting,
        admitted: ledger.admitted,
        refuses: false,
        window: table.in_force.window,
        left,
    }
}
