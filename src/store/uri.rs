//! Stores by their URIs.

use std::fmt;

use crate::store::Store;
use crate::store::memory::Memory;

/// The store of a URI: `memory://`; `memory://?snapshot=FILE`, where the file's name is taken as it stands, for a
/// [snapshot](Memory::with_snapshot); or, with the feature `redis`, `redis://`, `rediss://`, `redis+sentinel://` and
/// `redis+cluster://`, as `docs/redis.md` describes them.
///
/// Nothing is connected yet: a store connects when it is given its clock, and a server that does not answer then is no
/// error.
///
/// # Errors
///
/// What is wrong with the URI, without its passwords; a snapshot that cannot be read or written.
///
/// # Examples
///
/// ```
/// assert!(timebudget::store::open("memory://").is_ok());
/// let error = timebudget::store::open("memroy://").unwrap_err().to_string();
/// assert!(error.contains("memory://"), "{error}");
/// ```
pub fn open(uri: &str) -> Result<Box<dyn Store>, UriError> {
    StoreUri::parse(uri)?.open()
}

/// The URI of a store: it is sound, and nothing is opened yet.
///
/// It displays without what may be a password: user, password and secrets are `…`.
///
/// # Examples
///
/// ```
/// use timebudget::store::StoreUri;
/// assert_eq!(StoreUri::default().to_string(), "memory://");
/// assert!(StoreUri::parse("memroy://").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUri(String);

impl StoreUri {
    /// The URI that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, without its passwords.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        match text.split_once("://") {
            Some(("memory", "")) => {}
            Some(("memory", rest)) => snapshot(rest).map(drop).map_err(|fault| fault.of(text))?,
            Some((scheme, _)) if scheme.starts_with("redis") => check_redis(text)?,
            _ => {
                return Err(
                    UriFault::new("scheme", "no such store; expected memory:// or redis://…").of(text)
                );
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The store; see [`open`].
    ///
    /// # Errors
    ///
    /// A snapshot that cannot be read or written.
    pub fn open(&self) -> Result<Box<dyn Store>, UriError> {
        match self.0.strip_prefix("memory://") {
            Some("") => Ok(Box::new(Memory::default())),
            Some(rest) => open_snapshot(rest).map_err(|fault| fault.of(&self.0)),
            None => open_redis(&self.0),
        }
    }

    /// Whether the store is shared with other processes, so that its keys begin with a prefix.
    pub fn is_shared(&self) -> bool {
        !self.0.starts_with("memory://")
    }

    /// Whether the URI says what all keys begin with.
    pub(crate) fn has_prefix(&self) -> bool {
        self.parameters().any(|parameter| parameter.starts_with(PREFIX))
    }

    /// The URI with another prefix, which [is one](is_prefix), of its keys.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Self {
        let prefix = prefix.replace('%', "%25").replace('&', "%26");
        let others = self.parameters().filter(|parameter| !parameter.starts_with(PREFIX));
        let parameters: Vec<_> = others.map(str::to_owned).chain([format!("{PREFIX}{prefix}")]).collect();
        Self(format!("{}?{}", self.place(), parameters.join("&")))
    }

    /// All that stands before the parameters.
    fn place(&self) -> &str {
        self.0.split_once('?').map_or(&*self.0, |(place, _)| place)
    }

    fn parameters(&self) -> impl Iterator<Item = &str> {
        let parameters = self.0.split_once('?').map_or("", |(_, parameters)| parameters);
        parameters.split('&').filter(|parameter| !parameter.is_empty())
    }
}

/// How the parameter begins that says what all keys begin with.
const PREFIX: &str = "prefix=";

/// The parameters whose values may be shown: all that hold no secret.
const SHOWN: [&str; 6] = ["snapshot", "mode", "sync", "deadline", "prefix", "on_store_fault"];

impl Default for StoreUri {
    fn default() -> Self {
        Self("memory://".to_owned())
    }
}

impl fmt::Display for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file's name is taken as it stands, whatever is in it.
        if !self.is_shared() {
            return f.write_str(&self.0);
        }
        let place = self.place();
        match (place.split_once("://"), place.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, hosts))) => write!(f, "{scheme}://…@{hosts}")?,
            _ => f.write_str(place)?,
        }
        for (at, parameter) in self.parameters().enumerate() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = if SHOWN.contains(&name) { value } else { "…" };
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUri({self})")
    }
}

/// What a prefix of keys is, for messages.
pub(crate) const PREFIX_EXPECTED: &str = "1 to 64 printable ASCII characters without braces";

/// Whether keys can begin with a text. Braces would move a cluster's hash tag, and control characters would be hard to
/// read.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_graphic() && letter != '{' && letter != '}';
    (1..=64).contains(&text.len()) && text.chars().all(is_plain)
}

/// The file that a memory store is saved in.
fn snapshot(rest: &str) -> Result<&str, UriFault> {
    let file = rest.strip_prefix("?snapshot=").filter(|file| !file.is_empty());
    file.ok_or_else(|| UriFault::new("parameters", "expected none, or ?snapshot=FILE"))
}

fn open_snapshot(rest: &str) -> Result<Box<dyn Store>, UriFault> {
    let store = Memory::default().with_snapshot(snapshot(rest)?);
    Ok(Box::new(store.map_err(|error| UriFault::new("snapshot", &error.to_string()))?))
}

#[cfg(feature = "redis")]
fn check_redis(uri: &str) -> Result<(), UriError> {
    crate::store::redis::check_uri(uri)
}

#[cfg(not(feature = "redis"))]
fn check_redis(uri: &str) -> Result<(), UriError> {
    Err(UriFault::new("scheme", "this program was built without the feature `redis`").of(uri))
}

#[cfg(feature = "redis")]
fn open_redis(uri: &str) -> Result<Box<dyn Store>, UriError> {
    Ok(Box::new(crate::store::redis::Redis::of_uri(uri)?))
}

#[cfg(not(feature = "redis"))]
fn open_redis(uri: &str) -> Result<Box<dyn Store>, UriError> {
    // Such a URI has not been parsed.
    Err(UriFault::new("scheme", "this program was built without the feature `redis`").of(uri))
}

/// What is wrong with a store's URI. Its text holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriError {
    shown: String,
    fault: UriFault,
}

/// The part of a URI that is wrong, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct UriFault {
    part: String,
    what: String,
}

impl UriFault {
    pub(in crate::store) fn new(part: &str, what: &str) -> Self {
        Self { part: part.to_owned(), what: what.to_owned() }
    }

    pub(in crate::store) fn of(self, uri: &str) -> UriError {
        UriError { shown: shown(uri), fault: self }
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, fault: UriFault { part, what } } = self;
        write!(f, "{shown}: {part}: {what}")
    }
}

impl std::error::Error for UriError {}

/// The scheme and the hosts, where they can be told from what may be a password.
fn shown(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return "a text without ://".to_owned();
    };
    let place = rest.split('?').next().unwrap_or_default();
    let hosts = match place.rsplit_once('@') {
        Some((_, hosts)) => hosts,
        None if rest.contains('@') => "…",
        None => place,
    };
    format!("{scheme}://{}", hosts.split('/').next().unwrap_or_default())
}

#[cfg(all(test, feature = "redis"))]
mod tests {
    use super::*;

    fn uri(text: &str) -> StoreUri {
        StoreUri::parse(text).unwrap()
    }

    #[test]
    fn a_uri_is_shown_without_what_may_be_a_password() {
        for (text, shown) in [
            ("redis://user:hunter2@db:6380/3?mode=batched", "redis://…@db:6380/3?mode=batched"),
            ("redis://:hunter2@db", "redis://…@db"),
            (
                "redis+sentinel://a,b/shop?secret=x&sentinel_password=y&sync=1s",
                "redis+sentinel://a,b/shop?secret=…&sentinel_password=…&sync=1s",
            ),
            ("memory://?snapshot=/a@b?c&d", "memory://?snapshot=/a@b?c&d"),
        ] {
            assert_eq!(uri(text).to_string(), shown);
            assert_eq!(format!("{:?}", uri(text)), format!("StoreUri({shown})"));
        }
    }

    #[test]
    fn a_prefix_takes_the_place_of_another_and_leaves_the_rest() {
        let other = uri("redis://:p@db/1?prefix=old&sync=1s").with_prefix("a%&b");
        assert_eq!(other, uri("redis://:p@db/1?sync=1s&prefix=a%25%26b"));
        assert!(other.has_prefix() && !uri("redis://db").has_prefix());
    }
}
