//! Stores by their URIs.

pub(crate) mod error;
mod memory;
pub(crate) mod parameter;
#[cfg(feature = "redis")]
pub(crate) mod parts;

use std::fmt;

pub use self::error::UriError;
use self::error::UriFault;
use self::memory::MemoryUri;
pub(crate) use self::parameter::{PREFIX_EXPECTED, is_prefix};
use crate::store::Store;
#[cfg(feature = "redis")]
use crate::store::redis::{Redis, RedisUri};

/// The store of a URI: `memory://`, with `?max_accounts=N` and `?snapshot=FILE` for a
/// [snapshot](crate::store::memory::Memory::with_snapshot); or, with the feature `redis`, `redis://`, `rediss://`,
/// `redis+unix://`, `redis+sentinel://` and `redis+cluster://`, as `docs/redis.md` describes them.
///
/// Nothing is connected yet: a store connects when it is given its clock, and a server that does not answer then is no
/// error.
///
/// # Errors
///
/// What is wrong with the URI, without its passwords; a snapshot that cannot be read or written; a certificate or key
/// that cannot be read.
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
/// It displays without what may be a password: user, password and secrets are `…`. Its debug form, which ends up in
/// logs, has nothing that was written freely: in a URI that lacks a character, a password can stand where a host does.
///
/// # Examples
///
/// ```
/// use timebudget::store::StoreUri;
/// assert_eq!(StoreUri::default().to_string(), "memory://");
/// assert!(StoreUri::parse("memroy://").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUri(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Memory(MemoryUri),
    #[cfg(feature = "redis")]
    Redis(Box<RedisUri>),
}

impl StoreUri {
    /// The URI that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text: the part, its value where that cannot be a password, and what was expected.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        Self::read(text).map_err(|fault| fault.of(text))
    }

    fn read(text: &str) -> Result<Self, UriFault> {
        match text.split_once("://") {
            Some(("memory", rest)) => MemoryUri::parse(rest).map(Kind::Memory).map(Self),
            Some((scheme, rest)) if scheme.starts_with("redis") => redis(scheme, rest).map(Self),
            _ => Err(error::no_such_store(text)),
        }
    }

    /// The store; see [`open`].
    ///
    /// # Errors
    ///
    /// A snapshot that cannot be read or written; a certificate or key that cannot be read.
    pub fn open(&self) -> Result<Box<dyn Store>, UriError> {
        match &self.0 {
            Kind::Memory(uri) => uri.open().map_err(|fault| fault.of("memory://")),
            #[cfg(feature = "redis")]
            Kind::Redis(uri) => match Redis::new(uri) {
                Ok(store) => Ok(Box::new(store)),
                Err(fault) => Err(fault.of(&format!("{}://…", uri.scheme()))),
            },
        }
    }

    /// Whether the store is shared with other processes, so that its keys begin with a prefix.
    pub fn is_shared(&self) -> bool {
        !matches!(self.0, Kind::Memory(_))
    }

    /// The URI as logs have it: with nothing that was written freely, such as a host or a prefix.
    pub fn discreet(&self) -> String {
        match &self.0 {
            Kind::Memory(uri) => uri.to_string(),
            #[cfg(feature = "redis")]
            Kind::Redis(uri) => format!("{uri:?}"),
        }
    }

    /// Whether the URI says what all keys begin with.
    pub(crate) fn has_prefix(&self) -> bool {
        match &self.0 {
            Kind::Memory(_) => false,
            #[cfg(feature = "redis")]
            Kind::Redis(uri) => uri.has_prefix(),
        }
    }

    /// The URI with another prefix, which [is one](is_prefix), of its keys; a store that is not shared has none.
    pub(crate) fn with_prefix(self, prefix: &str) -> Self {
        let _ = prefix;
        match self.0 {
            #[cfg(feature = "redis")]
            Kind::Redis(uri) => Self(Kind::Redis(Box::new(uri.with_prefix(prefix)))),
            memory => Self(memory),
        }
    }
}

impl Default for StoreUri {
    fn default() -> Self {
        Self(Kind::Memory(MemoryUri::default()))
    }
}

impl fmt::Display for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Memory(uri) => uri.fmt(f),
            #[cfg(feature = "redis")]
            Kind::Redis(uri) => uri.fmt(f),
        }
    }
}

impl fmt::Debug for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUri({})", self.discreet())
    }
}

#[cfg(feature = "redis")]
fn redis(scheme: &str, rest: &str) -> Result<Kind, UriFault> {
    RedisUri::parse(scheme, rest).map(|uri| Kind::Redis(Box::new(uri)))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str, _: &str) -> Result<Kind, UriFault> {
    Err(UriFault::new("scheme", "this program was built without the feature `redis`; expected memory://"))
}
