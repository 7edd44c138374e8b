//! What is wrong with a rule that code describes.

use std::fmt;

use crate::model::rate_error::RateError;

/// What is wrong with a rule that code describes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// A name that is none: 1 to 64 ASCII letters, digits, and `-` `_` `.` between them.
    Name(String),
    /// Two rules of one budget that have this name, and so would spend each other's quota.
    NameTwice(String),
    /// What is wrong with the rate string of the rule of this name.
    Rates(String, RateError),
    /// Limits of requests beside others, whose keys would differ, in the rule of this name, which says none.
    Key(String),
    /// Limits that do not count requests, in the rule of this name, which counts refusals: those take no time.
    Counts(String),
    /// No limit with a window to share out, or refusals alone that are counted, in the rule of this name, which is fair.
    Fair(String),
    /// A status of a refusal that is not from 400 to 599.
    Status(u16),
    /// A path to rewrite to that does not begin with `/`, or is no path.
    Target(String),
    /// A method that no request can have.
    Method(String),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(
                f,
                "{name:?}: no name of a rule; expected 1 to 64 letters, digits, and - _ . between them"
            ),
            Self::NameTwice(name) => write!(f, "two rules are called {name}; expected names that differ"),
            Self::Rates(name, error) => write!(f, "the rule {name}: {error}"),
            Self::Key(name) => write!(
                f,
                "the rule {name} has limits of requests beside others, whose keys would differ; expected a key, or two rules"
            ),
            Self::Counts(name) => {
                write!(f, "the rule {name} counts refusals, which take no time; expected limits of requests")
            }
            Self::Fair(name) => {
                write!(
                    f,
                    "the rule {name} is fair and shares nothing out; expected a limit per period, of what is served"
                )
            }
            Self::Status(status) => {
                write!(f, "{status}: no status of a refusal; expected a status from 400 to 599")
            }
            Self::Target(path) => write!(
                f,
                "{path:?}: no such path; expected a path that begins with /, as it is written in a URL, without a query"
            ),
            Self::Method(name) => write!(f, "{name:?}: no method"),
        }
    }
}

impl std::error::Error for RuleError {}
