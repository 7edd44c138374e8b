//! What the URI of servers says: how they are spoken to, and what is decided while they do not answer.
//!
//! A [`RedisUri`] is parsed once and keeps two things apart: the [`Settings`], which the store works by and which hold secrets,
//! and what may be shown of the text. A URI is shown in three places, to whoever runs the program, in errors and in logs, and in
//! none of them does a password stand: a login is `…@`, and in logs no free text is left at all, because where an `&` was
//! forgotten a secret is the end of the value before it.
//!
//! Each parameter has bounds that are checked here, so that nothing below asks again: `sync` is 10 ms to 1 s, `deadline` 10 s
//! at most, a prefix 1 to 64 printable characters without braces.
//!
//! | parameter | is | unless it is said |
//! |---|---|---|
//! | `mode` | `exact`: every admission asks; `batched`: lines are exchanged between requests | `exact` |
//! | `sync` | how often lines are exchanged, `10ms` to `1s` | `250ms` |
//! | `deadline` | how long a request waits for an answer, `1ms` to `10s` | `100ms` |
//! | `on_store_fault` | `local`, `allow` or `refuse`: what is decided while nobody answers | `local` |
//! | `prefix` | what all keys begin with | `tb` |
//! | `secret` | what keys are hashed with, beside the prefix | the password |
//! | `max_accounts` | how many accounts this process holds | 1,000,000 |
//! | `db` | the database behind a socket | 0 |
//! | `ca`, `cert`, `key` | files for TLS | what the system trusts; no certificate |
//! | `sentinel_user`, `sentinel_password` | the login of the sentinels | none |

use std::fmt;
use std::time::Duration;

use crate::model::KeyHasher;
use crate::store::memory::Memory;
use crate::store::redis::topology::{CA, CERT, KEY, TlsFiles, Topology};
use crate::store::uri::parameter::{
    PREFIX_EXPECTED, Parts, UriFault, beginning, decoded, duration, is_prefix, known_name, max_accounts,
    one_of, text, twice,
};

/// Where the servers are and how they are spoken to.
///
/// A clone is handed to the ledgers, the task and each connection: it is never changed once the store is open.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) topology: Topology,
    /// The files of a connection through TLS; `None` if it is not encrypted.
    pub(crate) tls: Option<TlsFiles>,
    /// To the servers that keep accounts.
    pub(crate) login: Login,
    /// To the sentinels, which have users of their own; they are never told the login of the servers.
    pub(crate) sentinel_login: Login,
    /// The database behind a socket; the other topologies have their own.
    pub(crate) socket_database: Option<i64>,
    /// How limits of time are shared; limits of requests and caps always ask.
    pub(crate) mode: SyncMode,
    /// How often lines are published and read in batched mode.
    pub(crate) sync: Duration,
    /// How long a request waits for an answer.
    pub(crate) deadline: Duration,
    /// What all keys begin with, so that several applications can share a server.
    pub(crate) prefix: String,
    /// What is decided while the server cannot be asked.
    pub(crate) on_fault: OnFault,
    /// How many accounts this process holds at most.
    pub(crate) max_accounts: usize,
    /// What keys are hashed with, where the URI says so: all processes that share accounts need the same one. Without it the
    /// secret follows from the prefix, so that processes agree without a word, and who knows the prefix could choose keys that
    /// collide.
    secret: Option<String>,
}

/// Who this process says it is to a server. Without either it says nothing, and is whoever the server calls `default`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// How time limits are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncMode {
    /// Every admission asks.
    ///
    /// One round trip per admission, but none for an account whose settled spend fills the quota. The script decides, so no two
    /// processes can admit into the same room.
    Exact,
    /// Lines are exchanged between requests.
    ///
    /// No round trip in the way of a request: it is decided by lines that are `sync` old at most, so all processes together can
    /// spend more than the quota by what they run in that time.
    Batched,
}

/// What is decided while the server cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFault {
    /// What the last known lines and an equal share of the rest allow.
    ///
    /// The share is drawn once per outage, so a process cannot spend its share anew with each decision.
    Local,
    /// Everything is admitted, and charged.
    ///
    /// Nobody is locked out by a server that is down; what is charged meanwhile is published when it answers again.
    Allow,
    /// Everything is refused with 503.
    ///
    /// For limits that must never be exceeded, such as those of a paid service: the store's fault is the client's.
    Refuse,
}

/// How long a request waits for an answer: long enough for a server that is well, where eight threads want two cores.
const DEFAULT_DEADLINE: Duration = Duration::from_millis(100);

/// A line of a process with running requests is published at least once a second.
const SLOWEST_SYNC: Duration = Duration::from_secs(1);
const QUICKEST_SYNC: Duration = Duration::from_millis(10);
const LONGEST_DEADLINE: Duration = Duration::from_secs(10);

/// The parameters that there are.
pub(crate) const PARAMETERS: &[&str] = &[
    "mode",
    "sync",
    "deadline",
    "prefix",
    "on_store_fault",
    "max_accounts",
    "secret",
    "sentinel_user",
    "sentinel_password",
    DATABASE,
    CA,
    CERT,
    KEY,
];

const DATABASE: &str = "db";

impl Settings {
    /// What a URI says without parameters.
    pub(crate) fn new(scheme: &str, topology: Topology, login: &str) -> Result<Self, UriFault> {
        Ok(Self {
            topology,
            tls: scheme.starts_with("rediss").then(TlsFiles::default),
            login: Login::parse(login)?,
            sentinel_login: Login::default(),
            socket_database: None,
            mode: SyncMode::Exact,
            sync: Duration::from_millis(250),
            deadline: DEFAULT_DEADLINE,
            prefix: "tb".to_owned(),
            on_fault: OnFault::Local,
            max_accounts: Memory::DEFAULT_MAX_ACCOUNTS,
            secret: None,
        })
    }

    /// The settings of a URI that is sound.
    #[cfg(test)]
    pub(crate) fn of_text(uri: &str) -> Self {
        let (scheme, rest) = uri.split_once("://").unwrap();
        RedisUri::parse(scheme, rest).ok().unwrap().settings().clone()
    }

    /// Takes a parameter that is one of [`PARAMETERS`].
    pub(crate) fn set(&mut self, name: &str, value: String) -> Result<(), UriFault> {
        match name {
            "mode" => {
                let choices = [("exact", SyncMode::Exact), ("batched", SyncMode::Batched)];
                self.mode = one_of(name, &value, &choices)?;
            }
            "sync" => self.sync = duration(name, &value, QUICKEST_SYNC, SLOWEST_SYNC)?,
            "deadline" => self.deadline = duration(name, &value, Duration::from_millis(1), LONGEST_DEADLINE)?,
            "prefix" => self.prefix = prefix(value)?,
            "on_store_fault" => {
                let choices =
                    [("local", OnFault::Local), ("allow", OnFault::Allow), ("refuse", OnFault::Refuse)];
                self.on_fault = one_of(name, &value, &choices)?;
            }
            "max_accounts" => self.max_accounts = max_accounts(name, &value)?,
            "secret" => self.secret = Some(text(name, value)?),
            "sentinel_user" => self.sentinel_login.user = Some(text(name, value)?),
            "sentinel_password" => self.sentinel_login.password = Some(text(name, value)?),
            DATABASE => self.socket_database = Some(database(&value)?),
            file => self.set_file(file, value)?,
        }
        Ok(())
    }

    fn set_file(&mut self, name: &str, value: String) -> Result<(), UriFault> {
        match &mut self.tls {
            Some(files) => files.set(name, text(name, value)?),
            None => {
                return Err(UriFault::new(name, "means nothing without TLS; expected a scheme with rediss"));
            }
        }
        Ok(())
    }

    /// # Errors
    ///
    /// Parameters that do not fit together.
    pub(crate) fn check(&self) -> Result<(), UriFault> {
        let is_sentinel = matches!(self.topology, Topology::Sentinel { .. });
        if !is_sentinel && self.sentinel_login != Login::default() {
            let name = if self.sentinel_login.user.is_some() { "sentinel_user" } else { "sentinel_password" };
            return Err(UriFault::new(name, "means nothing without sentinels; expected redis+sentinel://"));
        }
        if self.socket_database.is_some() && !matches!(self.topology, Topology::Unix(_)) {
            return Err(UriFault::new(DATABASE, "is for redis+unix://; expected the database in the path"));
        }
        self.tls.as_ref().map_or(Ok(()), TlsFiles::check_pair)
    }

    /// What keys are hashed with: the same in every process with the same prefix and secret.
    ///
    /// Without a secret the server's password stands in for it, and without that nothing does: then whoever knows the
    /// prefix can tell which account a key has.
    pub(crate) fn hash_secret(&self) -> [u8; 16] {
        let secret = self.secret.as_ref().or(self.login.password.as_ref());
        let mut text = self.prefix.clone().into_bytes();
        text.push(0);
        text.extend_from_slice(secret.map_or(&[], String::as_bytes));
        let words = KeyHasher::new(*b"timebudget redis").hash(&text).0;
        let mut bytes = [0; 16];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, UriFault> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let given = |part, text: &str| -> Result<Option<String>, UriFault> {
            if text.is_empty() { Ok(None) } else { decoded(part, text).map(Some) }
        };
        Ok(Self { user: given("user", user)?, password: given("password", password)? })
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.user.is_none() && self.password.is_none()
    }
}

impl fmt::Debug for Settings {
    /// Shows nothing that was written freely: a password can stand where it was not meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("tls", &self.tls.is_some())
            .field("mode", &self.mode)
            .field("sync", &self.sync)
            .field("deadline", &self.deadline)
            .field("on_fault", &self.on_fault)
            .field("max_accounts", &self.max_accounts)
            .finish_non_exhaustive()
    }
}

fn prefix(value: String) -> Result<String, UriFault> {
    match is_prefix(&value) {
        true => Ok(value),
        false => {
            let shown = beginning(&value);
            Err(UriFault::new("prefix", format!("\"{shown}\": expected {PREFIX_EXPECTED}")))
        }
    }
}

fn database(value: &str) -> Result<i64, UriFault> {
    let number = value.parse::<u16>().map(i64::from);
    number.map_err(|_| UriFault::new(DATABASE, "expected a number such as 0"))
}

/// The URI of one server, of sentinels or of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RedisUri {
    scheme: &'static str,
    settings: Settings,
    /// What may be shown of the parameters, in their order.
    shown: Vec<Shown>,
}

/// A parameter as it may be shown.
#[derive(Clone, PartialEq, Eq)]
struct Shown {
    name: &'static str,
    /// To who runs the program.
    value: String,
    /// In logs.
    in_logs: String,
}

/// Parameters whose sound values hold no free text.
const CLOSED: [&str; 6] = ["mode", "sync", "deadline", "on_store_fault", "max_accounts", "db"];

/// Parameters whose values are a secret, or half of one.
const SECRET: [&str; 3] = ["secret", "sentinel_user", "sentinel_password"];

const PREFIX: &str = "prefix";

impl RedisUri {
    /// The URI with this scheme and text.
    pub(crate) fn parse(scheme: &str, rest: &str) -> Result<Self, UriFault> {
        let parts = Parts::new(rest)?;
        let (scheme, topology) = Topology::parse(scheme, parts.place)?;
        let mut uri =
            Self { scheme, settings: Settings::new(scheme, topology, parts.login)?, shown: Vec::new() };
        for (name, value) in parts.parameters {
            let name = known_name(name, PARAMETERS)?;
            if uri.shown.iter().any(|shown| shown.name == name) {
                return Err(twice(name));
            }
            uri.settings.set(name, decoded(name, value)?)?;
            uri.shown.push(Shown::new(name, value));
        }
        uri.settings.check()?;
        Ok(uri)
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        self.scheme
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the URI says what all keys begin with.
    pub(crate) fn has_prefix(&self) -> bool {
        self.shown.iter().any(|shown| shown.name == PREFIX)
    }

    /// The URI with another prefix of its keys.
    pub(crate) fn with_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.settings.prefix);
        self.shown.retain(|shown| shown.name != PREFIX);
        self.shown.push(Shown::new(PREFIX, &prefix.replace('%', "%25").replace('&', "%26")));
        self
    }
}

impl Shown {
    fn new(name: &'static str, value: &str) -> Self {
        let hidden = || "…".to_owned();
        let is_closed = CLOSED.contains(&name);
        // A forgotten & makes of a secret the end of the text before it.
        let is_plain = !SECRET.contains(&name) && !value.contains('=');
        Self {
            name,
            value: if is_closed || is_plain { value.to_owned() } else { hidden() },
            in_logs: if is_closed { value.to_owned() } else { hidden() },
        }
    }
}

impl fmt::Display for RedisUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.settings.login.is_empty() { "" } else { "…@" };
        write!(f, "{}://{login}{}", self.scheme, self.settings.topology)?;
        parameters(f, self.shown.iter().map(|shown| (shown.name, &*shown.value)))
    }
}

impl fmt::Debug for RedisUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.scheme)?;
        parameters(f, self.shown.iter().map(|shown| (shown.name, &*shown.in_logs)))
    }
}

fn parameters<'a>(
    f: &mut fmt::Formatter<'_>,
    shown: impl Iterator<Item = (&'static str, &'a str)>,
) -> fmt::Result {
    for (at, (name, value)) in shown.enumerate() {
        write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
    }
    Ok(())
}
