//! The URI of servers: parsed once, and shown without secrets.

use std::fmt;

use super::settings::{PARAMETERS, Settings};
use super::topology::Topology;
use crate::store::uri::error::UriFault;
use crate::store::uri::parameter::{known_name, twice};
use crate::store::uri::parts::{Parts, decoded};

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
