//! What a loader cannot see in the files.

use crate::config::environment::Environment;
use crate::config::report::Report;

/// What a loader cannot see in the files; by default there is nothing more.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whether the application's own code [tells](crate::TimeBudget::identify) who clients are.
    ///
    /// Else a rule that asks for users, while no key of the files says who tells them, is an error.
    pub identity_in_code: bool,
    /// The names of rules that code [describes](crate::TimeBudget::rule), so that tiers and overrides of the files
    /// can be about them.
    pub rules_in_code: Vec<String>,
    /// What the environment says.
    pub environment: Environment,
}

impl From<Environment> for Options {
    fn from(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }
}

impl Options {
    /// The same for an application whose own code tells who clients are.
    #[must_use]
    pub fn with_identity_in_code(self) -> Self {
        Self { identity_in_code: true, ..self }
    }

    /// The same for an application whose own code describes rules of these names.
    #[must_use]
    pub fn with_rules_in_code<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rules_in_code: names.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// A report that begins with what was found in the environment.
    pub(super) fn report(&self) -> Report {
        let Environment { errors, warnings, .. } = &self.environment;
        let mut report = Report::beginning(errors.clone(), warnings.clone(), self.identity_in_code);
        report.rules_in_code.clone_from(&self.rules_in_code);
        report
    }
}
