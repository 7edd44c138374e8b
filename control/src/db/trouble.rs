//! What can go wrong with a database, in words without its password.

use sqlx::Error;

use crate::db::Database;

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// It cannot be asked, or cannot write: it may heal by itself.
    #[error("{0}")]
    Down(String),
    /// A [long question](Database::at_length) was not answered in time, which says nothing of the database.
    #[error("{0}")]
    Slow(String),
    /// It is of a newer version of this program.
    #[error(
        "its schema is of version {found}, and this program knows {known} at most; start a newer version"
    )]
    Newer { found: i64, known: i64 },
    /// What it holds is not taken by this version of the library.
    #[error("what the database holds does not fit: {0}")]
    Unfit(String),
    /// It holds another history than the one that is in force.
    #[error("{0}")]
    Lost(String),
}

impl Database {
    /// What an error says, without the password.
    pub(crate) fn trouble(&self, error: &Error) -> Trouble {
        if is_emptied(error) {
            let what = "the database has been emptied: what is in force does not stand in it any more; restore it, or, to \
                        begin anew, remove the last good copy and start again";
            return Trouble::Lost(what.to_owned());
        }
        if is_unreadable(error) {
            return Trouble::Unfit(error.to_string());
        }
        let text = match error {
            Error::Database(error) => format!("the database says: {}", error.message()),
            Error::PoolTimedOut => self.silence(),
            Error::Io(error) => format!("the database cannot be reached: {error}"),
            other => format!("the database cannot be asked: {other}"),
        };
        Trouble::Down(match &self.uri().password {
            Some(password) => text.replace(password.as_str(), "…"),
            None => text,
        })
    }

    /// What is said where nothing was heard.
    pub(crate) fn silence(&self) -> String {
        format!("the database has not answered within {} ms", self.patience().as_millis())
    }
}

/// Whether what was answered is nothing that this version of the program writes.
const fn is_unreadable(error: &Error) -> bool {
    use Error::{ColumnDecode, ColumnIndexOutOfBounds, ColumnNotFound, Decode, TypeNotFound};
    matches!(
        error,
        Decode(_)
            | ColumnDecode { .. }
            | ColumnNotFound(_)
            | ColumnIndexOutOfBounds { .. }
            | TypeNotFound { .. }
    )
}

/// Whether the database has given up a question that took too long, or has waited too long for whoever has locked
/// what it is about.
pub(super) fn is_given_up(error: &Error) -> bool {
    match error {
        Error::Database(error) => matches!(error.code().as_deref(), Some("57014" | "55P03")),
        _ => false,
    }
}

/// Whether tables are missing that were there, or the one row that is always there.
fn is_emptied(error: &Error) -> bool {
    match error {
        Error::RowNotFound => true,
        Error::Database(error) => {
            let is_of_postgres = error.code().as_deref() == Some("42P01");
            is_of_postgres || error.message().starts_with("no such table")
        }
        _ => false,
    }
}
