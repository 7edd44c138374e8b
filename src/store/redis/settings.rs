//! What a store's URI says.

use std::fmt;
use std::time::Duration;

use crate::model::key::KeyHasher;
use crate::model::nearest::nearest;
use crate::store::uri::{PREFIX_EXPECTED, UriError, UriFault, is_prefix};

/// Where the servers are and how they are spoken to.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) topology: Topology,
    /// Host and port of each node, or of each sentinel.
    pub(super) nodes: Vec<(String, u16)>,
    pub(super) tls: bool,
    pub(super) login: Login,
    pub(super) sentinel_login: Login,
    pub(super) database: i64,
    pub(super) mode: SyncMode,
    /// How often lines are published and read in batched mode.
    pub(super) sync: Duration,
    /// How long a request waits for an answer.
    pub(super) deadline: Duration,
    pub(super) prefix: String,
    pub(super) on_fault: OnFault,
    secret: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Single,
    /// The service's name.
    Sentinel(String),
    Cluster,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

/// How time limits are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncMode {
    /// Every admission asks.
    Exact,
    /// Lines are exchanged between requests.
    Batched,
}

/// What is decided while the server cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFault {
    /// What the last known lines and an equal share of the rest allow.
    Local,
    /// Everything is admitted, and charged.
    Allow,
    /// Everything is refused with 503.
    Refuse,
}

/// A line of a process with running requests is published at least once a second.
const SLOWEST_SYNC: Duration = Duration::from_secs(1);
const QUICKEST_SYNC: Duration = Duration::from_millis(10);
const LONGEST_DEADLINE: Duration = Duration::from_secs(10);
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
const PARAMETERS: &[&str] =
    &["mode", "sync", "deadline", "prefix", "on_store_fault", "secret", "sentinel_user", "sentinel_password"];

impl Settings {
    pub(super) fn of_uri(uri: &str) -> Result<Self, UriError> {
        Self::parse(uri).map_err(|fault| fault.of(uri))
    }

    fn parse(uri: &str) -> Result<Self, UriFault> {
        let (scheme, rest) = uri.split_once("://").unwrap_or((uri, ""));
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, hosts) = place.rsplit_once('@').unwrap_or(("", place));
        let (hosts, path) = hosts.split_once('/').unwrap_or((hosts, ""));
        let (topology, tls, database) = topology(scheme, path)?;
        let port = if matches!(topology, Topology::Sentinel(_)) { SENTINEL_PORT } else { PORT };
        let mut settings = Self {
            nodes: nodes(hosts, port, &topology)?,
            topology,
            tls,
            login: Login::parse(login)?,
            sentinel_login: Login::default(),
            database,
            mode: SyncMode::Exact,
            sync: Duration::from_millis(250),
            deadline: Duration::from_millis(5),
            prefix: "tb".to_owned(),
            on_fault: OnFault::Local,
            secret: None,
        };
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            settings.set(name, decoded(value)?)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), UriFault> {
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
            "secret" => self.secret = Some(value),
            "sentinel_user" => self.sentinel_login.user = Some(value),
            "sentinel_password" => self.sentinel_login.password = Some(value),
            unknown => return Err(unknown_parameter(unknown)),
        }
        Ok(())
    }

    /// What keys are hashed with: the same in every process with the same prefix and secret.
    ///
    /// Without a secret the server's password stands in for it, and without that nothing does: then whoever knows the
    /// prefix can tell which account a key has.
    pub(super) fn hash_secret(&self) -> [u8; 16] {
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
        let given = |text: &str| -> Result<Option<String>, UriFault> {
            if text.is_empty() { Ok(None) } else { decoded(text).map(Some) }
        };
        Ok(Self { user: given(user)?, password: given(password)? })
    }
}

impl fmt::Debug for Settings {
    /// Shows no password and no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("topology", &self.topology)
            .field("nodes", &self.nodes)
            .field("tls", &self.tls)
            .field("mode", &self.mode)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn topology(scheme: &str, path: &str) -> Result<(Topology, bool, i64), UriFault> {
    let tls = scheme.starts_with("rediss");
    match scheme {
        "redis" | "rediss" => Ok((Topology::Single, tls, database(path)?)),
        "redis+cluster" | "rediss+cluster" if path.is_empty() => Ok((Topology::Cluster, tls, 0)),
        "redis+cluster" | "rediss+cluster" => {
            Err(UriFault::new("path", "a cluster has database 0 only; expected none"))
        }
        "redis+sentinel" | "rediss+sentinel" => {
            let (service, database_path) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(UriFault::new("path", "no service; expected /SERVICE after the sentinels"));
            }
            Ok((Topology::Sentinel(decoded(service)?), tls, database(database_path)?))
        }
        _ => Err(UriFault::new("scheme", "no such store")),
    }
}

fn database(path: &str) -> Result<i64, UriFault> {
    if path.is_empty() {
        return Ok(0);
    }
    let number = path.parse::<u16>().map(i64::from);
    number.map_err(|_| UriFault::new("database", "expected a number such as /0"))
}

fn nodes(hosts: &str, port: u16, topology: &Topology) -> Result<Vec<(String, u16)>, UriFault> {
    let nodes: Vec<_> = hosts.split(',').map(|host| node(host, port)).collect::<Result<_, _>>()?;
    if *topology == Topology::Single && nodes.len() > 1 {
        return Err(UriFault::new("host", "several; expected one, or redis+cluster:// or redis+sentinel://"));
    }
    Ok(nodes)
}

fn node(text: &str, default_port: u16) -> Result<(String, u16), UriFault> {
    let expected = || UriFault::new("host", "expected HOST or HOST:PORT, an IPv6 address in brackets");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| expected())?),
        _ => (text, default_port),
    };
    let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    if host.is_empty() || !bare { Err(expected()) } else { Ok((host.to_owned(), port)) }
}

fn one_of<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, UriFault> {
    let chosen = choices.iter().find(|(choice, _)| *choice == value);
    chosen.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        UriFault::new(name, &format!("{value:?}: expected {}", names.join(" or ")))
    })
}

fn duration(name: &str, value: &str, least: Duration, most: Duration) -> Result<Duration, UriFault> {
    let expected =
        || UriFault::new(name, &format!("{value:?}: expected {least:?} to {most:?}, such as 250ms"));
    let (number, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let number: u64 = number.parse().map_err(|_| expected())?;
    let span = match unit {
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        _ => return Err(expected()),
    };
    if (least..=most).contains(&span) { Ok(span) } else { Err(expected()) }
}

fn prefix(value: String) -> Result<String, UriFault> {
    match is_prefix(&value) {
        true => Ok(value),
        false => Err(UriFault::new("prefix", &format!("expected {PREFIX_EXPECTED}"))),
    }
}

fn unknown_parameter(name: &str) -> UriFault {
    let hint = nearest(name, PARAMETERS.iter().copied()).map(|known| format!("; did you mean {known}?"));
    UriFault::new(name, &format!("no such parameter{}", hint.unwrap_or_default()))
}

/// Percent-decoded (RFC 3986, section 2.1).
fn decoded(text: &str) -> Result<String, UriFault> {
    let broken = || UriFault::new("text", "a % is not followed by two hexadecimal digits of UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(broken)?;
        bytes.push(byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| broken())
}
