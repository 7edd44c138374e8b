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
    /// A problem with a whole file.
    pub(super) fn of_file(file: &str, fault: impl fmt::Display) -> Self {
        Self::at(file, "", None, fault)
    }

    /// A problem with what stands, or should stand, at a place in a file.
    pub(super) fn at(file: &str, place: &str, found: Option<String>, fault: impl fmt::Display) -> Self {
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
pub struct Errors(pub(super) Vec<Problem>);

impl Errors {
    /// Those problems, each once.
    pub(super) fn distinct<'a>(problems: impl Iterator<Item = &'a Problem>) -> Self {
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
