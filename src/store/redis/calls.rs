//! Calls of the exchange: what is sent, and what follows from what comes back.

use redis::{RedisResult, Value};

use super::candidate::Candidate;
use super::desk::{Desk, Message};
use super::exchange::{self, Answer, Own, Sent};
use super::peers::Account;
use super::trouble::Trouble;
use crate::model::line::Others;
use crate::model::now::Now;
use crate::model::units::Tick;

/// A call that is under way.
pub(super) struct Call {
    sent: Sent,
    sent_at: Tick,
    /// How often something had been returned then.
    returns: i64,
    /// Whether one of the lines says less than the server may have told others.
    gives_back: bool,
    /// Those that have waited in vain are gone.
    pub(super) candidates: Vec<Option<Candidate>>,
    /// How many claims each candidate has.
    claims: Vec<usize>,
}

impl Call {
    /// The accounts whose lines are in it.
    pub(super) fn accounts(&self) -> impl Iterator<Item = Account> {
        self.sent.iter().map(|(account, _)| *account)
    }
}

impl Desk {
    /// Calls the exchange, with this process's lines of the accounts and with the candidates.
    pub(super) fn send(&mut self, accounts: &[Account], candidates: Vec<Candidate>) {
        let Some(mut link) = self.link.clone() else { return };
        let now = self.core.now();
        let number = self.next_number;
        self.next_number += accounts.len() as u64;
        let (arguments, sent) =
            exchange::arguments(&self.core, self.process, number, accounts, &candidates, now);
        let gives_back = self.note_sent(&sent, now);
        let claims = candidates.iter().map(|candidate| candidate.asked().count()).collect();
        let candidates = candidates.into_iter().map(Some).collect();
        let (sent_at, returns) = (now.tick, self.core.returns());
        self.calls.insert(number, Call { sent, sent_at, returns, gives_back, candidates, claims });
        let own = self.own.clone();
        tokio::spawn(async move {
            let answer = link.exchange(&arguments).await;
            // A desk that has ended waits for no answer.
            let _ = own.send(Message::Done(number, answer));
        });
    }

    pub(super) fn finish(&mut self, number: u64, answer: RedisResult<Value>) {
        // Calls over a connection that was given up are forgotten.
        let Some(call) = self.calls.remove(&number) else { return };
        for (account, _) in &call.sent {
            self.busy.remove(account);
        }
        let claims = call.claims.iter().copied();
        let answer = answer.map_err(|error| Trouble::of(&error));
        let answer = answer.and_then(|value| exchange::answer(value, call.sent.len(), claims));
        self.note_flushed(number, &call, answer.as_ref().err());
        match answer {
            Ok(answer) => self.conclude(call, answer),
            Err(trouble) => self.fail(call, &trouble),
        }
    }

    /// Decides without the server over those whose calls are under way, and forgets the calls.
    pub(super) fn forget_calls(&mut self) {
        self.busy.clear();
        for (_, call) in std::mem::take(&mut self.calls) {
            self.abandon(call);
        }
    }

    /// Notes that lines are sent; says whether one of them gives something back.
    fn note_sent(&mut self, sent: &Sent, now: Now) -> bool {
        let mut gives_back = false;
        for &(account, window) in sent {
            self.busy.insert(account);
            self.core.peers.with(account, window, |entry| {
                (entry.sent_at, entry.changed_at, entry.wanted) = (now.tick, None, false);
                gives_back |= std::mem::take(&mut entry.returned);
            });
        }
        gives_back
    }

    fn conclude(&mut self, call: Call, answer: Answer) {
        self.misses = 0;
        self.health.has_returned |= call.gives_back;
        let now = self.core.now();
        let read_at = Tick(call.sent_at.0 + (now.tick.0 - call.sent_at.0) / 2);
        let mut lost = false;
        for (&(account, window), &(own, line)) in call.sent.iter().zip(&answer.accounts) {
            let others = Others { line, read_at };
            lost |= self.core.peers.hear(account, window, own, others, call.returns);
            if own == Own::Newer {
                self.core.peers.touch(account, window, now.tick, true);
            }
        }
        if lost {
            self.tell_again(now);
        }
        let mut strayed = false;
        for (candidate, (admitted, codes)) in call.candidates.into_iter().zip(answer.verdicts) {
            match (candidate, admitted) {
                (Some(candidate), Some(admitted)) => {
                    self.waiting.extend(candidate.conclude(&self.core, admitted, &codes));
                }
                (Some(candidate), None) => candidate.decide_degraded(&self.core),
                (None, _) => strayed = true,
            }
        }
        if strayed {
            self.publish_again(&call.sent, now);
        }
    }

    fn fail(&mut self, call: Call, trouble: &Trouble) {
        if trouble.is_local() || self.is_clustered() {
            self.log_once(trouble);
            self.avoid(call.accounts());
            self.abandon(call);
        } else {
            self.abandon(call);
            self.lose(trouble);
        }
    }

    fn abandon(&self, call: Call) {
        self.publish_again(&call.sent, self.core.now());
        for candidate in call.candidates.into_iter().flatten() {
            candidate.decide_degraded(&self.core);
        }
    }

    /// The server may have stored what is not so, and told others: the next publication puts it right.
    fn publish_again(&self, sent: &Sent, now: Now) {
        for &(account, _) in sent {
            let window = self.core.memory.window(account.book, now).window.start;
            self.core.peers.give_back(account, window);
            self.core.peers.touch(account, window, now.tick, true);
        }
    }
}
