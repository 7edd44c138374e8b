//! Origins: who said what a configuration says.

use std::fmt;
use std::sync::Arc;

/// Who said a value of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody.
    Default,
    /// A file, by its path.
    File(Arc<str>),
    /// A variable of the environment, by its name.
    Environment(&'static str),
    /// An argument of the command line, by its name.
    Argument(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Argument(name) => write!(f, "command line {name}"),
        }
    }
}

/// One value of an effective configuration, and who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, or the place within it that a higher layer has replaced.
    pub key: String,
    /// The value as JSON without secrets: on one line, but a list of objects has a line for each.
    pub value: String,
    /// Who said it.
    pub origin: Origin,
}

impl Entry {
    pub(super) fn new(key: &str, value: impl fmt::Display, origin: Origin) -> Self {
        Self { key: key.to_owned(), value: value.to_string(), origin }
    }
}
