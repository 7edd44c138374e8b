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
    match uri.split_once("://") {
        Some(("memory", "")) => Ok(Box::new(Memory::default())),
        Some(("memory", rest)) => open_snapshot(rest).map_err(|fault| fault.of(uri)),
        Some((scheme, _)) if scheme.starts_with("redis") => open_redis(uri),
        _ => Err(UriFault::new("scheme", "no such store; expected memory:// or redis://…").of(uri)),
    }
}

fn open_snapshot(rest: &str) -> Result<Box<dyn Store>, UriFault> {
    let file = rest.strip_prefix("?snapshot=").filter(|file| !file.is_empty());
    let file = file.ok_or_else(|| UriFault::new("parameters", "expected none, or ?snapshot=FILE"))?;
    let store = Memory::default().with_snapshot(file);
    Ok(Box::new(store.map_err(|error| UriFault::new("snapshot", &error.to_string()))?))
}

#[cfg(feature = "redis")]
fn open_redis(uri: &str) -> Result<Box<dyn Store>, UriError> {
    Ok(Box::new(crate::store::redis::Redis::of_uri(uri)?))
}

#[cfg(not(feature = "redis"))]
fn open_redis(uri: &str) -> Result<Box<dyn Store>, UriError> {
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
