//! Deciding: over all claims of a request at once, which are charged together or not at all.
//!
//! # The order of a decision
//!
//! 1. *Weigh*: each account says where it stands. Nothing is written.
//! 2. If accounts are missing and there is no room for them, their claims are sent aside, to accounts that newcomers share, and
//!    weighed again.
//! 3. *Charge*, if no limit refuses: all claims, in the order in which they were weighed. Nothing between the two gives up a lock.
//! 4. If one refuses: only those who count refusals, or everything, are charged, and only rules that fit are.
//!
//! A single claim of the common kind has a way of its own ([`Memory::decide_alone`]), which finds its account once, and so have two that
//! lie in two shards ([`Memory::decide_two`]). Either answers `None` whenever the longer way is needed, and has then changed nothing.

use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::Memory;
use super::overflow::account;
use super::rows::{Row, VACANT};
use super::settle::standing;
use super::shard::{Beside, Locked, Two, Visit, shard_of};
use super::table::{Seat, Table};
use crate::model::{AccountHash, Ledger, Micros, Now, Tick, UnixMicros};
use crate::store::{Ask, Charge, Claim, Counts, Mode, Part, Run, Verdict, is_fair};

/// What the standings of all claims come to.
///
/// Refusals of limits in shadow count here too, for then the longer way has to say which rules fit; they refuse nothing there.
#[derive(Default)]
struct Weighed {
    /// Accounts that do not exist yet.
    newcomers: usize,
    /// Whether a limit refuses, be it in shadow.
    refuses: bool,
}

impl Memory {
    /// Decides over one claim, where nothing is to be counted but what it is charged: its account is looked for once.
    ///
    /// `None` where it takes more than that: then nothing is decided, and nothing is charged.
    #[inline]
    pub(crate) fn decide_alone(
        &self,
        claim: &mut Claim,
        mode: Mode,
        now: &Now,
        beside: Option<&Beside>,
    ) -> Option<Verdict> {
        if claim.ask.client.is_some() || claim.ask.counts != Counts::Served || claim.run.aside.whole {
            return None;
        }
        let mut shard = self.shards[shard_of(claim.ask.key)].lock();
        let table = shard.table(self, claim.ask.book.calendar as usize, now);
        let (at, row) = table.row_of(claim.ask.account());
        if row.runs() {
            return self.decide_on_running(table, at, row, claim, mode, now, beside);
        }
        let base = if row.slot == VACANT { 0 } else { row.base };
        self.decide_on(table, Table::seated_idle(at, Row { base, ..row }), claim, mode, now, beside)
    }

    /// The same on an account of which other requests run: apart, for the others' way is shorter by what these have.
    #[inline(never)]
    #[expect(clippy::too_many_arguments, reason = "one step of a longer way, and called once")]
    fn decide_on_running(
        &self,
        table: &mut Table,
        at: usize,
        row: Row,
        claim: &mut Claim,
        mode: Mode,
        now: &Now,
        beside: Option<&Beside>,
    ) -> Option<Verdict> {
        self.decide_on(table, table.seated(at, row), claim, mode, now, beside)
    }

    #[inline(always)]
    fn decide_on(
        &self,
        table: &mut Table,
        mut seat: Seat,
        claim: &mut Claim,
        mode: Mode,
        now: &Now,
        beside: Option<&Beside>,
    ) -> Option<Verdict> {
        let Ask { charge, quota, shadow, .. } = claim.ask;
        claim.standing = standing(charge, table, &seat.ledger, now);
        let taken = beside.map_or(0, |beside| beside.taken);
        if !fits(claim, quota.saturating_add_signed(taken.saturating_neg())) {
            claim.standing.refuses = true;
            return (mode == Mode::Decide && !shadow).then_some(Verdict::Refused);
        }
        if seat.is_vacant() {
            if !self.has_room_for(1) {
                return None;
            }
            seat = self.insert(table, seat.at, claim.ask.book, claim.ask.key);
        }
        charge_seat(table, seat, claim, now);
        Some(Verdict::Admitted)
    }

    /// Decides over two claims of the common kind that lie in two shards, as those of a rule by site and of one by address do: each account
    /// is looked for once.
    ///
    /// `None` where it takes more than that: then nothing is decided, and nothing is charged.
    #[inline]
    pub(crate) fn decide_two(
        &self,
        shards: &mut Two<'_>,
        one: &mut Claim,
        other: &mut Claim,
        mode: Mode,
        now: &Now,
    ) -> Option<Verdict> {
        let is_common = |claim: &Claim| claim.ask.counts == Counts::Served && !claim.run.aside.whole;
        if !is_common(one) || !is_common(other) {
            return None;
        }
        let (shard, beyond) = shards.of(one.ask.key);
        let table = shard.table(self, one.ask.book.calendar as usize, now);
        let table_beyond = beyond.table(self, other.ask.book.calendar as usize, now);
        let (seat, seat_beyond) = (weigh_seat(table, one, now), weigh_seat(table_beyond, other, now));
        if one.standing.refuses || other.standing.refuses {
            let is_refused = mode == Mode::Decide && !one.ask.shadow && !other.ask.shadow;
            return is_refused.then_some(Verdict::Refused);
        }
        let newcomers = usize::from(seat.is_vacant()) + usize::from(seat_beyond.is_vacant());
        if newcomers > 0 && !self.has_room_for(newcomers) {
            return None;
        }
        self.charge_found(table, seat, one, now);
        self.charge_found(table_beyond, seat_beyond, other, now);
        Some(Verdict::Admitted)
    }

    /// Charges an account that was just weighed, and makes it if there is none.
    #[inline(always)]
    fn charge_found(&self, table: &mut Table, seat: Seat, claim: &mut Claim, now: &Now) {
        let is_vacant = seat.is_vacant();
        let seat = if is_vacant { self.insert(table, seat.at, claim.ask.book, claim.ask.key) } else { seat };
        charge_seat(table, seat, claim, now);
    }

    /// Read without a lock on the other shards: several that decide at once may each find the last place free. The bound is one on memory,
    /// and is passed by some accounts at most.
    fn has_room_for(&self, newcomers: usize) -> bool {
        self.accounts.load(Relaxed) + newcomers <= self.max_accounts
    }
}

impl<L: Locked> Visit<'_, L> {
    /// Decides; where there is no room for the accounts that the decision would need, over those that newcomers share.
    ///
    /// Under [`Mode::Force`] nothing is refused: the claims whose rules have no room are charged all the same.
    #[inline(always)]
    pub(crate) fn decide(&mut self, claims: &mut [Claim], mode: Mode) -> Verdict {
        let mut weighed = self.weigh(claims);
        if weighed.newcomers > 0 && !self.store.has_room_for(weighed.newcomers) {
            self.send_newcomers_aside(claims);
            weighed = self.weigh(claims);
        }
        if weighed.refuses {
            return self.conclude_over_full_accounts(claims, mode);
        }
        for claim in claims.iter_mut().filter(|claim| claim.ask.counts != Counts::Refusals) {
            if weighed.newcomers == 0 && claim.ask.client.is_none() {
                self.charge_known(claim);
            } else {
                self.charge(claim);
            }
        }
        Verdict::Admitted
    }

    /// Charges claims that somebody else has decided over.
    #[cfg(feature = "redis")]
    pub(crate) fn charge_decided(&mut self, claims: &mut [Claim]) {
        let mut newcomers = 0;
        for claim in &*claims {
            newcomers += claim.ask.parts().iter().filter(|part| !self.exists(claim, **part)).count();
        }
        if newcomers > 0 && !self.store.has_room_for(newcomers) {
            self.send_newcomers_aside(claims);
        }
        claims.iter_mut().for_each(|claim| self.charge(claim));
        self.note_earlier(claims);
    }

    /// Notes what requests had cost before the windows began that they were charged in: they arrived earlier, and were decided over since.
    ///
    /// It is for those alone whose decision has taken long. All others are decided over when they arrive.
    #[cfg(feature = "redis")]
    pub(crate) fn note_earlier(&mut self, claims: &mut [Claim]) {
        let now = self.now;
        for claim in claims.iter_mut().filter(|claim| claim.run.is_on) {
            let table = self.table(claim.ask.book, claim.ask.key);
            if claim.run.sequence == table.in_force.sequence {
                claim.run.earlier = table.at(&now).since(now.tick);
            }
        }
    }

    /// Sends each claim on an account that does not exist to one that newcomers share.
    #[cold]
    pub(crate) fn send_newcomers_aside(&mut self, claims: &mut [Claim]) {
        let mut edges: SmallVec<[UnixMicros; 4]> = SmallVec::new();
        for claim in claims {
            for part in claim.ask.parts() {
                if !claim.run.aside.has(*part) && !self.exists(claim, *part) {
                    let (book, key) = account(claim, *part);
                    edges.push(self.table(book, key).in_force.edge);
                    claim.run.aside.put(*part);
                }
            }
        }
        if !edges.is_empty() {
            self.store.overflow.note(self.store.max_accounts, edges.into_iter(), self.now);
        }
    }

    /// Whether a part's account is there, be it its own or one that newcomers share.
    fn exists(&mut self, claim: &Claim, part: Part) -> bool {
        let (book, key) = account(claim, part);
        self.table(book, key).seat(key.salted(book.salt)).is_ok()
    }

    /// Fills in where each account stands.
    #[inline]
    fn weigh(&mut self, claims: &mut [Claim]) -> Weighed {
        let now = self.now;
        let mut weighed = Weighed::default();
        for (position, claim) in claims.iter_mut().enumerate() {
            let table = self.table(claim.ask.book, claim.ask.key);
            let hash = if claim.run.aside.whole { shared_account(claim) } else { claim.ask.account() };
            let (at, row) = table.row_of(hash);
            let is_new = row.slot == VACANT;
            let ledger = if is_new { Ledger::default() } else { table.seated(at, row).ledger };
            claim.standing = standing(claim.ask.charge, table, &ledger, &now);
            let quota =
                if self.beside.is_empty() { claim.ask.quota } else { self.quota_here(claim, position) };
            claim.standing.refuses = !fits(claim, quota);
            claim.run.at = at as u32;
            weighed.newcomers += usize::from(is_new);
            if claim.ask.client.is_some() {
                self.weigh_share(claim, position, &mut weighed);
            }
            weighed.refuses |= claim.standing.refuses;
        }
        weighed
    }

    /// What is left of a claim's quota to this process.
    #[cold]
    fn quota_here(&self, claim: &Claim, position: usize) -> u64 {
        let taken = self.beside.get(position).map_or(0, |beside| beside.taken);
        claim.ask.quota.saturating_add_signed(taken.saturating_neg())
    }

    /// Lets a client be refused who has had its share, and says whether it is seen for the first time in this window.
    ///
    /// A client whose request runs on from the window before has an account from the beginning, and so is not counted as
    /// one of this window: to remember who was counted would take each client one more account.
    #[cold]
    fn weigh_share(&mut self, claim: &mut Claim, position: usize, weighed: &mut Weighed) {
        let beside = self.beside.get(position).copied().unwrap_or_default();
        let (clients, _) = self.spent(claim, Part::Clients);
        let (share, share_at) = self.spent(claim, Part::Share);
        weighed.newcomers += usize::from(clients.is_none()) + usize::from(share.is_none());
        claim.run.share_at = share_at as u32;
        claim.run.is_new = share.is_none() && !beside.knows_client;
        let sum = |here: Option<u64>, there: u64| here.unwrap_or(0).saturating_add(there);
        let seen = sum(clients, beside.clients).saturating_add(claim.run.is_new.into());
        let whole = claim.standing.spent.saturating_add(beside.spent);
        if !is_fair(claim.ask.quota, whole, sum(share, beside.share), seen) {
            (claim.standing.refuses, claim.standing.is_shared_out) = (true, true);
        }
    }

    /// What an account has spent, if it exists, and where it is or belongs.
    fn spent(&mut self, claim: &Claim, part: Part) -> (Option<u64>, usize) {
        let now = self.now;
        let (book, key) = account(claim, part);
        let table = self.table(book, key);
        match table.seat(key.salted(book.salt)) {
            Ok(seat) => (Some(seat.ledger.spent(table.at(&now))), seat.at),
            Err(vacant) => (None, vacant),
        }
    }

    #[cold]
    fn conclude_over_full_accounts(&mut self, claims: &mut [Claim], mode: Mode) -> Verdict {
        if mode == Mode::Decide && claims.iter().any(Claim::refuses) {
            self.count_refusal(claims);
            return Verdict::Refused;
        }
        for at in 0..claims.len() {
            let Ask { rule, counts, .. } = claims[at].ask;
            if counts != Counts::Refusals && (mode == Mode::Force || rule_fits(claims, rule)) {
                self.charge(&mut claims[at]);
            }
        }
        Verdict::Admitted
    }

    /// A refused request is counted only by rules that count everything, or refusals; it has taken no time.
    ///
    /// So a rule such as "ten refusals an hour" can be one, with the account that other rules' refusals fill. Time and places are never
    /// charged for a refusal: it has taken neither.
    fn count_refusal(&mut self, claims: &mut [Claim]) {
        for at in 0..claims.len() {
            let Ask { rule, counts, charge, .. } = claims[at].ask;
            let counted = match (charge, counts) {
                (Charge::Time { .. } | Charge::Place, _) | (_, Counts::Served) => false,
                (_, Counts::All) => rule_fits(claims, rule),
                (_, Counts::Refusals) => others_refuse(claims, rule),
            };
            if counted {
                self.charge(&mut claims[at]);
                claims[at].run.is_on = false;
            }
        }
    }

    /// Charges an account that was just weighed, where none has been made since then: it is where it was.
    #[inline(always)]
    fn charge_known(&mut self, claim: &mut Claim) {
        let now = self.now;
        let table = self.table(claim.ask.book, claim.ask.key);
        charge_seat(table, table.seat_at(claim.run.at as usize), claim, &now);
    }

    /// Charges a claim on all its accounts, those that do not exist yet made where they belong.
    fn charge(&mut self, claim: &mut Claim) {
        let charge = claim.ask.charge;
        let charged = self
            .charge_part(claim, Part::Whole, claim.run.at, |ledger, tick| charge_whole(charge, ledger, tick));
        claim.run.begin(charged.at, charged.slot, charged.sequence);
        if claim.ask.client.is_some() {
            self.charge_share(claim);
        }
    }

    /// The number of clients rises with a client's first charge only; whether this is one was decided while all was weighed.
    #[cold]
    fn charge_share(&mut self, claim: &mut Claim) {
        let Run { is_new, share_at, .. } = claim.run;
        self.charge_part(claim, Part::Clients, 0, |ledger, _| ledger.count(is_new.into()));
        let charge = claim.ask.charge;
        let charged = self.charge_part(claim, Part::Share, share_at, |ledger, tick| match charge {
            Charge::Time { expected } => ledger.start(tick, expected),
            Charge::Requests { cost } => ledger.count(cost),
            Charge::Place => {} // Places are not shared out.
        });
        claim.run.share_at = charged.at as u32;
    }

    /// Charges an account that was last seen at a place, or makes it.
    #[inline]
    fn charge_part(
        &mut self,
        claim: &Claim,
        part: Part,
        near: u32,
        charge: impl FnOnce(&mut Ledger, Tick),
    ) -> Charged {
        let (store, now, (book, key)) = (self.store, self.now, account(claim, part));
        let table = self.table(book, key);
        let (at, row) = table.row_near(near, key.salted(book.salt));
        let mut seat = match row.slot {
            VACANT => store.insert(table, at, book, key),
            _ => table.seated(at, row),
        };
        charge(&mut seat.ledger, table.at(&now));
        Charged { at: seat.at, slot: table.keep(&seat), sequence: table.in_force.sequence }
    }
}

/// Where an account is that was charged, and in which window.
struct Charged {
    at: usize,
    slot: u32,
    sequence: u32,
}

impl Run {
    /// Notes that the account at a place is charged, in the window of this number.
    #[inline(always)]
    const fn begin(&mut self, at: usize, slot: u32, sequence: u32) {
        (self.is_on, self.at, self.slot) = (true, at as u32, slot);
        (self.sequence, self.earlier) = (sequence, Micros::ZERO);
    }
}

/// The name of the account that newcomers share with a claim's; it lies in the shard of the claim's own.
#[cold]
fn shared_account(claim: &Claim) -> AccountHash {
    let (book, key) = account(claim, Part::Whole);
    key.salted(book.salt)
}

/// Fills in where a claim's account stands, and whether the limit refuses; returns the account, or where it belongs.
#[inline(always)]
fn weigh_seat(table: &Table, claim: &mut Claim, now: &Now) -> Seat {
    let (at, row) = table.row_of(claim.ask.account());
    let base = if row.slot == VACANT { 0 } else { row.base };
    let seat = table.seated(at, Row { base, ..row });
    claim.standing = standing(claim.ask.charge, table, &seat.ledger, now);
    claim.standing.refuses = !fits(claim, claim.ask.quota);
    seat
}

/// Charges an account, on which the claim runs from now on.
#[inline(always)]
fn charge_seat(table: &mut Table, mut seat: Seat, claim: &mut Claim, now: &Now) {
    charge_whole(claim.ask.charge, &mut seat.ledger, table.at(now));
    let slot = table.keep(&seat);
    claim.run.begin(seat.at, slot, table.in_force.sequence);
}

/// What one request does to the limit's account: time begins to run, requests are counted, a place is taken.
#[inline]
fn charge_whole(charge: Charge, ledger: &mut Ledger, tick: Tick) {
    match charge {
        Charge::Time { expected } => ledger.start(tick, expected),
        Charge::Requests { cost } => ledger.count(cost),
        Charge::Place => ledger.admitted += 1,
    }
}

/// Time fits as long as anything is left, for what a request will take is only expected. Requests fit only whole. A request that costs
/// 0 needs room for one, or who is refused could still ask for free.
#[inline]
fn fits(claim: &Claim, quota: u64) -> bool {
    let spent = claim.standing.spent;
    match claim.ask.charge {
        Charge::Time { .. } => claim.taken(quota) < quota,
        Charge::Requests { cost } => spent.saturating_add(cost.max(1)) <= quota,
        Charge::Place => spent < quota,
    }
}

/// Whether no limit of a rule refuses; a rule's claims are charged together or not at all.
fn rule_fits(claims: &[Claim], rule: u16) -> bool {
    claims.iter().all(|claim| claim.ask.rule != rule || !claim.standing.refuses)
}

/// Whether a limit of another rule refuses, and not in shadow.
fn others_refuse(claims: &[Claim], rule: u16) -> bool {
    claims.iter().any(|claim| claim.ask.rule != rule && claim.refuses())
}
