//! Rules in words: conditions, keys and actions as tables and explanations show them.
//!
//! The words are the site file's. What may be a credential is shortened.

use std::fmt::{self, Display, Formatter};

use crate::model::action::Action;
use crate::model::condition::Condition;
use crate::model::discretion::{is_credential, shortened};
use crate::model::excerpt::quoted;
use crate::model::key_spec::{Component, KeySpec, Missing};
use crate::model::rule::Counts;
use crate::model::statuses::{StatusSet, Statuses};
use crate::model::text::Text;

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
            Self::Country(some) => one_or_listed(f, "country", some),
            Self::Region(some) => one_or_listed(f, "region", some),
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

impl Display for Component {
    /// Writes the component as the site file does: `ip`, `header:x-api-key`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("site"),
            Self::Ip => f.write_str("ip"),
            Self::Host => f.write_str("host"),
            Self::Method => f.write_str("method"),
            Self::Path => f.write_str("path"),
            Self::Route => f.write_str("route"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::User => f.write_str("user"),
            Self::ApiKey => f.write_str("api_key"),
            Self::Tier => f.write_str("tier"),
            Self::Groups => f.write_str("groups"),
            Self::Country => f.write_str("country"),
            Self::Region => f.write_str("region"),
            Self::Computed(_) => f.write_str("what code says"),
        }
    }
}

impl Display for KeySpec {
    /// Writes the components, separated by ` + `.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        separated(f, &self.0, " + ")
    }
}

impl Display for Missing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Use(component) => component.fmt(f),
            Self::Skip => f.write_str("skip"),
        }
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Served => "served",
            Self::All => "all",
            Self::Refusals => "refusals",
        })
    }
}

impl Display for Statuses {
    /// Writes the statuses and classes: `404, 5xx`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        separated(f, &self.0, ", ")
    }
}

impl Display for StatusSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => write!(f, "{class}xx"),
            Self::Code(code) => code.fmt(f),
        }
    }
}

impl Display for Action {
    /// Writes what happens: `block 429`, `rewrite /busy.html`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => write!(f, "block {}", block.status.unwrap_or(429)),
            Self::Rewrite(target) => write!(f, "rewrite {target}"),
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

fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { separator })?;
        item.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::glob::Glob;
    use crate::model::method::Method;
    use crate::model::pattern::Pattern;

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
