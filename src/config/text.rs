//! Matchers of texts in a site file.

use crate::config::json::Json;
use crate::config::reader::Value;
use crate::model::wording::{ENCODED, GLOB_TOO_LONG, PATH, PATTERN};
use crate::model::{EscapedSlash, Glob, Host, Paths, Pattern, Text};

/// What a text is about, which decides what can match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
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
pub(crate) fn text(subject: Subject, value: &Value<'_>) -> Option<Text> {
    match value.json() {
        Json::List(_) => value.list(subject.expected(), |item| matcher(subject, item)).map(Text::AnyOf),
        _ => matcher(subject, value),
    }
}

fn matcher(subject: Subject, value: &Value<'_>) -> Option<Text> {
    match value.json() {
        Json::Text(_) => plain(subject, value, Text::Equal),
        Json::Object(_) => pattern(subject, value),
        _ if subject == Subject::Path => {
            value.wrong(format_args!("no path; expected {}", subject.expected()))
        }
        _ => value.wrong(format_args!("no text; expected {}", subject.expected())),
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
        _ => value.wrong("not one matcher; expected one of prefix, glob or regex"),
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
