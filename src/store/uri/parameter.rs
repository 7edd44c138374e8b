//! The values of a URI's parameters, and what is wrong with a URI, said without anything that may be a password.
//!
//! A URI in which one character is wrong, or a password that was written as it is with an `@`, `?`, `/` or `#` in it, can
//! have a piece of the password in any place: where a host stands, a port, a path, a parameter's name or its value. So a
//! message has of the text only whole words that are known, and of others the first three characters.
//!
//! Readers answer with a [`UriFault`], which knows the part that is wrong and not the URI; whoever has the URI makes a [`UriError`] of
//! it by the scheme alone. So no text of a URI can slip into a message on the way.

use std::fmt;
#[cfg(feature = "redis")]
use std::time::Duration;

use crate::model::{excerpt, nearest};

/// What a prefix of keys is, for messages.
pub(crate) const PREFIX_EXPECTED: &str = "1 to 64 printable ASCII characters without braces";

/// The most accounts that a process can be told to hold.
const MOST_ACCOUNTS: usize = 1_000_000_000;

/// Whether keys can begin with a text. Braces would move a cluster's hash tag, and control characters would be hard to
/// read.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_graphic() && letter != '{' && letter != '}';
    (1..=64).contains(&text.len()) && text.chars().all(is_plain)
}

/// The meaning of a word out of several.
#[cfg(feature = "redis")]
pub(crate) fn one_of<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, UriFault> {
    let chosen = choices.iter().find(|(choice, _)| *choice == value);
    chosen.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        let meant = nearest(value, names.iter().copied());
        let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        let shown = beginning(value);
        UriFault::new(name, format!("\"{shown}\": expected {}{hint}", names.join(" or ")))
    })
}

/// A span of time with its unit, within bounds.
#[cfg(feature = "redis")]
pub(crate) fn duration(
    name: &str,
    value: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, UriFault> {
    let expected = || {
        let shown = beginning(value);
        UriFault::new(name, format!("\"{shown}\": expected {least:?} to {most:?}, such as 250ms"))
    };
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

/// How many accounts a process holds at most.
pub(crate) fn max_accounts(name: &str, value: &str) -> Result<usize, UriFault> {
    let is_number = value.bytes().all(|digit| digit.is_ascii_digit());
    let number = value.parse().ok().filter(|number| is_number && (1..=MOST_ACCOUNTS).contains(number));
    number.ok_or_else(|| {
        let shown = beginning(value);
        UriFault::new(name, format!("\"{shown}\": expected a whole number from 1 to {MOST_ACCOUNTS}"))
    })
}

/// A text that is not empty.
#[cfg(feature = "redis")]
pub(crate) fn text(name: &str, value: String) -> Result<String, UriFault> {
    match value.is_empty() {
        true => Err(UriFault::new(name, "empty; expected a text")),
        false => Ok(value),
    }
}

/// The known name of a parameter.
///
/// # Errors
///
/// An unknown name, of which the beginning is shown: it may be a piece of a password.
pub(crate) fn known_name(name: &str, known: &[&'static str]) -> Result<&'static str, UriFault> {
    if let Some(known) = known.iter().find(|known| **known == name) {
        return Ok(known);
    }
    let hint = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("expected {}", known.join(", ")),
    };
    Err(UriFault::new(beginning(name), format!("no such parameter; {hint}")))
}

/// What is wrong with a parameter that stands in a URI a second time.
pub(crate) fn twice(name: &str) -> UriFault {
    UriFault::new(name, "said twice; expected once")
}

/// What is wrong with a store's URI. Its text holds no password.
///
/// # Examples
///
/// ```
/// use timebudget::store::StoreUri;
///
/// let error = StoreUri::parse("memory://?max_accounts=many").unwrap_err().to_string();
/// assert!(error.contains("expected a whole number from 1 to 1000000000"), "{error}");
/// ```
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

    pub(crate) fn in_uri(self, uri: &str) -> UriError {
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
/// The parts of a URI behind its scheme, still encoded.
///
/// What stands before the last `@` is the user and the password, so that an `@` or a `/` in a password need not be
/// encoded. A `?` or a `#` there must be: without that nobody could tell a password from parameters.
#[cfg(feature = "redis")]
pub(crate) struct Parts<'a> {
    /// The user and the password, with a colon between them; empty where there is neither.
    pub(crate) login: &'a str,
    /// All up to the parameters: hosts and a path.
    pub(crate) place: &'a str,
    /// Names and values in their order; a parameter without `=` has no value.
    pub(crate) parameters: Vec<(&'a str, &'a str)>,
}

#[cfg(feature = "redis")]
impl<'a> Parts<'a> {
    /// # Errors
    ///
    /// A `?` or a `#` before the last `@`, or a `#` in the place.
    pub(crate) fn new(rest: &'a str) -> Result<Self, UriFault> {
        let (login, tail) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (place, parameters) = tail.split_once('?').unwrap_or((tail, ""));
        if login.contains(['?', '#']) || place.contains('#') {
            return Err(UriFault::new(
                "password",
                "a question mark, a hash or an at sign that is not encoded; expected %3F, %23 or %40",
            ));
        }
        let parameters = parameters.split('&').filter(|parameter| !parameter.is_empty());
        let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
        Ok(Self { login, place, parameters: parameters.collect() })
    }
}

/// Percent-decoded (RFC 3986, section 2.1); `part` is what messages call the text.
#[cfg(feature = "redis")]
pub(crate) fn decoded(part: &str, text: &str) -> Result<String, UriFault> {
    const EXPECTED: &str =
        "a % that two hexadecimal digits of UTF-8 do not follow; expected %25 for a % itself";
    let broken = || UriFault::new(part, EXPECTED);
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
