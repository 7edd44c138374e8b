//! Flushes: somebody waits until what has been spent here is on the server.

use std::collections::HashSet;
use std::sync::mpsc;

use super::Desk;
use super::calls::Call;
use crate::store::Fault;
use crate::store::redis::script::Account;
use crate::store::redis::trouble::Trouble;

/// Somebody who waits until the lines of some accounts are on the server, as they were when the waiting began or later.
pub(crate) struct Flush {
    /// The accounts whose lines are still to be sent, or were and are not answered.
    left: HashSet<Account>,
    /// The calls that were under way when the waiting began: other accounts' lines are in them.
    under_way: HashSet<u64>,
    /// The number of the first line that is late enough: those before it were sent before the waiting began.
    from: u64,
    /// What kept some of them from being stored.
    trouble: Option<Trouble>,
    done: mpsc::Sender<Result<(), Fault>>,
}

impl Flush {
    fn is_over(&self) -> bool {
        self.left.is_empty() && self.under_way.is_empty()
    }

    /// Notes what became of a call whose first line had that number.
    fn hear(&mut self, number: u64, call: &Call, trouble: Option<&Trouble>) {
        let mut concerns = self.under_way.remove(&number);
        for account in call.accounts().filter(|_| number >= self.from) {
            concerns |= self.left.remove(&account);
        }
        if concerns && self.trouble.is_none() {
            self.trouble = trouble.cloned();
        }
    }

    fn answer(self) {
        let told = match self.trouble {
            None => Ok(()),
            Some(trouble) => Err(Fault(format!("redis: what was spent last is not stored: {trouble}"))),
        };
        // Who has stopped waiting does not want to know.
        let _ = self.done.send(told);
    }
}

impl Desk {
    /// Begins to publish every line that the server does not have as it is here, be it due or not.
    pub(crate) fn flush(&mut self, done: mpsc::Sender<Result<(), Fault>>) {
        let left: HashSet<_> = self.ledgers.unpublished(self.now).into_iter().collect();
        let under_way = self.calls.keys().copied().collect();
        self.flushes.push(Flush { left, under_way, from: self.ledgers.next_number(), trouble: None, done });
        if !self.is_linked {
            self.fail_flushes(&Trouble::Gone);
        }
        self.end_flushes();
        self.look_around();
    }

    /// Whether somebody waits for an account's line.
    pub(crate) fn is_flushed(&self, account: Account) -> bool {
        self.flushes.iter().any(|flush| flush.left.contains(&account))
    }

    /// Notes what became of a call whose first line had that number.
    pub(crate) fn note_flushed(&mut self, number: u64, call: &Call, trouble: Option<&Trouble>) {
        for flush in &mut self.flushes {
            flush.hear(number, call, trouble);
        }
        self.end_flushes();
    }

    /// Nothing more is stored for now.
    pub(crate) fn fail_flushes(&mut self, trouble: &Trouble) {
        for flush in self.flushes.iter_mut().filter(|flush| !flush.is_over()) {
            flush.left.clear();
            flush.under_way.clear();
            flush.trouble = Some(trouble.clone());
        }
        self.end_flushes();
    }

    fn end_flushes(&mut self) {
        for flush in self.flushes.extract_if(.., |flush| flush.is_over()) {
            flush.answer();
        }
    }
}
