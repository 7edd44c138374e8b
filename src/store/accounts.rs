//! Accounts one by one, between requests: listed, read, granted more, and reset.
//!
//! An account is a line, and lines add up. So more is granted, and what was spent is forgotten, by taking it off a line of
//! the store's own, and both are exact whatever runs meanwhile, in this process or in another. A store of several processes
//! publishes its line as it does after a settlement; that line may then be below 0, and the sum of all is what counts.

use std::future::ready;
use std::pin::Pin;

use crate::model::KeyHash;
use crate::store::{Book, Fault, Standing};

/// What a store says of accounts, once it has asked whomever it has to ask.
pub type Answering<T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send>>;

/// One account, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listed {
    /// Which limit's account.
    pub book: Book,
    /// Whose: a key that the store takes for the account's.
    ///
    /// A store that keeps less than the whole key says what it has; it always says the same of an account.
    pub key: KeyHash,
    /// Whether it is one that newcomers share, for want of room.
    pub is_shared: bool,
    /// What has been charged in this window less what was granted, in the limit's unit: below 0 where that is more. Of a
    /// cap, the requests that run.
    pub net: i64,
    /// Where it stands for one that asks now.
    pub standing: Standing,
}

/// What is changed of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relief {
    /// So much more may be spent until the window ends, in the limit's unit.
    Grant(u64),
    /// What has been charged is forgotten. What was granted beyond that stays.
    Reset,
}

/// What a store answers that keeps no accounts of its own.
pub(crate) fn unsupported<T: Send + 'static>() -> Answering<T> {
    Box::pin(ready(Err(Fault("this store cannot say which accounts it has".to_owned()))))
}
