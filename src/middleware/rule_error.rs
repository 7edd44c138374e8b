//! What is wrong with a budget, all of it at once.

use std::fmt;

use crate::config::Errors;
use crate::model::{Finding, Mistake};

/// All that is wrong with a budget, at least one mistake.
///
/// Displays as a line for each: `the rule ban: counts refusals, which take no time; expected limits of requests`. The
/// words are those that a site file's loader has for it; what is wrong with files comes first, with the file and the place in
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(Vec<Finding>);

impl RuleError {
    /// The mistakes, rule by rule.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// The error that findings are, unless none of them is more than suspect.
    pub(crate) fn of(findings: impl IntoIterator<Item = Finding>) -> Result<(), Self> {
        let wrong: Vec<_> = findings.into_iter().filter(|finding| finding.mistake.is_wrong()).collect();
        if wrong.is_empty() { Ok(()) } else { Err(Self(wrong)) }
    }

    pub(crate) fn of_files(errors: &Errors, code: Option<Self>) -> Self {
        let of_files = errors.problems().iter().map(|problem| wrong(problem.to_string()));
        Self(of_files.chain(code.into_iter().flat_map(|code| code.0)).collect())
    }

    pub(crate) fn of_text(text: String) -> Self {
        Self(vec![wrong(text)])
    }
}

fn wrong(text: String) -> Finding {
    Finding::of_site(Mistake::wrong(text))
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.0.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            write!(f, "{newline}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RuleError {}
