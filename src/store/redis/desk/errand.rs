//! What is wanted of accounts between requests: to know where they stand, to grant one more, or to reset it.

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::calls::Call;
use super::{Candidate, Desk};
use crate::model::Tick;
use crate::store::redis::ledger::Ledgers;
use crate::store::redis::script::Account;
use crate::store::redis::script::exchange::Answer;
use crate::store::{Fault, Relief};

/// What somebody wants of accounts who looks after them. One that is dropped has failed.
pub(crate) struct Errand {
    /// Those that are asked about, in one call: at most as many as share one, and in a cluster of one home.
    pub(crate) accounts: Vec<Account>,
    /// What the first of them is to be relieved of.
    pub(crate) relief: Option<Relief>,
    /// Until when it waits.
    pub(crate) due: Tick,
    reply: oneshot::Sender<()>,
}

/// Who waits for an errand.
pub(crate) struct Awaited(oneshot::Receiver<()>);

impl Errand {
    /// Reads where accounts stand, at most [`Errand::MOST`].
    pub(crate) fn read(ledgers: &Ledgers, accounts: Vec<Account>) -> (Self, Awaited) {
        Self::new(ledgers, accounts, None)
    }

    /// Relieves an account, and reads where it stands.
    pub(crate) fn relieve(ledgers: &Ledgers, account: Account, relief: Relief) -> (Self, Awaited) {
        Self::new(ledgers, vec![account], Some(relief))
    }

    fn new(ledgers: &Ledgers, accounts: Vec<Account>, relief: Option<Relief>) -> (Self, Awaited) {
        let (reply, awaited) = oneshot::channel();
        let due = Tick(ledgers.now().tick.0.saturating_add(ledgers.settings.deadline.as_micros() as i64));
        (Self { accounts, relief, due, reply }, Awaited(awaited))
    }
}

impl Awaited {
    /// # Errors
    ///
    /// The server did not answer, or did not do it.
    pub(crate) async fn done(self) -> Result<(), Fault> {
        self.0.await.map_err(|_| Fault("redis: it does not answer".to_owned()))
    }
}

impl Desk {
    /// Sends the errands whose accounts are not busy, before the requests that wait for those.
    pub(crate) fn run_errands(&mut self) {
        for errand in std::mem::take(&mut self.errands) {
            let busy = |account: &Account| self.queue.is_busy(*account);
            if errand.accounts.iter().any(|account| self.is_avoided(*account)) {
                drop(errand); // Nobody asks its server for now.
            } else if errand.accounts.iter().any(busy) {
                self.errands.push(errand);
            } else {
                let accounts = errand.accounts.clone();
                self.call(&accounts, Vec::<Candidate>::new(), Some(errand));
            }
        }
    }

    /// The accounts that errands wait for.
    pub(crate) fn errands_accounts(&self) -> impl Iterator<Item = Account> {
        self.errands.iter().flat_map(|errand| &errand.accounts).copied()
    }

    /// Does here what the server has done; says whether nobody waits any more who would.
    pub(crate) fn conclude_errand(&mut self, call: &mut Call, answer: &Answer) -> bool {
        let Some(errand) = call.errand.take() else { return call.relief.is_some() };
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
        // Who has stopped waiting does not want to know.
        let _ = errand.reply.send(());
        false
    }

    /// Drops the errands that have waited in vain.
    pub(crate) fn drop_late_errands(&mut self) {
        let now = self.now.tick;
        self.errands.retain(|errand| errand.due > now);
        let late: SmallVec<[Errand; 4]> = self
            .calls
            .values_mut()
            .filter_map(|call| call.errand.take_if(|errand| errand.due <= now))
            .collect();
        drop(late);
    }
}
