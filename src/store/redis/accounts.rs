//! Accounts one by one, of all processes: the servers say which there are, and each is read by an exchange.
//!
//! A list goes in two steps. Every server is looked through for the names of the books' accounts, a thousand keys at a time; then each
//! account that was found, or that this process has and no server knows yet, is read by an exchange as a request would, 64 to a call
//! and 16 calls at once. So nothing that is listed is older than its own answer.
//!
//! To grant and to reset is to put a line of this process's own below 0, in the same step in which the server adds all lines up: exact,
//! whatever others charge meanwhile.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use super::desk::{Awaited, Errand, Event};
use super::ledger::Ledgers;
use super::script::{Account, Names, canonical};
use super::task::Inbox;
use crate::model::{KeyHash, Now};
use crate::store::{Book, Fault, Listed, Relief, SharedOut};

/// Accounts that are read in one call.
const READ_AT_ONCE: usize = 64;

/// Calls that are under way at once.
const CALLS_AT_ONCE: usize = 16;

/// Whoever looks after the accounts of a store.
///
/// What it says is true for all processes at one moment between the question and the answer: the lines of each account are summed
/// by the script that reads them. Between two accounts of a list a moment may lie.
pub(crate) struct Keeper {
    ledgers: Arc<Ledgers>,
    inbox: Option<Inbox>,
}

impl Keeper {
    /// Without an inbox the store has not begun.
    pub(crate) fn new(ledgers: &Arc<Ledgers>, inbox: Option<&Inbox>) -> Self {
        Self { ledgers: Arc::clone(ledgers), inbox: inbox.cloned() }
    }

    /// Those that have spent most, of each book so many; of a million keys at most.
    ///
    /// Amounts are those of each book: microseconds, requests, or places that are taken.
    ///
    /// # Errors
    ///
    /// A server that does not answer: a list without some accounts would be taken for whole.
    pub(crate) async fn list(self, books: Vec<Book>, most: usize, now: Now) -> Result<Vec<Listed>, Fault> {
        let accounts = self.found(&books, most, now).await?;
        let parts = self.parts(&accounts);
        for parts in parts.chunks(CALLS_AT_ONCE) {
            let mut awaited = Vec::new();
            for part in parts {
                awaited.push(self.send(Errand::read(&self.ledgers, part.clone()))?);
            }
            for awaited in awaited {
                awaited.done().await?;
            }
        }
        let listed = accounts.into_iter().map(|account| self.ledgers.listed(account, now));
        Ok(largest(&books, most, listed.filter(|account| account.net != 0 || account.standing.admitted > 0)))
    }

    /// Where an account stands.
    ///
    /// # Errors
    ///
    /// The server did not answer within the deadline.
    pub(crate) async fn read(self, book: Book, key: KeyHash, now: Now) -> Result<Listed, Fault> {
        let account = self.ledgers.account(book, canonical(key));
        self.send(Errand::read(&self.ledgers, vec![account]))?.done().await?;
        Ok(self.ledgers.listed(account, now))
    }

    /// How an account is shared out, and what a client has had of it: both lie where the account itself does.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(crate) async fn read_shares(
        self,
        book: Book,
        key: KeyHash,
        client: KeyHash,
        now: Now,
    ) -> Result<SharedOut, Fault> {
        let home = self.ledgers.account(book, canonical(key)).home;
        let clients = Account { book: book.of_clients(), key: canonical(key), home };
        let share = Account { book: book.of_shares(), key: canonical(client), home };
        self.send(Errand::read(&self.ledgers, vec![clients, share]))?.done().await?;
        let net = |account| self.ledgers.listed(account, now).net;
        Ok(SharedOut::new(net(clients), net(share)))
    }

    /// Relieves an account, for all processes.
    pub(crate) async fn relieve(
        self,
        book: Book,
        key: KeyHash,
        relief: Relief,
        now: Now,
    ) -> Result<Listed, Fault> {
        let account = self.ledgers.account(book, canonical(key));
        let errand = match self.ledgers.is_windowed(book, now) {
            true => Errand::relieve(&self.ledgers, account, relief),
            // A cap has nothing that could be granted.
            false => Errand::read(&self.ledgers, vec![account]),
        };
        self.send(errand)?.done().await?;
        Ok(self.ledgers.listed(account, now))
    }

    /// The accounts that the servers have, and those that this process has and the servers do not know yet.
    ///
    /// Those that only this process knows are charged and not yet published, or run.
    async fn found(&self, books: &[Book], most: usize, now: Now) -> Result<Vec<Account>, Fault> {
        let inbox = self.inbox.as_ref().ok_or_else(unasked)?;
        let names = Names::new(&self.ledgers.settings.prefix, self.ledgers.windows(books, now));
        let there = inbox.scan(names).await.map_err(|trouble| Fault(format!("redis: {trouble}")))?;
        let here = self.ledgers.largest(books, most, now);
        let all: HashSet<Account> = there.into_iter().chain(here).collect();
        Ok(all.into_iter().collect())
    }

    /// The accounts by the calls that they are read in: in a cluster a call sees those of one home only.
    fn parts(&self, accounts: &[Account]) -> Vec<Vec<Account>> {
        let most = if self.ledgers.is_clustered() { 1 } else { READ_AT_ONCE };
        accounts.chunks(most).map(<[Account]>::to_vec).collect()
    }

    fn send(&self, (errand, awaited): (Errand, Awaited)) -> Result<Awaited, Fault> {
        let is_told = self.inbox.as_ref().is_some_and(|inbox| inbox.tell(Event::Errand(errand)));
        is_told.then_some(awaited).ok_or_else(unasked)
    }
}

fn unasked() -> Fault {
    Fault("redis: it cannot be asked".to_owned())
}

/// Of each book those with the largest numbers, in the order of the books; of equal ones those with the smaller key.
fn largest(books: &[Book], most: usize, listed: impl Iterator<Item = Listed>) -> Vec<Listed> {
    let mut of_books: Vec<Vec<Listed>> = books.iter().map(|_| Vec::new()).collect();
    for listed in listed {
        if let Some(at) = books.iter().position(|book| *book == listed.book) {
            of_books[at].push(listed);
        }
    }
    for listed in &mut of_books {
        listed.sort_by_key(|account| (Reverse(account.net), account.key.0));
        listed.truncate(most);
    }
    of_books.concat()
}
