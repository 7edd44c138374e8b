//! What is wrong with a store's URI, said without anything that may be a password.
//!
//! A URI in which one character is wrong, or a password that was written as it is with an `@`, `?`, `/` or `#` in it, can
//! have a piece of the password in any place: where a host stands, a port, a path, a parameter's name or its value. So a
//! message has of the text only whole words that are known, and of others the first three characters.

use std::fmt;

use crate::model::excerpt;
use crate::model::nearest;

/// What is wrong with a store's URI. Its text holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriError {
    scheme: String,
    fault: UriFault,
}

/// The part of a URI that is wrong, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UriFault {
    part: String,
    what: String,
}

/// The schemes that a store may have.
const SCHEMES: [&str; 8] = [
    "memory",
    "redis",
    "rediss",
    "redis+unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
];

/// The schemes of stores that other programs have, and what is meant here.
const FOREIGN: [(&str, Option<&str>); 10] = [
    ("unix", Some("redis+unix")),
    ("redis+socket", Some("redis+unix")),
    ("valkey", Some("redis")),
    ("valkeys", Some("rediss")),
    ("valkey+unix", Some("redis+unix")),
    ("valkey+sentinel", Some("redis+sentinel")),
    ("valkey+cluster", Some("redis+cluster")),
    ("memcached", None),
    ("mongodb", None),
    ("etcd", None),
];

/// How many characters of an unknown word are shown: too few to tell a password.
const TELLS_NOTHING: usize = 3;

impl UriFault {
    pub(crate) fn new(part: impl Into<String>, what: impl Into<String>) -> Self {
        Self { part: part.into(), what: what.into() }
    }

    pub(crate) fn of(self, uri: &str) -> UriError {
        UriError { scheme: shown_scheme(uri), fault: self }
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.scheme, self.fault)
    }
}

impl std::error::Error for UriError {}

impl fmt::Display for UriFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.what)
    }
}

/// A text whose scheme no store has.
pub(crate) fn no_such_store(text: &str) -> UriFault {
    const EXPECTED: &str = "memory:// or redis://…";
    let meant = text.split_once("://").and_then(|(scheme, _)| {
        let foreign = FOREIGN.iter().find(|(known, _)| *known == scheme);
        foreign.map_or_else(|| nearest(scheme, SCHEMES), |(_, meant)| *meant)
    });
    let hint = meant.map(|meant| format!("; did you mean {meant}://?")).unwrap_or_default();
    UriFault::new("scheme", format!("no such store; expected {EXPECTED}{hint}"))
}

/// A scheme that begins as those of Redis do, and is none of them.
#[cfg(feature = "redis")]
pub(crate) fn no_such_scheme(scheme: &str) -> UriFault {
    no_such_store(&format!("{scheme}://"))
}

/// The scheme of a text: whole if it is known.
fn shown_scheme(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return "a text without ://".to_owned();
    };
    let is_known = FOREIGN.iter().any(|(known, _)| *known == scheme) || SCHEMES.contains(&scheme);
    let shown = if is_known { scheme.to_owned() } else { beginning(scheme) };
    if rest.is_empty() { format!("{shown}://") } else { format!("{shown}://…") }
}

/// What may be a piece of a password as a message has it: its first three characters.
pub(crate) fn beginning(text: &str) -> String {
    match text.char_indices().nth(TELLS_NOTHING) {
        Some((end, _)) => excerpt(&format!("{}…", &text[..end])),
        None => excerpt(text),
    }
}
