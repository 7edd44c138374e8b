//! Which requests a rule of a site file is about, and whose account it charges: its `when`, `key`, `missing` and `fair`.
//!
//! A condition is an object whose fields must all be fulfilled; three of them, `all`, `any` and `not`, hold further conditions. A text
//! is compared to the letter, unless it stands in an object with `prefix`, `glob` or `regex`. A regular expression is anchored only
//! where it says so, and one for hosts is matched in any case.
//!
//! A path that is percent-encoded is suspect, for rules see paths decoded: it was probably copied from an address bar.
//!
//! ```json
//! {"path": "/api/", "method": ["POST", "PUT"]}
//! {"path": {"glob": "/api/*/export"}, "not": {"ip": "10.0.0.0/8"}}
//! {"any": [{"header": {"x-plan": "free"}}, {"authenticated": false}]}
//! ```

use crate::config::json::Json;
use crate::config::reader::Value;
use crate::model::wording::{
    COMPONENT, ENCODED, EXEMPTS_ALL, GLOB_TOO_LONG, METHOD, PATH, PATTERN, TWICE_IN_KEY,
};
use crate::model::{
    Component, Condition, Country, EscapedSlash, Glob, Host, KeySpec, Method, Missing, Network, Paths,
    Pattern, Region, Text, is_certain, is_credential, nearest,
};

const NETWORK: &str = "an address or a range such as \"10.0.0.0/8\"";
const ADDRESSES: &str = "a list of addresses and ranges such as \"10.0.0.0/8\"";
const CONDITIONS: &str = "a list of conditions";
const COUNTRY: &str = "a country's code of two letters such as \"FR\", or a list of them";
const REGION: &str = "a code such as \"US-CA\" (ISO 3166-2), or a list of them";
const NAMED: &str = "an object of names, each with a text, or with true for present";

/// The exemption that `rate_limit_exempt` describes.
pub(crate) fn exemption(value: &Value<'_>) -> Option<Condition> {
    let exempt = condition(value)?;
    if is_certain(&exempt) {
        value.suspect(EXEMPTS_ALL);
    }
    Some(exempt)
}

/// The condition that an object describes: all its fields must hold.
pub(crate) fn condition(value: &Value<'_>) -> Option<Condition> {
    value.object(|fields| {
        let all = [
            fields.optional("path", |value| text(Subject::Path, value).map(Condition::Path)),
            fields.optional("method", methods),
            fields.optional("host", |value| text(Subject::Host, value).map(Condition::Host)),
            fields.optional("ip", |value| value.one_or_many(ADDRESSES, network).map(Condition::Ip)),
            fields.optional("header", |value| named("header", value, Condition::Header)),
            fields.optional("cookie", |value| named("cookie", value, Condition::Cookie)),
            fields.optional("query", |value| named("query", value, Condition::Query)),
            fields.optional("user", |value| text(Subject::Value, value).map(Condition::User)),
            fields.optional("group", |value| text(Subject::Value, value).map(Condition::Group)),
            fields.optional("tier", |value| text(Subject::Value, value).map(Condition::Tier)),
            fields.optional("authenticated", |value| value.flag().map(Condition::Authenticated)),
            fields.optional("country", |value| value.one_or_many(COUNTRY, country).map(Condition::Country)),
            fields.optional("region", |value| value.one_or_many(REGION, region).map(Condition::Region)),
            fields.optional("all", |value| value.list(CONDITIONS, condition).map(Condition::All)),
            fields.optional("any", |value| value.list(CONDITIONS, condition).map(Condition::Any)),
            fields.optional("not", |value| Some(Condition::Not(Box::new(condition(value)?)))),
        ];
        let parts: Option<Vec<_>> = all.into_iter().collect();
        Some(conjoined(parts?.into_iter().flatten().collect()))
    })
}

/// One condition of several that must all hold.
fn conjoined(mut parts: Vec<Condition>) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            Condition::All(parts)
        }
    }
}

/// A method's name or a list of them, in any case.
fn methods(value: &Value<'_>) -> Option<Condition> {
    let method = |value: &Value<'_>| {
        let method = Method::new(value.text(METHOD)?);
        method.or_else(|| value.wrong(format_args!("not a method; expected {METHOD}")))
    };
    value.one_or_many(METHOD, method).map(Condition::Method)
}

/// A region's code (ISO 3166-2).
fn region(value: &Value<'_>) -> Option<Region> {
    let region = Region::new(value.text(REGION)?);
    region.or_else(|| value.wrong(format_args!("not a region; expected {REGION}")))
}

/// A country's code of two letters (ISO 3166-1).
fn country(value: &Value<'_>) -> Option<Country> {
    let country = Country::new(value.text(COUNTRY)?);
    country.or_else(|| value.wrong(format_args!("not a country; expected {COUNTRY}")))
}

/// A condition for each name of an object; all must hold.
fn named(
    kind: &str,
    object: &Value<'_>,
    condition: impl Fn(String, Option<Text>) -> Condition,
) -> Option<Condition> {
    match object.json() {
        Json::Object(members) if members.is_empty() => {
            return object.wrong(format_args!("an empty object; expected {NAMED}"));
        }
        Json::Object(_) => {}
        // It may be a whole header, such as one that holds a token.
        _ => return object.wrong_discreetly(format_args!("not an object; expected {NAMED}")),
    }
    let parts = object.members(NAMED, |name, value| {
        let value = if is_credential(kind, name) { value.clone().secret() } else { value.clone() };
        let wanted = match value.json() {
            Json::Bool(true) => Some(None),
            _ => text(Subject::Value, &value).map(Some),
        };
        let mistake = if kind == "header" { Condition::header_mistake(name) } else { None };
        let is_named = mistake.is_none_or(|mistake| object.wrong_part::<()>(name, mistake.fault()).is_some());
        wanted.filter(|_| is_named).map(|wanted| condition(name.to_owned(), wanted))
    });
    parts.map(conjoined)
}

/// What a text is about, which decides what can match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A path: it begins with a slash, and prefixes end where a segment ends.
    Path,
    /// A host: case does not matter.
    Host,
    /// Any other value.
    Value,
}

impl Subject {
    const fn expected(self) -> &'static str {
        match self {
            Self::Path => {
                "a path, a list of them, {\"prefix\": path}, {\"glob\": pattern} or {\"regex\": pattern}"
            }
            Self::Host | Self::Value => {
                "a text, a list of them, {\"prefix\": text}, {\"glob\": pattern} or {\"regex\": pattern}"
            }
        }
    }

    const fn one(self) -> &'static str {
        match self {
            Self::Path => PATH,
            Self::Host => "the name of a host",
            Self::Value => "a text",
        }
    }
}

/// The set of texts that a value describes: one matcher, or a list of which any may match.
fn text(subject: Subject, value: &Value<'_>) -> Option<Text> {
    match value.json() {
        Json::List(_) => value.list(subject.expected(), |item| matcher(subject, item)).map(Text::AnyOf),
        _ => matcher(subject, value),
    }
}

/// One text, or an object with one of `prefix`, `glob` and `regex`.
fn matcher(subject: Subject, value: &Value<'_>) -> Option<Text> {
    match value.json() {
        Json::Text(_) => plain(subject, value, Text::Equal),
        Json::Object(_) => pattern(subject, value),
        _ if subject == Subject::Path => {
            value.wrong(format_args!("not a path; expected {}", subject.expected()))
        }
        _ => value.wrong(format_args!("not a text; expected {}", subject.expected())),
    }
}

fn pattern(subject: Subject, value: &Value<'_>) -> Option<Text> {
    value.object(|fields| match ["prefix", "glob", "regex"].map(|name| fields.get(name)) {
        [Some(value), None, None] if subject == Subject::Path => plain(subject, &value, Text::Below),
        [Some(value), None, None] => plain(subject, &value, Text::Prefix),
        [None, Some(value), None] => glob(subject, &value),
        [None, None, Some(value)] => regex(subject, &value).map(Text::Regex),
        // What else stands there is reported with its name.
        [None, None, None] if !fields.are_none() => None,
        _ => value.wrong("not exactly one matcher; expected one of prefix, glob or regex"),
    })
}

fn plain(subject: Subject, value: &Value<'_>, matcher: fn(String) -> Text) -> Option<Text> {
    let text = value.text(subject.one())?;
    let text = match subject {
        // Rules see paths decoded, whatever else is one to them.
        Subject::Path => Paths::Exact.form(text, EscapedSlash::Stays).into_owned(),
        Subject::Host => host(text),
        Subject::Value => text.to_owned(),
    };
    checked(subject, value, matcher(text))
}

fn checked(subject: Subject, value: &Value<'_>, text: Text) -> Option<Text> {
    let mistakes = if subject == Subject::Path { text.path_mistakes() } else { Vec::new() };
    value.checked(text, mistakes)
}

/// A host, or the beginning or the pattern of some, in the form in which rules see hosts.
fn host(text: &str) -> String {
    let label = |label: &str| match Host::parse(label) {
        Ok(host) if !label.is_ascii() => host.as_str().to_owned(),
        _ => label.to_ascii_lowercase(),
    };
    text.split('.').map(label).collect::<Vec<_>>().join(".")
}

fn glob(subject: Subject, value: &Value<'_>) -> Option<Text> {
    let pattern = value.text("a pattern such as \"/users/*/photo\"")?;
    suspect_escapes(subject, value, pattern);
    let glob = match subject {
        Subject::Host => Glob::new(&host(pattern)),
        Subject::Path | Subject::Value => Glob::new(pattern),
    };
    let glob = glob.or_else(|| value.wrong(GLOB_TOO_LONG))?;
    checked(subject, value, Text::Glob(glob))
}

fn regex(subject: Subject, value: &Value<'_>) -> Option<Pattern> {
    let text = value.text(PATTERN)?;
    suspect_escapes(subject, value, text);
    let pattern = match subject {
        Subject::Host => Pattern::in_any_case(text),
        Subject::Path | Subject::Value => Pattern::new(text),
    };
    match pattern {
        Ok(pattern) => Some(pattern),
        Err(error) => value.wrong(format_args!("{error}; expected {PATTERN}")),
    }
}

/// Warns of a pattern with an escape, such as one that was copied from an address bar.
fn suspect_escapes(subject: Subject, value: &Value<'_>, pattern: &str) {
    // What reads like an escaped slash stays as it is.
    let is_decoded = Paths::Exact.form(pattern, EscapedSlash::Stays) != pattern;
    if subject == Subject::Path && is_decoded {
        value.suspect(ENCODED);
    }
}

/// Components by themselves.
const PLAIN: [(&str, Component); 12] = [
    ("site", Component::Site),
    ("ip", Component::Ip),
    ("host", Component::Host),
    ("user", Component::User),
    ("api_key", Component::ApiKey),
    ("tier", Component::Tier),
    ("groups", Component::Groups),
    ("country", Component::Country),
    ("region", Component::Region),
    ("method", Component::Method),
    ("path", Component::Path),
    ("route", Component::Route),
];

/// Those that name something.
const NAMING: [&str; 3] = ["header:NAME", "cookie:NAME", "query:NAME"];

/// The key that a component, or a list of them, describes.
///
/// ```json
/// "ip"
/// ["header:x-tenant", "route"]
/// ```
pub(crate) fn key(value: &Value<'_>) -> Option<KeySpec> {
    let key = KeySpec(value.one_or_many(COMPONENT, component)?);
    match key.twice() {
        Some(at) => value.items()[at].wrong(TWICE_IN_KEY),
        None => Some(key),
    }
}

/// What stands in for a component that is missing.
pub(crate) fn missing(value: &Value<'_>) -> Option<Missing> {
    match value.json() {
        Json::Text(text) if text == "skip" => Some(Missing::Skip),
        _ => component(value).map(Missing::Use),
    }
}

/// What tells the clients of a fair rule apart: their addresses, if it is just fair.
pub(crate) fn fair(value: &Value<'_>) -> Option<Option<KeySpec>> {
    match value.json() {
        Json::Bool(fair) => Some(fair.then(|| Component::Ip.into())),
        _ => key(value).map(Some),
    }
}

/// One part of a key: a word such as `"ip"`, or a kind and a name such as `"header:x-tenant"`.
fn component(value: &Value<'_>) -> Option<Component> {
    let text = value.text(COMPONENT)?;
    if let Some((_, plain)) = PLAIN.iter().find(|(word, _)| *word == text) {
        return Some(plain.clone());
    }
    let naming = match text.split_once(':').map(|(kind, name)| (kind, name.trim())) {
        Some(("header", name)) => Some(Component::Header(name.to_ascii_lowercase())),
        Some(("cookie", name)) => Some(Component::Cookie(name.to_owned())),
        Some(("query", name)) => Some(Component::Query(name.to_owned())),
        _ => None,
    };
    naming.filter(|component| component.mistake().is_none()).or_else(|| unknown(text, value))
}

fn unknown(text: &str, value: &Value<'_>) -> Option<Component> {
    match nearest(text, PLAIN.iter().map(|(word, _)| *word).chain(NAMING)) {
        Some(meant) => value.wrong(format_args!("no such component; did you mean {meant}?")),
        None => value.wrong(format_args!("no such component; expected {COMPONENT}")),
    }
}

/// A range of addresses.
fn network(value: &Value<'_>) -> Option<Network> {
    match value.text(NETWORK)?.parse() {
        Ok(network) => Some(network),
        Err(fault) => value.wrong(fault.words(NETWORK)),
    }
}
