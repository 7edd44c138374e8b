//! Calls of the exchange: which requests and lines share one, what is sent, and what follows from what comes back.
//!
//! A call carries this process's lines of some accounts, up to 64 requests that are to be decided about them, or errands. The
//! answer has the others' lines of the same accounts and a verdict for each request. Three things can become of it:
//!
//! - *answered*: requests are concluded, and what the others have is known from then on;
//! - *failed*: nobody knows whether the server has stored the lines, so each is published once more, and the requests are decided
//!   without it;
//! - *late*: the requests are decided without it when their deadline comes, but the call goes on, for its answer still tells what
//!   the server has stored.
//!
//! In a cluster a script sees the keys of one slot only, so there a call is about one home of accounts.

use std::collections::HashSet;

use smallvec::SmallVec;

use crate::model::{KeyHash, Others, Tick};
use crate::store::Relief;
use crate::store::redis::desk::{Candidate, Command, Desk, Errand};
use crate::store::redis::ledger::{Ledgers, Stance};
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::{self, Answer, Own};
use crate::store::redis::settings::SyncMode;
use crate::store::redis::trouble::Trouble;

/// A call that is under way.
///
/// It is kept until it is answered or its connection is given up, also when nobody waits for it any more: its lines may have been
/// stored.
pub(crate) struct Call {
    /// This process's lines in it.
    pub(crate) sent: Vec<Own>,
    pub(crate) sent_at: Tick,
    /// How often something had been returned then.
    returns: i64,
    /// Whether one of the lines says less than the server may have told others.
    gives_back: bool,
    /// Those that have waited in vain are gone.
    pub(crate) candidates: Vec<Option<Candidate>>,
    /// What is wanted of the accounts, but for what was waited for in vain: one errand, or some that only read.
    pub(crate) errands: Vec<Errand>,
    /// What the first account is relieved of.
    pub(crate) relief: Option<Relief>,
    /// How many parts the claims of each candidate have.
    parts: Vec<usize>,
}

impl Call {
    /// The accounts whose lines are in it.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account> {
        self.sent.iter().map(|own| own.account)
    }

    /// What tells the server that was called from others: in a cluster, whose parts are not known here, the home of the
    /// accounts.
    pub(crate) fn server(&self, ledgers: &Ledgers) -> Option<KeyHash> {
        self.sent.first().filter(|_| ledgers.is_clustered()).map(|own| own.account.home)
    }
}

impl Desk {
    /// Calls the exchange, with this process's lines of the accounts and with the candidates.
    pub(crate) fn send(&mut self, accounts: &[Account], candidates: Vec<Candidate>) {
        self.call(accounts, candidates, Vec::new());
    }

    /// Does the same, and with what else is wanted of the accounts.
    pub(crate) fn call(&mut self, accounts: &[Account], candidates: Vec<Candidate>, errands: Vec<Errand>) {
        let relief = errands.first().and_then(|errand| errand.relief);
        let number = self.ledgers.take_numbers(accounts.len());
        let (sent, gives_back) = self.take_lines(accounts);
        let questions: Vec<_> = candidates.iter().map(|candidate| candidate.question(accounts)).collect();
        let prefix = &self.ledgers.settings.prefix;
        let arguments = exchange::arguments(prefix, self.ledgers.process, number, &sent, &questions, relief);
        let parts =
            questions.into_iter().map(|question| question.parts.len()).chain(relief.map(|_| 1)).collect();
        // What is granted is told as what is returned is.
        let gives_back = gives_back || relief.is_some();
        let (sent_at, returns) = (self.now.tick, self.ledgers.returns());
        let candidates = candidates.into_iter().map(Some).collect();
        let call = Call { sent, sent_at, returns, gives_back, candidates, errands, relief, parts };
        self.calls.insert(number, call);
        self.commands.push(Command::Exchange(number, arguments));
    }

    /// Ends a call: hands its answer to those who wait for it, or fails them. One that nobody remembers, of a connection that was given
    /// up, is passed over.
    pub(crate) fn finish(&mut self, number: u64, answer: Result<Vec<i64>, Trouble>) {
        // Calls over a connection that was given up are forgotten.
        let Some(call) = self.calls.remove(&number) else { return };
        self.queue.end(call.accounts());
        let parts = call.parts.iter().copied();
        let answer = answer
            .and_then(|numbers| exchange::answer(numbers, call.sent.len(), parts).ok_or(Trouble::Nonsense));
        self.note_flushed(number, &call.sent, answer.as_ref().err());
        match answer {
            Ok(answer) => self.conclude(call, answer),
            Err(trouble) => self.fail(call, &trouble),
        }
    }

    /// Decides without the server over those whose calls are under way, and forgets the calls.
    pub(crate) fn forget_calls(&mut self) {
        self.queue.end_all();
        for (_, call) in std::mem::take(&mut self.calls) {
            self.abandon(call);
        }
    }

    /// This process's lines, which are sent now; says whether one of them gives something back.
    fn take_lines(&mut self, accounts: &[Account]) -> (Vec<Own>, bool) {
        let mut gives_back = false;
        let take = |account: &Account| {
            self.queue.begin(*account);
            let (own, returns) = self.ledgers.take_line(*account, self.now);
            gives_back |= returns;
            own
        };
        let lines = accounts.iter().map(take).collect();
        (lines, gives_back)
    }

    /// In this order: what the others have is noted first, so that whatever is decided here next is decided by it; then the errands, then
    /// the requests; at last, where somebody had waited in vain, the lines are put right.
    fn conclude(&mut self, mut call: Call, answer: Answer) {
        if self.now.tick.since(call.sent_at).0 <= self.ledgers.settings.deadline.as_micros() as u64 {
            self.health.note_answered(call.server(&self.ledgers));
        }
        self.health.has_returned |= call.gives_back;
        let read_at = Tick(call.sent_at.0 + (self.now.tick.0 - call.sent_at.0) / 2);
        let mut has_lost = false;
        for (own, (before, line)) in call.sent.iter().zip(answer.accounts.iter().copied()) {
            let others = Others { line, read_at };
            has_lost |= self.ledgers.hear(own, before, others, call.returns, self.now);
        }
        if has_lost {
            self.tell_again();
        }
        let mut has_strayed = self.conclude_errands(&mut call, &answer);
        for (candidate, decided) in call.candidates.into_iter().zip(answer.verdicts) {
            match (candidate, decided.admitted) {
                (Some(candidate), Some(admitted)) => {
                    let next = candidate.conclude(admitted, &decided.parts, self.now);
                    self.waiting.extend(next);
                }
                (Some(candidate), None) => candidate.decide_degraded(self.now),
                (None, _) => has_strayed = true,
            }
        }
        if has_strayed {
            self.correct(&call.sent);
        }
        self.decide_known();
    }

    /// Does here what the server has done; says whether nobody waits any more who would.
    ///
    /// A grant is noted here as well as on the server, so that this process decides by it at once; the others hear of it with the next
    /// lines that they read, and of the fact that something was returned with their next beat.
    fn conclude_errands(&mut self, call: &mut Call, answer: &Answer) -> bool {
        let errands = std::mem::take(&mut call.errands);
        if errands.is_empty() {
            return call.relief.is_some();
        }
        let is_done =
            call.relief.is_none() || answer.verdicts.last().is_some_and(|told| told.admitted == Some(true));
        if !is_done {
            return true;
        }
        if let (Some(relief), Some(own), Some((_, others))) =
            (call.relief, call.sent.first(), answer.accounts.first())
        {
            let amount = match relief {
                Relief::Grant(amount) => amount,
                // As the script has added it up.
                Relief::Reset => u64::try_from(own.line.net.saturating_add(others.net)).unwrap_or(0),
            };
            self.ledgers.relieve(own, amount, self.now);
        }
        errands.into_iter().for_each(Errand::conclude);
        false
    }

    /// Decides over those who wait for what has just been read, in batched mode.
    ///
    /// In exact mode each has to ask for itself.
    fn decide_known(&mut self) {
        if self.ledgers.settings.mode == SyncMode::Batched {
            let waiting = std::mem::take(&mut self.waiting).into_iter();
            self.waiting = waiting.filter_map(Candidate::decide_if_known).collect();
        }
    }

    /// In a cluster one server's failure is its own: its accounts are left alone for a while. Any other failure ends the connection.
    fn fail(&mut self, call: Call, trouble: &Trouble) {
        if trouble.is_local() || self.ledgers.is_clustered() {
            self.log_once(trouble);
            self.avoid(call.accounts());
            self.abandon(call);
        } else {
            self.abandon(call);
            self.lose(trouble);
        }
    }

    fn abandon(&self, call: Call) {
        self.correct(&call.sent);
        for candidate in call.candidates.into_iter().flatten() {
            candidate.decide_degraded(self.now);
        }
    }

    /// The server may have stored what is not so, and told others: the next publication puts it right.
    fn correct(&self, sent: &[Own]) {
        for own in sent {
            self.ledgers.correct(own.account, self.now);
        }
    }
}

/// Candidates, or lines, that share one call at most: what a script does in a fraction of a millisecond.
const MOST_IN_A_CALL: usize = 64;

/// Lines that are published at once at most, when there are many: the others wait for the next look.
const MOST_LINES: usize = 1_024;

impl Desk {
    /// Sends what waits for no account that is busy.
    ///
    /// [Errands](Self::run_errands) go first, as far as it is their turn. Requests follow in the order in which they came; one whose
    /// account is busy lets those pass that wait for others.
    pub(crate) fn dispatch(&mut self) {
        if !self.is_linked {
            for candidate in std::mem::take(&mut self.waiting) {
                candidate.decide_degraded(self.now);
            }
            self.errands.clear();
        }
        self.run_errands();
        for batch in self.take_batches() {
            for batch in self.by_server(batch) {
                self.send(&accounts_of(&batch), batch);
            }
        }
    }

    /// The parts of a batch that one call can carry each: in a cluster a script sees one slot only.
    fn by_server(&self, batch: Vec<Candidate>) -> Vec<Vec<Candidate>> {
        if !self.ledgers.is_clustered() {
            return vec![batch];
        }
        let mut parts: Vec<Vec<Candidate>> = Vec::new();
        for candidate in batch {
            let home = candidate.home();
            match parts.iter_mut().find(|part| part[0].home() == home) {
                Some(part) => part.push(candidate),
                None => parts.push(vec![candidate]),
            }
        }
        parts
    }

    /// Takes the candidates whose turn it is, of one call each; an account that an earlier candidate or errand waits for, or that an
    /// earlier call will have busy, is not given to a later one.
    ///
    /// All in one pass: after a server has stood still, thousands wait.
    fn take_batches(&mut self) -> Vec<Vec<Candidate>> {
        let (awaited, mut wanted) = (self.awaited_since(), HashSet::new());
        let (mut batches, mut batch) = (Vec::new(), Vec::<Candidate>::new());
        for candidate in std::mem::take(&mut self.waiting) {
            if candidate.is_forgotten() {
                continue;
            }
            if candidate.accounts().any(|account| self.is_avoided(account)) {
                candidate.decide_degraded(self.now);
                continue;
            }
            if batch.len() == MOST_IN_A_CALL {
                wanted.extend(batch.iter().flat_map(Candidate::accounts));
                batches.push(std::mem::take(&mut batch));
            }
            let is_errands = |account| awaited.get(&account).is_some_and(|turn| *turn < candidate.due);
            let taken =
                |account| self.queue.is_busy(account) || wanted.contains(&account) || is_errands(account);
            if candidate.accounts().any(taken) {
                wanted.extend(candidate.accounts());
                self.waiting.push_back(candidate);
            } else {
                batch.push(candidate);
            }
        }
        batches.extend((!batch.is_empty()).then_some(batch));
        batches
    }

    /// Publishes the lines that are due.
    ///
    /// They travel in calls of their own, without a request that would wait for them. An account of which a call is under way is left
    /// alone: its next line could overtake the one that is sent.
    pub(crate) fn publish_due(&mut self) {
        let stance = |account| match () {
            () if self.queue.is_busy(account) => Stance::Busy,
            () if self.is_avoided(account) => Stance::Busy,
            () if self.is_flushed(account) => Stance::Awaited,
            () => Stance::Free,
        };
        let due = self.ledgers.due_lines(self.now, MOST_LINES, stance);
        let most = if self.ledgers.is_clustered() { 1 } else { MOST_IN_A_CALL };
        for accounts in due.chunks(most) {
            self.send(accounts, Vec::new());
        }
    }

    /// When the first of those that wait has waited in vain.
    pub(crate) fn first_due(&self) -> Option<Tick> {
        let asked = self.calls.values().flat_map(|call| &call.candidates).flatten();
        let candidates = self.waiting.iter().chain(asked).map(|candidate| candidate.due);
        let under_way = self.calls.values().flat_map(|call| &call.errands);
        candidates.chain(self.errands.iter().chain(under_way).map(|errand| errand.due)).min()
    }

    /// Decides without the server over those who have waited until their deadline.
    ///
    /// The call goes on, for its answer tells what the server has stored.
    pub(crate) fn give_up_on_late(&mut self) {
        let now = self.now.tick;
        if self.first_due().is_none_or(|due| due > now) {
            return;
        }
        let mut late: SmallVec<[Candidate; 8]> = SmallVec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.due <= now { late.push(waiting) } else { self.waiting.push_back(waiting) }
        }
        for candidate in self.calls.values_mut().flat_map(|call| &mut call.candidates) {
            late.extend(candidate.take_if(|candidate| candidate.due <= now));
        }
        for candidate in late {
            candidate.decide_degraded(self.now);
        }
        self.drop_late_errands();
        self.note_late_calls();
    }
}

fn accounts_of(batch: &[Candidate]) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for account in batch.iter().flat_map(Candidate::accounts) {
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    accounts
}
