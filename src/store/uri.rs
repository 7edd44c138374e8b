//! Stores by their URIs: the parts that every URI has, and the URI of a memory store.
//!
//! A URI is one text that an operator can put into a file, the environment or a command line and that says all of a store:
//! where it is, who may use it, and how. It is parsed once, before anything is opened, so that what is wrong with it is
//! said together with all else that is wrong with a configuration.
//!
//! | URI | is |
//! |---|---|
//! | `memory://` | accounts in this process, at most 1,000,000 |
//! | `memory://?max_accounts=N` | at most `N`, from 1 to 1,000,000,000 |
//! | `memory://?snapshot=FILE` | kept over a restart in a file of that name, taken as it stands |
//! | `redis://`, `rediss://`, … | accounts that processes share; feature `redis`, see `docs/redis.md` |

pub(crate) mod parameter;

use std::fmt;

pub use self::parameter::UriError;
use self::parameter::UriFault;
pub(crate) use self::parameter::{PREFIX_EXPECTED, is_prefix};
use crate::model::nearest;
use crate::store::Store;
use crate::store::memory::Memory;
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
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::store::StoreUri;
    ///
    /// let uri = StoreUri::parse("memory://?snapshot=/var/lib/app/accounts&max_accounts=50000")?;
    /// assert_eq!(uri.to_string(), "memory://?snapshot=/var/lib/app/accounts&max_accounts=50000");
    ///
    /// let error = StoreUri::parse("memory://?max_acounts=50000").unwrap_err().to_string();
    /// assert!(error.contains("did you mean max_accounts?"), "{error}");
    /// # Ok::<(), timebudget::store::UriError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, UriError> {
        Self::read(text).map_err(|fault| fault.in_uri(text))
    }

    fn read(text: &str) -> Result<Self, UriFault> {
        match text.split_once("://") {
            Some(("memory", rest)) => MemoryUri::parse(rest).map(Kind::Memory).map(Self),
            Some((scheme, rest)) if scheme.starts_with("redis") => redis(scheme, rest).map(Self),
            _ => Err(parameter::no_such_store(text)),
        }
    }

    /// The store; see [`open`].
    ///
    /// # Errors
    ///
    /// A snapshot that cannot be read or written; a certificate or key that cannot be read.
    ///
    /// Each call opens another store, with accounts of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::store::StoreUri;
    /// use timebudget::{Engine, SystemClock};
    ///
    /// let store = StoreUri::parse("memory://?max_accounts=50000")?.open()?;
    /// let engine = Engine::over(store, SystemClock::new());
    /// assert_eq!(engine.census().accounts, 0);
    /// # Ok::<(), timebudget::store::UriError>(())
    /// ```
    pub fn open(&self) -> Result<Box<dyn Store>, UriError> {
        match &self.0 {
            Kind::Memory(uri) => uri.open().map_err(|fault| fault.in_uri("memory://")),
            #[cfg(feature = "redis")]
            Kind::Redis(uri) => match Redis::new(uri) {
                Ok(store) => Ok(Box::new(store)),
                Err(fault) => Err(fault.in_uri(&format!("{}://…", uri.scheme()))),
            },
        }
    }

    /// Whether the store is shared with other processes, so that its keys begin with a prefix.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!timebudget::store::StoreUri::default().is_shared(), "a memory store is this process's alone");
    /// ```
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

/// What a URI says of a memory store.
///
/// The text is kept, so that the URI displays as it was written; there is no password that it could hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct MemoryUri {
    /// All behind the scheme, as it was written.
    text: String,
    snapshot: Option<String>,
    max_accounts: Option<usize>,
}

const MAX_ACCOUNTS: &str = "max_accounts";
const SNAPSHOT: &str = "snapshot";
const NAMES: [&str; 2] = [MAX_ACCOUNTS, SNAPSHOT];

impl MemoryUri {
    /// The URI with this text behind its scheme.
    pub(crate) fn parse(rest: &str) -> Result<Self, UriFault> {
        let mut uri = Self { text: rest.to_owned(), ..Self::default() };
        if rest.is_empty() {
            return Ok(uri);
        }
        let Some(parameters) = rest.strip_prefix('?') else {
            return Err(no_parameters());
        };
        for parameter in split(parameters) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            uri.set(parameter::known_name(name, &NAMES)?, value)?;
        }
        Ok(uri)
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), UriFault> {
        let is_second = match name {
            MAX_ACCOUNTS => self.max_accounts.replace(parameter::max_accounts(name, value)?).is_some(),
            _ if value.is_empty() => return Err(no_parameters()),
            _ => self.snapshot.replace(value.to_owned()).is_some(),
        };
        if is_second { Err(parameter::twice(name)) } else { Ok(()) }
    }

    /// The store.
    pub(crate) fn open(&self) -> Result<Box<dyn Store>, UriFault> {
        let store = Memory::new(self.max_accounts.unwrap_or(Memory::DEFAULT_MAX_ACCOUNTS));
        let Some(file) = &self.snapshot else { return Ok(Box::new(store)) };
        let store = store.with_snapshot(file);
        Ok(Box::new(store.map_err(|error| UriFault::new(SNAPSHOT, error.to_string()))?))
    }
}

impl fmt::Display for MemoryUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory://{}", self.text)
    }
}

fn no_parameters() -> UriFault {
    UriFault::new("parameters", "expected none, or ?snapshot=FILE or ?max_accounts=N")
}

/// The parameters of a text. The name of a file is taken as it stands, whatever is in it: so an `&` begins a parameter
/// only where the name of one follows, or what is near to one.
fn split(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    for (at, _) in text.match_indices('&') {
        let name = text[at + 1..].split(['=', '&']).next().unwrap_or_default();
        if nearest(name, NAMES).is_some() {
            starts.push(at + 1);
        }
    }
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_taken_as_it_stands() {
        for (text, file, accounts) in [
            ("?snapshot=/a@b?c&d", Some("/a@b?c&d"), None),
            ("?snapshot=/a%20b&c=d&max_accounts=7", Some("/a%20b&c=d"), Some(7)),
            ("?max_accounts=1&snapshot=x", Some("x"), Some(1)),
            ("?max_accounts=9", None, Some(9)),
            ("", None, None),
        ] {
            let uri = MemoryUri::parse(text).ok().unwrap();
            assert_eq!((uri.snapshot.as_deref(), uri.max_accounts), (file, accounts), "{text}");
            assert_eq!(uri.to_string(), format!("memory://{text}"));
        }
    }

    #[test]
    fn a_slip_in_a_name_does_not_become_part_of_a_file() {
        for text in
            ["?snapshot=x&max_acounts=5", "?max_accounts=5&snapshot=x&snapshot=y", "?max_accounts=", "?x"]
        {
            assert!(MemoryUri::parse(text).is_err(), "{text}");
        }
    }
}
