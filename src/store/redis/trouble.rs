//! What can be wrong with an answer, and what follows from it.
//!
//! A trouble is one of three kinds, and what follows from it is the desk's to decide:
//!
//! - of the connection ([`Trouble::Gone`], [`Trouble::Late`] and all that keeps one from being made): it is given up, and another one is
//!   tried;
//! - of this call's accounts alone ([`Trouble::is_local`]): these are decided here, and the connection stays;
//! - of the configuration, such as a wrong password: tried again all the same, for an operator may mend it on the server.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use rustls::CertificateError;

/// Why a server could not be asked. Its text names no key, no address and no password.
///
/// It is what the log says of a failure, in words for an operator: each kind is told once until it is over, so two troubles that are
/// equal must read the same. It has nothing of a URI in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection, or it broke.
    Gone,
    /// No answer in time.
    Late,
    /// The server answers, but not to this: the code of its error.
    Code(String),
    /// The server's certificate is not trusted, and why.
    Untrusted(&'static str),
    /// The server does not accept this process's certificate, or that it has none.
    Unwelcome,
    /// Through TLS the two do not understand each other.
    NoTls,
    /// This process's own files of certificates and keys cannot be read.
    Certificates(String),
    /// The sentinels know no service of this name.
    NoService,
    /// The user or the password is wrong.
    WrongLogin,
    /// The user may not do what is needed, and what, if it is known.
    Forbidden(Option<&'static str>),
    /// A node of a cluster was named as if it were a server by itself.
    Clustered,
    /// An account is not what this store makes: something else writes under its prefix.
    Foreign,
    /// An answer that no server of this kind would give.
    Nonsense,
}

impl Trouble {
    /// The trouble that an error of the client means; its text may have a key in it, and is dropped.
    pub(crate) fn from_error(error: &RedisError) -> Self {
        if let Some(trouble) = of_tls(error) {
            return trouble;
        }
        match error.kind() {
            _ if error.is_timeout() => Self::Late,
            ErrorKind::AuthenticationFailed => Self::WrongLogin,
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::Forbidden(denied(error)),
            ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => Self::Gone,
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Nonsense,
            _ => Self::of_code(error),
        }
    }

    /// Whether only the accounts of this call are concerned, and not the server.
    pub(crate) const fn is_local(&self) -> bool {
        matches!(self, Self::Foreign)
    }

    fn of_code(error: &RedisError) -> Self {
        // Before Redis 7 a script reports the error that it ran into as its own, with the code in the text.
        let text = error.detail().unwrap_or_default();
        let codes = ["WRONGTYPE", "OOM", "READONLY", "NOAUTH", "WRONGPASS", "NOPERM", "MISCONF", "LOADING"];
        let inner = codes.into_iter().find(|code| text.contains(code));
        // What a script may not do has no code of its own in Redis 7.0, and a database that may not be chosen never has.
        let is_denied = ["no permissions", "can't run this command", "can't access"];
        if is_denied.into_iter().any(|words| text.contains(words)) {
            return Self::Forbidden(denied(error));
        }
        match inner.or_else(|| error.code()) {
            Some("NOAUTH" | "WRONGPASS") => Self::WrongLogin,
            Some("NOPERM") => Self::Forbidden(denied(error)),
            Some("CROSSSLOT") => Self::Clustered,
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
            Self::Untrusted(why) => write!(f, "the server's certificate is not trusted: {why}"),
            Self::Unwelcome => f.write_str("it does not accept this process's certificate, or wants one"),
            Self::NoTls => f.write_str("it does not speak TLS, or none that this process speaks"),
            Self::Certificates(fault) => write!(f, "{fault}"),
            Self::NoService => f.write_str("the sentinels know no service of this name"),
            Self::WrongLogin => f.write_str("it does not accept the user or the password"),
            Self::Forbidden(Some(command)) => {
                write!(f, "the user may not call {command}; docs/redis.md lists what is needed")
            }
            Self::Forbidden(None) => {
                f.write_str("the user may not do what is needed; docs/redis.md lists it")
            }
            Self::Clustered => {
                f.write_str("it is a node of a cluster, whose URI begins with redis+cluster://")
            }
            Self::Foreign => f.write_str("an account is not a hash: something else writes under the prefix"),
            Self::Nonsense => f.write_str("its answers make no sense"),
        }
    }
}

/// What a user needs to be allowed to call, as docs/redis.md lists it.
const NEEDED: [&str; 14] = [
    "evalsha",
    "eval",
    "time",
    "hgetall",
    "hsetnx",
    "hset",
    "hincrby",
    "hdel",
    "pexpireat",
    "select",
    "ping",
    "cluster",
    "sentinel",
    "scan",
];

/// The command that the server has denied, if its message names one that is needed.
fn denied(error: &RedisError) -> Option<&'static str> {
    let text = error.detail()?.to_ascii_lowercase();
    let words = || text.split(|letter: char| !letter.is_ascii_alphabetic());
    NEEDED.into_iter().find(|command| words().any(|word| word == *command))
}

/// The trouble with TLS that an error is, if it is one.
fn of_tls(error: &RedisError) -> Option<Trouble> {
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(fault) => Some(Trouble::Untrusted(why_untrusted(fault))),
        // What else the other side may say is about keys and certificates of this side.
        rustls::Error::AlertReceived(_) => Some(Trouble::Unwelcome),
        _ => Some(Trouble::NoTls),
    }
}

/// The error of TLS in an error of the client: it lies in one of I/O, and that behind a counted reference.
fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let source = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    let io: &io::Error = source.downcast_ref()?;
    io.get_ref()?.downcast_ref()
}

/// Why a certificate is not trusted. The texts are the same at each attempt, so that each is logged once.
const fn why_untrusted(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::UnknownIssuer => "its issuer is unknown; ca=FILE names a private authority",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is not for the host that the URI names"
        }
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadSignature => "its signature is wrong",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers"
        }
        _ => "it cannot be verified",
    }
}
