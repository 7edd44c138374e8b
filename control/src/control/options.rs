//! How control is opened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use timebudget::{AddressPolicy, Clock, SystemClock};

/// Where the database is, and what else is to be known before it is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// `sqlite://FILE`, or `postgres://USER:PASSWORD@HOST/NAME`.
    pub database: String,
    /// The file of the last good copy, from which a node starts without its database; none is kept by default.
    ///
    /// It holds digests of tokens and keys: only its owner can read it.
    pub copy: Option<PathBuf>,
    /// How long the database may take for an answer; two seconds by default.
    pub patience: Duration,
    /// How long a session lasts; twelve hours by default.
    pub session: TimeDelta,
    /// The token of the first owner of a new database; by default one is made.
    pub owner_token: Option<String>,
    /// Whether browsers reach the pages over HTTPS, so that cookies are to travel over nothing else; no by default.
    pub https: bool,
    /// How it is found where a request comes from, for the audit and for the limit on guesses: by default it is the peer's
    /// address, and no proxy is trusted.
    pub addresses: AddressPolicy,
    /// How many bytes the requests of the last hour may take, so that drafts can be tried on them; none are kept by default.
    ///
    /// A request takes about a hundred. They are in memory alone, with the clients' addresses, and for an hour at most.
    pub recent_bytes: usize,
    clock: Option<Arc<dyn Clock>>,
}

impl Options {
    /// A database, and otherwise what the fields say.
    pub fn new(database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            copy: None,
            patience: Duration::from_secs(2),
            session: TimeDelta::hours(12),
            owner_token: None,
            https: false,
            addresses: AddressPolicy::default(),
            recent_bytes: 0,
            clock: None,
        }
    }

    /// The same with a file for the last good copy, mostly `timebudget-control.json` beside the site files.
    #[must_use]
    pub fn with_copy(self, file: impl Into<PathBuf>) -> Self {
        Self { copy: Some(file.into()), ..self }
    }

    /// The same with the token of the first owner.
    #[must_use]
    pub fn with_owner_token(self, token: impl Into<String>) -> Self {
        Self { owner_token: Some(token.into()), ..self }
    }

    /// The same for pages that browsers reach over HTTPS, mostly through a proxy that ends it.
    #[must_use]
    pub fn with_https(self) -> Self {
        Self { https: true, ..self }
    }

    /// The same behind proxies that are trusted to say for whom they speak. Behind one that nobody trusts, all share the limit
    /// on guesses, and the audit shows the proxy's address.
    #[must_use]
    pub fn with_addresses(self, addresses: AddressPolicy) -> Self {
        Self { addresses, ..self }
    }

    /// The same with room for the requests of the last hour, which [`Control::recording`](crate::Control::recording) keeps.
    #[must_use]
    pub fn with_recent_requests(self, bytes: usize) -> Self {
        Self { recent_bytes: bytes, ..self }
    }

    /// The same with another time in which the database answers.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same with another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Some(Arc::new(clock)), ..self }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()))
    }
}

impl fmt::Debug for Options {
    /// Shows neither the database, which may have a password, nor the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("copy", &self.copy)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
