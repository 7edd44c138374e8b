//! Why a condition does not hold: its first part that fails, and what the request has in its place.

use std::fmt;

use crate::model::condition::Condition;
use crate::model::discretion::{is_credential, shortened};
use crate::model::excerpt::{quoted, readable};
use crate::model::facts::Facts;

/// What a request has where a condition looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// This; what may be a credential is shortened.
    Value(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("none"),
            Self::Value(text) => f.write_str(&quoted(text)),
        }
    }
}

impl Condition {
    /// The first part, in order, that a request does not fulfil; `None` if it fulfils the condition.
    ///
    /// A part is the smallest that says something by itself: of conditions of which all must hold the one that does not,
    /// but of alternatives all of them together.
    ///
    /// # Examples
    ///
    /// ```
    /// use timebudget::Condition;
    /// use timebudget::Text;
    /// # use timebudget::Facts;
    /// # struct Request;
    /// # impl Facts for Request {
    /// #     fn method(&self) -> &str { "GET" }
    /// #     fn path(&self) -> &str { "/b" }
    /// #     fn ip(&self) -> Option<std::net::IpAddr> { None }
    /// # }
    /// # let get_of_b = Request;
    /// let path = |text: &str| Condition::Path(Text::Equal(text.into()));
    /// let both = Condition::All(vec![path("/b"), path("/a")]);
    /// assert_eq!(both.first_failing(&get_of_b), Some(&path("/a")));
    /// assert_eq!(path("/b").first_failing(&get_of_b), None);
    /// ```
    pub fn first_failing(&self, facts: &dyn Facts) -> Option<&Self> {
        match self {
            _ if self.matches(facts) => None,
            Self::All(parts) => parts.iter().find_map(|part| part.first_failing(facts)),
            part => Some(part),
        }
    }

    /// What a request has where this part looks; `None` for a part that is made of parts.
    pub fn found(&self, facts: &dyn Facts) -> Option<Found> {
        let value = match self {
            Self::Path(_) => Some(facts.path().to_owned()),
            Self::Method(_) => Some(facts.method().to_owned()),
            Self::Host(_) => facts.host().map(str::to_owned),
            Self::Ip(_) => facts.ip().map(|ip| ip.to_string()),
            Self::Header(name, _) => facts.header(name).map(|value| discreet("header", name, value)),
            Self::Cookie(name, _) => facts.cookie(name).map(|value| discreet("cookie", name, &value)),
            Self::Query(name, _) => facts.query(name).map(|value| discreet("query", name, &value)),
            Self::User(_) => facts.user().map(str::to_owned),
            Self::Group(_) => Some(facts.groups().join(", ")).filter(|groups| !groups.is_empty()),
            Self::Tier(_) => facts.tier().map(str::to_owned),
            Self::Region(_) => facts.region().map(|region| region.to_string()),
            Self::Country(_) => facts.country().map(|country| country.to_string()),
            _ => return None,
        };
        Some(value.map_or(Found::Absent, Found::Value))
    }
}

fn discreet(kind: &str, name: &str, value: &[u8]) -> String {
    let text = readable(value);
    if is_credential(kind, name) { shortened(&text) } else { text.into_owned() }
}
