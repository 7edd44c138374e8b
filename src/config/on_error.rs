//! What becomes of sites whose own file is wrong.

use std::fmt;

use crate::config::json::Json;
use crate::config::node::Node;
use crate::config::problem::Errors;
use crate::config::report::Report;

/// What becomes of the requests of a site whose own file is wrong, where it has no last rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OnError {
    #[default]
    Refuse,
    Open,
}

/// What `rate_limit_on_error` is.
pub(super) fn on_error(node: &Node<'_>, report: &mut Report) -> Option<OnError> {
    match node.json() {
        Json::Text(text) if text == "refuse" => Some(OnError::Refuse),
        Json::Text(text) if text == "open" => Some(OnError::Open),
        _ => node.wrong("expected \"refuse\" or \"open\"", report),
    }
}

/// A site whose own file is wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WrongSite {
    /// The site's name.
    pub site: String,
    /// What becomes of its requests until it is right.
    pub meanwhile: Meanwhile,
    /// All that is wrong with it.
    pub errors: Errors,
}

/// What becomes of the requests of a site while its own file is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meanwhile {
    /// They fall under the rules that were in force when it was last right.
    LastRules,
    /// They are answered with 503, for nobody knows its rules.
    Refused,
    /// They are not limited, as `"rate_limit_on_error": "open"` wants it.
    Open,
}

impl fmt::Display for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastRules => "its last rules stay",
            Self::Refused => "its requests are refused",
            Self::Open => "its requests are not limited",
        })
    }
}
