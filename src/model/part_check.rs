//! What is wrong with the parts of rules: keys, conditions, statuses and refusals.

use crate::model::action::Block;
use crate::model::condition::Condition;
use crate::model::key_spec::{Component, KeySpec};
use crate::model::method::is_token;
use crate::model::mistake::Mistake;
use crate::model::statuses::{StatusSet, Statuses};
use crate::model::text::Text;

/// What a component of a key may be.
pub(crate) const COMPONENT: &str = "site, ip, host, user, api_key, tier, groups, country, region, method, path, route, header:NAME, cookie:NAME or query:NAME";
/// What stands twice in a key.
pub(crate) const TWICE_IN_KEY: &str = "stands more than once; expected each component once";
/// What a path may be.
pub(crate) const PATH: &str = "a path that begins with /";
/// What a method may be.
pub(crate) const METHOD: &str = "a method such as \"GET\", or a list of them";
/// What statuses may be.
pub(crate) const STATUSES: &str = "a status, a class such as \"4xx\", or a list of them";
/// What the status of a refusal may be.
pub(crate) const STATUS: &str = "a status from 400 to 599";
/// What the type of a body may be.
pub(crate) const CONTENT_TYPE: &str = "a media type such as \"application/json\"";
/// A glob that no path matches.
pub(crate) const GLOB_OF_NO_PATH: &str = "matches no path; expected a pattern that begins with / or **";
/// A path that no request has: the query is no part of it.
pub(crate) const QUERY_IN_PATH: &str = "has a query, which is no part of a path; expected the path alone";
/// A path that reads like a pattern.
pub(crate) const PATTERN_AS_PATH: &str =
    "taken to the letter, wildcards and all; expected a glob such as \"/users/*/photo\" if they are meant";
/// What the name of a header may be.
pub(crate) const FIELD_NAME: &str = "a name such as \"User-Agent\"";
/// A glob that is longer than globs may be.
pub(crate) const GLOB_TOO_LONG: &str = "too long; expected at most 127 characters";
/// What a regular expression may be.
pub(crate) const PATTERN: &str = "a regular expression such as \"^/v[0-9]+/\"";
/// A body's type, and no body.
pub(crate) const TYPE_OF_NOTHING: &str = "a content_type without a body; expected both or none";
/// A message that nobody would read.
pub(crate) const MESSAGE_UNSHOWN: &str =
    "a message beside a body that does not show it; expected one of them";

impl KeySpec {
    /// What is wrong with the key.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let Self(parts) = self;
        if parts.is_empty() {
            return vec![empty_list(COMPONENT)];
        }
        let twice = (1..parts.len()).find(|at| parts[..*at].contains(&parts[*at]));
        let twice = twice.map(|at| Mistake::wrong(TWICE_IN_KEY).of_text(&parts[at].to_string()));
        parts.iter().filter_map(Component::mistake).chain(twice).collect()
    }
}

impl Component {
    /// What is wrong with the component.
    pub(crate) fn mistake(&self) -> Option<Mistake> {
        let is_named = match self {
            Self::Header(name) => is_token(name),
            Self::Cookie(name) | Self::Query(name) => !name.is_empty(),
            _ => true,
        };
        let fault = || Mistake::wrong(format!("no such component; expected {COMPONENT}"));
        (!is_named).then(|| fault().of_text(&self.to_string()))
    }
}

impl Condition {
    /// What is wrong with the condition.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Path(text) => text.path_mistakes(),
            Self::Method(methods) if methods.is_empty() => vec![empty_list(METHOD)],
            Self::Ip(networks) if networks.is_empty() => {
                vec![empty_list("a list of addresses and ranges such as \"10.0.0.0/8\"")]
            }
            Self::Header(name, _) if !is_token(name) => {
                vec![Mistake::wrong(format!("no name of a header; expected {FIELD_NAME}")).of_text(name)]
            }
            Self::Any(parts) if parts.is_empty() => vec![empty_list("a list of conditions")],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::mistakes).collect(),
            Self::Not(part) => part.mistakes(),
            _ => Vec::new(),
        }
    }
}

impl Text {
    /// What is wrong with the text as one of paths.
    fn path_mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Equal(path) | Self::Below(path) | Self::Prefix(path) if !is_path(path) => {
                vec![Mistake::wrong(format!("no path; expected {PATH}")).of_text(path)]
            }
            Self::Equal(path) | Self::Below(path) | Self::Prefix(path) => {
                unlikely(path).into_iter().collect()
            }
            Self::Glob(glob) if !can_match_paths(&glob.to_string()) => {
                vec![Mistake::wrong(GLOB_OF_NO_PATH).of_text(&glob.to_string())]
            }
            Self::AnyOf(texts) if texts.is_empty() => vec![empty_list(PATH)],
            Self::AnyOf(texts) => texts.iter().flat_map(Self::path_mistakes).collect(),
            _ => Vec::new(),
        }
    }
}

/// What is suspect about a path that is meant to the letter.
fn unlikely(path: &str) -> Option<Mistake> {
    let has_query = path.contains('?').then_some(QUERY_IN_PATH);
    let fault = has_query.or(path.contains(['*', '{']).then_some(PATTERN_AS_PATH))?;
    Some(Mistake::suspect(fault).of_text(path))
}

/// Whether a text can be a path.
pub(crate) fn is_path(text: &str) -> bool {
    text.starts_with('/')
}

/// Whether a glob can match a path: those begin with a slash, which neither `*` nor `?` stands for.
pub(crate) fn can_match_paths(glob: &str) -> bool {
    glob.starts_with('/') || glob.starts_with("**")
}

impl Statuses {
    /// What is wrong with the statuses.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        if self.0.is_empty() {
            return vec![empty_list(STATUSES)];
        }
        let wrong = self.0.iter().filter(|set| !set.is_possible());
        wrong.map(|set| Mistake::wrong(format!("no status; expected {STATUSES}")).of(set)).collect()
    }
}

impl StatusSet {
    /// Whether there are such statuses.
    pub(crate) fn is_possible(&self) -> bool {
        match self {
            Self::Class(class) => (1..=5).contains(class),
            Self::Code(code) => (100..=599).contains(code),
        }
    }
}

impl Block {
    /// What is wrong with the answer.
    pub(crate) fn mistake(&self) -> Option<Mistake> {
        let Self { status, message, body, content_type } = self;
        if let Some(status) = status.filter(|status| !Self::can_have_status(*status)) {
            return Some(Mistake::wrong(format!("no status of a refusal; expected {STATUS}")).of(status));
        }
        match (message, body, content_type) {
            (_, None, Some(_)) => Some(Mistake::wrong(TYPE_OF_NOTHING)),
            (Some(_), Some(_), _) => Some(Mistake::wrong(MESSAGE_UNSHOWN)),
            (_, _, Some(media)) if !Self::can_have_type(media) => {
                Some(Mistake::wrong(format!("no media type; expected {CONTENT_TYPE}")).of_text(media))
            }
            _ => None,
        }
    }

    /// Whether refusals can have a status.
    pub(crate) fn can_have_status(status: u16) -> bool {
        (400..=599).contains(&status)
    }

    /// Whether a body can be of a media type.
    pub(crate) fn can_have_type(media: &str) -> bool {
        media.contains('/') && media.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }
}

fn empty_list(expected: &str) -> Mistake {
    Mistake::wrong(format!("an empty list; expected {expected}"))
}
