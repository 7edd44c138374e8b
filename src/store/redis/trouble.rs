//! What can be wrong with an answer, and what follows from it.

use std::fmt;

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a server could not be asked. Its text names no key, no address and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection, or it broke.
    Gone,
    /// No answer in time.
    Late,
    /// The server answers, but not to this: the code of its error.
    Code(String),
    /// The user or the password is wrong, or may not do what is needed.
    Forbidden,
    /// A node of a cluster was named as if it were a server by itself.
    Clustered,
    /// An account is not what this store makes: something else writes under its prefix.
    Foreign,
    /// An answer that no server of this kind would give.
    Nonsense,
}

impl Trouble {
    pub(super) fn of(error: &RedisError) -> Self {
        match error.kind() {
            _ if error.is_timeout() => Self::Late,
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => Self::Forbidden,
            ErrorKind::Io
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
            | ErrorKind::ClusterConnectionNotFound => Self::Gone,
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Nonsense,
            _ => Self::of_code(error),
        }
    }

    /// Whether only the accounts of this call are concerned, and not the server.
    pub(super) const fn is_local(&self) -> bool {
        matches!(self, Self::Foreign)
    }

    fn of_code(error: &RedisError) -> Self {
        // Before Redis 7 a script reports the error that it ran into as its own, with the code in the text.
        let text = error.detail().unwrap_or_default();
        let codes = ["WRONGTYPE", "OOM", "READONLY", "NOAUTH", "WRONGPASS", "NOPERM", "MISCONF", "LOADING"];
        let inner = codes.into_iter().find(|code| text.contains(code));
        match inner.or_else(|| error.code()) {
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Self::Forbidden,
            Some("CROSSSLOT" | "MOVED" | "ASK" | "CLUSTERDOWN") => Self::Clustered,
            Some("WRONGTYPE") => Self::Foreign,
            Some(code) => Self::Code(code.chars().filter(char::is_ascii_alphabetic).take(20).collect()),
            None => Self::Nonsense,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("no connection"),
            Self::Late => f.write_str("no answer in time"),
            Self::Code(code) => write!(f, "it answers {code}"),
            Self::Forbidden => f.write_str("it does not accept the user, the password or what they are for"),
            Self::Clustered => {
                f.write_str("it is a node of a cluster, whose URI begins with redis+cluster://")
            }
            Self::Foreign => f.write_str("an account is not a hash: something else writes under the prefix"),
            Self::Nonsense => f.write_str("its answers make no sense"),
        }
    }
}
