//! Calls of the exchange: what is sent, and what follows from what comes back.

use super::{Candidate, Command, Desk, Errand};
use crate::model::{KeyHash, Others, Tick};
use crate::store::Relief;
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::{self, Answer, Own};
use crate::store::redis::settings::SyncMode;
use crate::store::redis::trouble::Trouble;

/// A call that is under way.
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
    /// What is wanted of the accounts, unless it was waited for in vain.
    pub(crate) errand: Option<Errand>,
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
        self.call(accounts, candidates, None);
    }

    /// Does the same, and with what else is wanted of the accounts.
    pub(crate) fn call(&mut self, accounts: &[Account], candidates: Vec<Candidate>, errand: Option<Errand>) {
        let relief = errand.as_ref().and_then(|errand| errand.relief);
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
        let call = Call { sent, sent_at, returns, gives_back, candidates, errand, relief, parts };
        self.calls.insert(number, call);
        self.commands.push(Command::Exchange(number, arguments));
    }

    pub(crate) fn finish(&mut self, number: u64, answer: Result<Vec<i64>, Trouble>) {
        // Calls over a connection that was given up are forgotten.
        let Some(call) = self.calls.remove(&number) else { return };
        self.queue.end(call.accounts());
        let parts = call.parts.iter().copied();
        let answer = answer
            .and_then(|numbers| exchange::answer(numbers, call.sent.len(), parts).ok_or(Trouble::Nonsense));
        self.note_flushed(number, &call, answer.as_ref().err());
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
        let mut has_strayed = self.conclude_errand(&mut call, &answer);
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

    /// Decides over those who wait for what has just been read, in batched mode.
    fn decide_known(&mut self) {
        if self.ledgers.settings.mode == SyncMode::Batched {
            let waiting = std::mem::take(&mut self.waiting).into_iter();
            self.waiting = waiting.filter_map(Candidate::decide_if_known).collect();
        }
    }

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
