//! Matchers of texts in a site file.

use crate::config::json::Json;
use crate::config::node::{Known, Node};
use crate::config::report::Report;
use crate::model::wording::ENCODED;
use crate::model::wording::{GLOB_OF_NO_PATH, GLOB_TOO_LONG, PATH, PATTERN};
use crate::model::{EscapedSlash, Glob, Host, Paths, Pattern, Text};
use crate::model::{can_match_paths, is_path};

/// What a text is about, which decides what can match it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A path: it begins with a slash, and prefixes end where a segment ends.
    Path,
    /// A host: case does not matter.
    Host,
    /// Any other value.
    Value,
}

const MATCHERS: Known = Known { now: &["prefix", "glob", "regex"], later: &[] };

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
pub(super) fn text(subject: Subject, node: &Node<'_>, report: &mut Report) -> Option<Text> {
    let Json::List(_) = node.json() else {
        return one(subject, node, report);
    };
    let items = node.items(subject.expected(), report)?;
    let texts: Vec<_> = items.iter().map(|item| one(subject, item, report)).collect();
    texts.into_iter().collect::<Option<_>>().map(Text::AnyOf)
}

fn one(subject: Subject, node: &Node<'_>, report: &mut Report) -> Option<Text> {
    match node.json() {
        Json::Text(_) => plain(subject, node, report).map(Text::Equal),
        Json::Object(_) => matcher(subject, node, report),
        _ if subject == Subject::Path => {
            node.wrong(format_args!("no path; expected {}", subject.expected()), report)
        }
        _ => node.wrong(format_args!("no text; expected {}", subject.expected()), report),
    }
}

fn matcher(subject: Subject, node: &Node<'_>, report: &mut Report) -> Option<Text> {
    let fields = node.fields(&MATCHERS, report)?;
    let [prefix, wildcards, expression] = ["prefix", "glob", "regex"].map(|name| fields.optional(name));
    match (prefix, wildcards, expression) {
        (Some(node), None, None) => {
            let begin = plain(subject, &node, report)?;
            Some(if subject == Subject::Path { Text::Below(begin) } else { Text::Prefix(begin) })
        }
        (None, Some(node), None) => glob(subject, &node, report).map(Text::Glob),
        (None, None, Some(node)) => pattern(subject, &node, report).map(Text::Regex),
        // What else stands there has been reported with its name.
        (None, None, None) if fields.names().next().is_some() => None,
        _ => node.wrong("not one matcher; expected one of prefix, glob or regex", report),
    }
}

fn plain(subject: Subject, node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(subject.one(), report)?;
    match subject {
        Subject::Path if !is_path(text) => node.wrong(format_args!("no path; expected {PATH}"), report),
        Subject::Host => Some(host(text)),
        // Rules see paths decoded, whatever else is one to them.
        Subject::Path => Some(Paths::Exact.form(text, EscapedSlash::Stays).into_owned()),
        Subject::Value => Some(text.to_owned()),
    }
}

/// A host, or the beginning or the pattern of some, in the form in which rules see hosts.
fn host(text: &str) -> String {
    let label = |label: &str| match Host::parse(label) {
        Ok(host) if !label.is_ascii() => host.as_str().to_owned(),
        _ => label.to_ascii_lowercase(),
    };
    text.split('.').map(label).collect::<Vec<_>>().join(".")
}

fn glob(subject: Subject, node: &Node<'_>, report: &mut Report) -> Option<Glob> {
    let pattern = node.text("a pattern such as \"/users/*/photo\"", report)?;
    if subject == Subject::Path && !can_match_paths(pattern) {
        return node.wrong(GLOB_OF_NO_PATH, report);
    }
    suspect_escapes(subject, node, pattern, report);
    let glob = match subject {
        Subject::Host => Glob::new(&host(pattern)),
        Subject::Path | Subject::Value => Glob::new(pattern),
    };
    glob.or_else(|| node.wrong(GLOB_TOO_LONG, report))
}

fn pattern(subject: Subject, node: &Node<'_>, report: &mut Report) -> Option<Pattern> {
    let text = node.text(PATTERN, report)?;
    suspect_escapes(subject, node, text, report);
    let pattern = match subject {
        Subject::Host => Pattern::in_any_case(text),
        Subject::Path | Subject::Value => Pattern::new(text),
    };
    match pattern {
        Ok(pattern) => Some(pattern),
        Err(error) => node.wrong(format_args!("{error}; expected {PATTERN}"), report),
    }
}

/// Warns of a pattern with an escape, such as one that was copied from an address bar.
fn suspect_escapes(subject: Subject, node: &Node<'_>, pattern: &str, report: &mut Report) {
    // What reads like an escaped slash stays as it is.
    let is_decoded = Paths::Exact.form(pattern, EscapedSlash::Stays) != pattern;
    if subject == Subject::Path && is_decoded {
        node.suspect(ENCODED, report);
    }
}
