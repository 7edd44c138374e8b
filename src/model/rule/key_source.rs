//! Where in a request an API key is looked for.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::model::condition::{Facts, is_token};
use crate::model::said::nearest;

/// Where in a request an API key is looked for.
///
/// # Examples
///
/// ```
/// use timebudget::KeySource;
/// assert_eq!("query:api_key".parse(), Ok(KeySource::Query("api_key".into())));
/// assert_eq!("bearer".parse(), Ok(KeySource::Bearer));
/// assert!("Authorization".parse::<KeySource>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The value of a header, without the spaces around it.
    Header(String),
    /// The value of a parameter of the query, decoded.
    Query(String),
    /// `Authorization: Bearer KEY` (RFC 6750, section 2.1).
    Bearer,
    /// `Authorization: token KEY:SECRET`, as Frappe has it: both together, with the colon between them, are the key here.
    Token,
}

/// What a text is that says where a key is, for messages.
pub(crate) const SOURCE: &str = "\"header:NAME\", \"query:NAME\", \"bearer\" or \"token\"";

const AUTHORIZATION: &str = "authorization";
const HEADER: &str = "header:";
const QUERY: &str = "query:";
const BEARER: &str = "bearer";
const TOKEN: &str = "token";

/// Why a text does not say where a key is, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSource(String);

impl KeySource {
    /// Where keys are looked for unless a site says otherwise, in this order.
    pub fn defaults() -> Vec<Self> {
        vec![Self::Header("X-Api-Key".to_owned()), Self::Query("api_key".to_owned()), Self::Bearer]
    }

    /// The source that a header is; `Authorization` has bearer tokens.
    pub fn from_header(name: &str) -> Self {
        match name.eq_ignore_ascii_case(AUTHORIZATION) {
            true => Self::Bearer,
            false => Self::Header(name.to_owned()),
        }
    }

    /// What a request has there, if it has something: the key without the scheme and the spaces around it.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::{Facts, KeySource};
    /// # struct Request(&'static [u8]);
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// #     fn header(&self, name: &str) -> Option<&[u8]> { (name == "authorization").then_some(self.0) }
    /// # }
    /// let request = Request(b"Bearer s3cret");
    /// assert_eq!(KeySource::Bearer.read(&request).as_deref(), Some(&b"s3cret"[..]));
    /// assert_eq!(KeySource::Token.read(&request), None);
    /// ```
    pub fn read<'a>(&self, facts: &'a dyn Facts) -> Option<Cow<'a, [u8]>> {
        let found = match self {
            Self::Header(name) => facts.header(name).map(<[u8]>::trim_ascii).map(Cow::Borrowed),
            Self::Query(name) => facts.query(name),
            Self::Bearer => of_scheme(facts, BEARER).map(Cow::Borrowed),
            Self::Token => of_scheme(facts, TOKEN).filter(|token| token.contains(&b':')).map(Cow::Borrowed),
        };
        found.filter(|key| !key.is_empty())
    }
}

impl FromStr for KeySource {
    type Err = NoSource;

    fn from_str(text: &str) -> Result<Self, NoSource> {
        match (text, text.strip_prefix(HEADER), text.strip_prefix(QUERY)) {
            (BEARER, ..) => Ok(Self::Bearer),
            (TOKEN, ..) => Ok(Self::Token),
            (_, Some(name), _) if name.eq_ignore_ascii_case(AUTHORIZATION) => {
                Err(NoSource("has a scheme before the key; expected \"bearer\" or \"token\"".to_owned()))
            }
            (_, Some(name), _) if is_token(name) => Ok(Self::Header(name.to_owned())),
            (.., Some(name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            _ => Err(no_source(text)),
        }
    }
}

impl fmt::Display for KeySource {
    /// Writes the source as it can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "{HEADER}{name}"),
            Self::Query(name) => write!(f, "{QUERY}{name}"),
            Self::Bearer => f.write_str(BEARER),
            Self::Token => f.write_str(TOKEN),
        }
    }
}

fn no_source(text: &str) -> NoSource {
    let is_header = text.contains('-') && is_token(text);
    NoSource(match nearest(text, [BEARER, TOKEN]) {
        Some(meant) => format!("no such place; did you mean \"{meant}\"?"),
        None if is_header => format!("no such place; did you mean \"{HEADER}{text}\"?"),
        None => format!("no such place; expected {SOURCE}"),
    })
}

/// What stands in `Authorization` behind a scheme, whose case does not matter.
fn of_scheme<'a>(facts: &'a dyn Facts, scheme: &str) -> Option<&'a [u8]> {
    let value = facts.header(AUTHORIZATION)?.trim_ascii();
    let (found, rest) = value.split_at_checked(scheme.len())?;
    let is_it = found.eq_ignore_ascii_case(scheme.as_bytes()) && rest.first() == Some(&b' ');
    is_it.then(|| rest.trim_ascii())
}
