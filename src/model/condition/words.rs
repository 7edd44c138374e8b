//! Conditions as people read them: in the words of the site file, and why one does not hold.
//!
//! What may be a credential is shortened.

use crate::model::said::separated;
use std::fmt::{self, Display, Formatter};

use crate::model::condition::condition::Condition;
use crate::model::condition::facts::Facts;
use crate::model::condition::text::Text;
use crate::model::said::{is_credential, quoted, readable, shortened};

impl Display for Text {
    /// Writes the matcher as the site file does: `"/health"`, `{"prefix": "/api"}` or a list.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(text) => f.write_str(&quoted(text)),
            Self::Below(begin) | Self::Prefix(begin) => write!(f, "{{\"prefix\": {}}}", quoted(begin)),
            Self::Glob(glob) => write!(f, "{{\"glob\": {}}}", quoted(&glob.to_string())),
            Self::Regex(pattern) => write!(f, "{{\"regex\": {}}}", quoted(pattern.as_str())),
            Self::AnyOf(texts) => listed(f, texts),
        }
    }
}

impl Display for Condition {
    /// Writes the condition with the site file's fields: `path "/login", method "POST"`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(text) => write!(f, "path {text}"),
            Self::Method(methods) => one_or_listed(f, "method", methods),
            Self::Host(text) => write!(f, "host {text}"),
            Self::Ip(networks) => one_or_listed(f, "ip", networks),
            Self::Header(name, text) => named(f, "header", name, text.as_ref()),
            Self::Cookie(name, text) => named(f, "cookie", name, text.as_ref()),
            Self::Query(name, text) => named(f, "query", name, text.as_ref()),
            Self::User(text) => write!(f, "user {text}"),
            Self::Group(text) => write!(f, "group {text}"),
            Self::Tier(text) => write!(f, "tier {text}"),
            Self::Country(countries) => one_or_listed(f, "country", countries),
            Self::Region(regions) => one_or_listed(f, "region", regions),
            Self::Authenticated(wanted) => write!(f, "authenticated {wanted}"),
            Self::Computed(_) => f.write_str("what code says"),
            Self::All(parts) if parts.is_empty() => f.write_str("every request"),
            Self::All(parts) => separated(f, parts, ", "),
            Self::Any(parts) => {
                f.write_str("any of (")?;
                separated(f, parts, " | ")?;
                f.write_str(")")
            }
            Self::Not(part) => write!(f, "not ({part})"),
        }
    }
}

fn one_or_listed<T: Display>(f: &mut Formatter<'_>, field: &str, items: &[T]) -> fmt::Result {
    let items: Vec<_> = items.iter().map(|item| format!("\"{item}\"")).collect();
    match items.as_slice() {
        [only] => write!(f, "{field} {only}"),
        items => {
            write!(f, "{field} ")?;
            listed(f, items)
        }
    }
}

fn named(f: &mut Formatter<'_>, field: &str, name: &str, text: Option<&Text>) -> fmt::Result {
    write!(f, "{field} {{{}: ", quoted(name))?;
    match text {
        None => f.write_str("true")?,
        Some(text) if is_credential(field, name) => discreet(text).fmt(f)?,
        Some(text) => text.fmt(f)?,
    }
    f.write_str("}")
}

/// A matcher whose texts are shortened; of a pattern, who knows what is fixed in it, nothing is left.
fn discreet(text: &Text) -> Text {
    match text {
        Text::Prefix(begin) | Text::Below(begin) => Text::Prefix(shortened(begin)),
        Text::AnyOf(texts) => Text::AnyOf(texts.iter().map(discreet).collect()),
        Text::Equal(text) => Text::Equal(shortened(text)),
        Text::Glob(_) | Text::Regex(_) => Text::Equal(shortened("")),
    }
}

fn listed<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    f.write_str("[")?;
    separated(f, items, ", ")?;
    f.write_str("]")
}

/// What a request has where a condition looks, for people to read.
///
/// Displays as the text in quotation marks, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// This; what may be a credential is shortened.
    Value(String),
}

impl Display for Found {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
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

    /// What a request has where this part looks; `None` for a part that is made of parts, or that only code can tell.
    ///
    /// Of a header, a cookie or a parameter that comes several times it is the one that keys are made of. What may be a
    /// credential is shortened to its first letters, and what is no text is written as `\\xE9`.
    pub fn found(&self, facts: &dyn Facts) -> Option<Found> {
        let value = match self {
            Self::Path(_) => Some(facts.path().to_owned()),
            Self::Method(_) => Some(facts.method().to_owned()),
            Self::Host(_) => facts.host().map(str::to_owned),
            Self::Ip(_) => facts.ip().map(|ip| ip.to_string()),
            Self::Header(name, _) => facts.header(name).map(|value| shown_value("header", name, value)),
            Self::Cookie(name, _) => facts.cookie(name).map(|value| shown_value("cookie", name, &value)),
            Self::Query(name, _) => facts.query(name).map(|value| shown_value("query", name, &value)),
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

fn shown_value(kind: &str, name: &str, value: &[u8]) -> String {
    let text = readable(value);
    if is_credential(kind, name) { shortened(&text) } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::condition::facts::Method;
    use crate::model::condition::pattern::{Glob, Pattern};

    #[test]
    fn a_condition_is_written_with_the_fields_of_the_site_file() {
        let path = Condition::Path(Text::Below("/api".into()));
        let method = Condition::Method(["get", "post"].into_iter().filter_map(Method::new).collect());
        let ip = Condition::Ip(vec!["10.0.0.0/8".parse().unwrap()]);
        let all = Condition::All(vec![path.clone(), method, Condition::Not(Box::new(ip))]);
        assert_eq!(
            all.to_string(),
            r#"path {"prefix": "/api"}, method ["GET", "POST"], not (ip "10.0.0.0/8")"#
        );
        let any = Condition::Any(vec![path, Condition::Header("x-a".into(), None)]);
        assert_eq!(any.to_string(), r#"any of (path {"prefix": "/api"} | header {"x-a": true})"#);
        assert_eq!(Condition::ALWAYS.to_string(), "every request");
    }

    #[test]
    fn globs_and_expressions_are_written_as_they_were() {
        for glob in ["/a/**/b?c*", "**.css"] {
            assert_eq!(Text::Glob(Glob::new(glob).unwrap()).to_string(), format!("{{\"glob\": \"{glob}\"}}"));
        }
        let pattern = Text::Regex(Pattern::new("^/v[0-9]+").unwrap());
        assert_eq!(pattern.to_string(), r#"{"regex": "^/v[0-9]+"}"#);
    }

    #[test]
    fn a_credential_is_shortened_in_every_form() {
        let of = |text| Condition::Header("authorization".into(), Some(text)).to_string();
        let token = || "Bearer hunter2".to_owned();
        for text in [
            Text::Equal(token()),
            Text::Prefix(token()),
            Text::AnyOf(vec![Text::Equal(token())]),
            Text::Regex(Pattern::new("hunter2").unwrap()),
        ] {
            assert!(!of(text.clone()).contains("hunter2"), "{}", of(text));
        }
        assert_eq!(of(Text::Equal(token())), r#"header {"authorization": "Bear…"}"#);
    }
}
