//! What is wrong with a configuration, said so that somebody can mend it.

use std::collections::HashSet;
use std::fmt;

/// One thing that is wrong, or suspect, in a file of the configuration.
///
/// Displays as one line of file, JSON path, value found, fault and expectation, as far as each applies:
/// `site_config.json: rate_limit.limit: -1: below zero; expected …`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    file: String,
    place: String,
    found: Option<String>,
    fault: String,
}

impl Problem {
    /// A problem with what stands, or should stand, at a place in a file; the empty place is the whole file.
    pub(crate) fn new(file: &str, place: &str, found: Option<String>, fault: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), place: place.to_owned(), found, fault: fault.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if let Some(found) = &self.found {
            write!(f, "{found}: ")?;
        }
        f.write_str(&self.fault)
    }
}

/// Everything that is wrong with a configuration, at least one problem.
///
/// Displays as one line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub(crate) Vec<Problem>);

impl Errors {
    /// Those problems, each once.
    pub(crate) fn distinct<'a>(problems: impl Iterator<Item = &'a Problem>) -> Self {
        let mut seen = HashSet::new();
        Self(problems.filter(|problem| seen.insert(*problem)).cloned().collect())
    }

    /// The problems, file by file and key by key.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

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
