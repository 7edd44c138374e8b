//! Why something was not done.

use std::fmt;

use crate::db::Trouble;
use crate::thing::{Refused, Wrong};

/// Why a change was not made. Nothing has changed then, but for [`Unavailable`](Self::Unavailable), where nobody may know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// What is wrong with it, all at once.
    #[error("{}", lines(.0))]
    Wrong(Vec<Wrong>),
    /// Somebody uses what it deletes: `policy published`, `site shop.example`, …
    #[error("used by {}", .0.join(", "))]
    InUse(Vec<String>),
    /// It cannot stand beside what is there.
    #[error("{0}")]
    Conflict(String),
    /// What is there was put at another revision than expected.
    #[error("it was changed; it is at revision {revision}")]
    Stale {
        /// The revision at which it was put.
        revision: u64,
    },
    /// It is not there.
    #[error("there is none of this name")]
    Missing,
    /// It is there already.
    #[error("there is one of this name")]
    Exists,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    OtherBody,
    /// The database cannot be asked now. If it went away while the change was written, the change may have been made: the
    /// audit tells, and the same idempotency key asks safely again.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<Refused> for ChangeError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong(wrong) => Self::Wrong(wrong),
            Refused::InUse(users) => Self::InUse(users),
            Refused::Conflict(why) => Self::Conflict(why),
        }
    }
}

fn lines(wrong: &[Wrong]) -> String {
    wrong.iter().map(Wrong::to_string).collect::<Vec<_>>().join("\n")
}

/// The database cannot be asked now, or has not answered a question in time; the rules in force stay.
///
/// Displays as why, without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    why: String,
    is_slow: bool,
}

impl Unavailable {
    /// Whether this question took too long, and others may be answered.
    pub(crate) const fn is_slow(&self) -> bool {
        self.is_slow
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Unavailable {}

impl From<Trouble> for Unavailable {
    fn from(trouble: Trouble) -> Self {
        Self { why: trouble.to_string(), is_slow: matches!(trouble, Trouble::Slow(_)) }
    }
}

/// Why control cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database's URI, which is not quoted, for it may hold a password.
    #[error("the database's URI: {0}")]
    Uri(&'static str),
    /// The database cannot be asked, and there is no copy of what it held.
    #[error("{database}: {why}")]
    Database {
        /// Its URI without the password.
        database: String,
        /// Why.
        why: String,
    },
    /// The operating system has no threads to give.
    #[error("no thread for the database: {0}")]
    Threads(String),
}

/// A budget in which nothing can be put in force afterwards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotGoverned(pub(crate) String);
