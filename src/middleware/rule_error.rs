//! What is wrong with rules that code describes.

use std::fmt;

use crate::model::Finding;

/// All that is wrong with rules that code describes, at least one mistake.
///
/// Displays as a line for each: `the rule ban: counts refusals, which take no time; expected limits of requests`. The
/// words are those that a site file's loader has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(Vec<Finding>);

impl RuleError {
    /// The error that mistakes are; `None` if none of them is more than suspect.
    pub(super) fn of(findings: &[Finding]) -> Option<Self> {
        let wrong: Vec<_> = findings.iter().filter(|finding| finding.mistake.is_wrong()).cloned().collect();
        (!wrong.is_empty()).then_some(Self(wrong))
    }

    /// The mistakes, rule by rule.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }
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
